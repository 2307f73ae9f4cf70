"""What was given to each image, and what would have been right: for pictures and lists of photos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fashionbatch.decisions import UNDECIDED, DecisionRule, LabelArray, right_images

_NOTHING = "(none)"


@dataclass(frozen=True)
class Predictions:
    """The decisions of a split, in its order.

    Attributes:
        names: how classes are shown.
        right: class numbers int64 `(n,)`, or bool `(n, classes)`.
        given: the same for what was given; `UNDECIDED` where nothing was.
        probability: float32 `(n,)`, of the class that was given; NaN where several are, or where it is not known.
        correct: bool `(n,)`, whether all that was given is right.
        surprise: float32 `(n,)` in 0..1, how sure the network was of a wrong answer: `probability`, or for several
            labels how far its worst output is from the truth.
    """

    names: tuple[str, ...]
    right: LabelArray
    given: LabelArray
    probability: NDArray[np.float32]
    correct: NDArray[np.bool_]
    surprise: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.correct)

    def mistakes(self) -> list[int]:
        """The images that are wrong, those that the network was surest about first."""
        [wrong] = np.nonzero(~self.correct)
        order = np.argsort(-self.surprise[wrong], kind="stable")
        return [int(number) for number in wrong[order]]

    def right_text(self, image: int) -> str:
        """The right label, or the right ones joined by commas."""
        return self._text(self.right[image])

    def given_text(self, image: int) -> str:
        """The label that was given, or those joined by commas."""
        return self._text(self.given[image])

    def percentage(self, image: int) -> str:
        """The probability of the label that was given, as `(99%)`; empty where there is no one probability."""
        probability = self.probability[image]
        # Rounding down: a wrong label at 99.96% must not read as certain.
        return f"({int(probability * 100)}%)" if np.isfinite(probability) else ""

    def names_of(self, decision: NDArray[np.bool_] | np.int64) -> list[str]:
        """The labels of one row of `right` or `given`; empty where there is none."""
        if isinstance(decision, np.ndarray):
            return [name for name, yes in zip(self.names, decision, strict=True) if yes]
        return [] if decision == UNDECIDED else [self.names[int(decision)]]

    def _text(self, decision: NDArray[np.bool_] | np.int64) -> str:
        return ", ".join(self.names_of(decision)) or _NOTHING


def predict_labels(
    targets: NDArray[np.float32],
    probabilities: NDArray[np.float32],
    names: Sequence[str],
    rule: DecisionRule,
) -> Predictions:
    """The decisions behind probabilities, beside the truth.

    Args:
        targets: float32 `(n, outputs)`, what is right.
        probabilities: float32 `(n, outputs)`.
        names: how classes are shown, in order.
        rule: by which probabilities become labels.

    Raises:
        DataError: a probability is not a number.
    """
    decisions = rule.decide_all(probabilities)
    right, given = rule.truth(targets), decisions.as_array()
    if rule.has_many:
        probability = np.full(len(given), np.nan, np.float32)
        surprise = np.abs(targets - probabilities).max(axis=1)
    else:
        surprise = probability = decisions.winner.probabilities
    return Predictions(
        names=tuple(names),
        right=right,
        given=given,
        probability=probability.astype(np.float32),
        correct=right_images(right, given),
        surprise=surprise.astype(np.float32),
    )
