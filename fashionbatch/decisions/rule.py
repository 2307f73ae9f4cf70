"""What every rule has in common: from a network's outputs to class probabilities, and from those to labels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from fashionbatch.decisions.arrays import LabelArray, require_numbers
from fashionbatch.decisions.result import Decisions, Winners, winners
from fashionbatch.decisions.written import least_that_reaches
from fashionbatch.specs import Decoding

PLAIN_THRESHOLD = 0.5
"""What a probability must reach where a bundle has no threshold of its own."""

RuleT = TypeVar("RuleT", bound="DecisionRule")


@dataclass(frozen=True, kw_only=True)
class DecisionRule(ABC):
    """How the outputs of one network become labels. `rule_for` makes the rule of a decoding.

    Attributes:
        class_names: in the order of the network's outputs.
        thresholds: what a class's probability must reach, as the bundle stores it; how many there may be, the decoding
            says. Empty where none were chosen.
        groups: attribute -> the names of the classes of which one wins.
        minimum: what the user asks for with `--threshold`: a label whose probability is written in the table as less is
            not named. None where nothing is asked for.

    Raises:
        ValueError: the parts do not fit together.
    """

    decoding: ClassVar[Decoding]
    has_many: ClassVar[bool]
    """Whether an image may have several labels, or none."""
    sums_to_one: ClassVar[bool]
    """Whether the outputs for an image sum to 1, since one class excludes the others."""
    fixed_class_count: ClassVar[int | None] = None
    """The only number of classes that the decoding knows; None where any number will do."""

    class_names: tuple[str, ...]
    thresholds: tuple[float, ...] = ()
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    minimum: float | None = None

    def __post_init__(self) -> None:
        if not all(0 <= threshold <= 1 for threshold in self.thresholds):
            raise ValueError("thresholds must be between 0 and 1")
        if self.minimum is not None and not 0 <= self.minimum <= 1:
            raise ValueError(f"the minimum must be between 0 and 1, got {self.minimum}")
        if self.groups and not self.has_many:
            raise ValueError("only several_of_many has groups")
        self._check_parts()

    # ----------------------------------------------------------------------------------------------- the network's side

    @classmethod
    def outputs_for(cls, class_count: int) -> int:
        """Numbers that a network for so many classes gives for each image."""
        return class_count

    @property
    def outputs(self) -> int:
        """Numbers that the network gives for each image."""
        return self.outputs_for(len(self.class_names))

    @property
    def output_classes(self) -> range:
        """The number of the class that each output speaks for."""
        classes = len(self.class_names)
        return range(classes - self.outputs, classes)

    def targets(self, labels: Sequence[Sequence[str]]) -> NDArray[np.float32]:
        """Labels as training targets.

        Args:
            labels: for each image the names of its classes.

        Returns:
            float32 `(images, outputs)`, 1 where the output's class is among the labels, else 0.

        Raises:
            KeyError: a label is no class.
        """
        position = {name: index for index, name in enumerate(self.class_names)}
        targets = np.zeros((len(labels), len(self.class_names)), np.float32)
        for row, names in enumerate(labels):
            for name in names:
                targets[row, position[name]] = 1
        return np.ascontiguousarray(targets[:, self.output_classes.start :])

    @abstractmethod
    def truth(self, targets: NDArray[np.float32]) -> LabelArray:
        """The right labels behind training targets `(n, outputs)`, in the shape of `Decisions.as_array`."""

    # ---------------------------------------------------------------------------------------------------- the two steps

    def class_probabilities(self, outputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """The first step: a column for each class, which is what `prob_<class>` columns hold.

        Args:
            outputs: float32 `(n, outputs)`.

        Returns:
            float32 `(n, classes)`.
        """
        return outputs

    def decide(self, outputs: NDArray[np.float32]) -> Decisions:
        """Both steps, for all images at once. An image is decided alike alone and among others.

        Args:
            outputs: float32 `(n, outputs)`, as the network gives them.

        Returns:
            The labels; `Decisions.valid` says where the outputs are no probabilities.

        Raises:
            ValueError: the array is not `(n, outputs)`.

        Example:
            >>> rule = rule_for("one_of_many", ["bag", "coat", "shoe"])  # doctest: +SKIP
            >>> decisions = rule.decide(session.predict(images))  # doctest: +SKIP
            >>> [rule.class_names[number] for number in decisions.winner.classes]  # doctest: +SKIP
            ['coat', 'bag']
        """
        if outputs.ndim != 2 or outputs.shape[1] != self.outputs:
            raise ValueError(f"expected outputs (n, {self.outputs}), got {outputs.shape}")
        probabilities = self.class_probabilities(outputs)
        winning = self._winning_classes(probabilities)
        winner = winners(winning, probabilities[np.arange(len(probabilities)), winning], self._least_named)
        return Decisions(
            class_probabilities=probabilities,
            winner=winner,
            chosen=self._chosen(probabilities, winner),
            groups=self._group_winners(probabilities),
            valid=_are_probabilities(outputs),
            has_many=self.has_many,
            least=self._least_named,
        )

    def decide_all(self, outputs: NDArray[np.float32]) -> Decisions:
        """As `decide`, for figures: there an output that is not a number is an error, not a row that failed.

        Raises:
            DataError: an output is not a number.
            ValueError: the array is not `(n, outputs)`.
        """
        require_numbers(outputs)
        return self.decide(outputs)

    # --------------------------------------------------------------------------------------------- what must be reached

    def with_minimum(self: RuleT, minimum: float | None) -> RuleT:
        """The same rule for a user who asks for this minimum."""
        return replace(self, minimum=minimum)

    @property
    @abstractmethod
    def class_thresholds(self) -> tuple[float | None, ...]:
        """For each class the bundle's threshold for its probability; None where the likelier class wins."""

    @property
    @abstractmethod
    def limits(self) -> tuple[float | None, ...]:
        """For each class what its probability has to reach so that it is named, the user's minimum included.

        None where nothing is asked of it but to win.
        """

    # ------------------------------------------------------------------------------------------------------ by decoding

    @abstractmethod
    def _check_parts(self) -> None:
        """Raise ValueError where classes, thresholds or groups are not those of this decoding."""

    def _winning_classes(self, probabilities: NDArray[np.float32]) -> NDArray[np.int64]:
        # Of equally likely classes argmax takes the first.
        return np.asarray(probabilities.argmax(axis=1), np.int64)

    def _chosen(self, probabilities: NDArray[np.float32], winner: Winners) -> NDArray[np.bool_]:
        chosen = np.zeros(probabilities.shape, np.bool_)
        chosen[np.arange(len(probabilities)), winner.classes] = winner.named
        return chosen

    def _group_winners(self, probabilities: NDArray[np.float32]) -> dict[str, Winners]:
        numbers = {name: number for number, name in enumerate(self.class_names)}
        return {
            group: self._group_winner(probabilities, [numbers[name] for name in members])
            for group, members in self.groups.items()
        }

    def _group_winner(self, probabilities: NDArray[np.float32], members: Sequence[int]) -> Winners:
        # Sorted, since ties go to the class that is earlier in the bundle, not in the group's list.
        candidates = np.array(sorted(members), np.int64)
        within = probabilities[:, candidates]
        best = within.argmax(axis=1)
        return winners(candidates[best], within[np.arange(len(within)), best], self._least_named)

    @property
    def _least_named(self) -> np.float32 | None:
        return None if self.minimum is None else least_that_reaches(self.minimum)


def _are_probabilities(outputs: NDArray[np.float32]) -> NDArray[np.bool_]:
    # Rounding may carry a softmax a little over 1. NaN fails both comparisons.
    inside = (outputs >= -1e-4) & (outputs <= 1 + 1e-4)
    return np.asarray(inside.all(axis=1), np.bool_)
