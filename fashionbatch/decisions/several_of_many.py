"""Several of many classes: each for itself, by its own threshold; and groups of classes of which one wins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from fashionbatch.decisions.result import Winners
from fashionbatch.decisions.rule import PLAIN_THRESHOLD, DecisionRule
from fashionbatch.specs import Decoding


@dataclass(frozen=True, kw_only=True)
class SeveralOfMany(DecisionRule):
    """The labels are the classes at or over their thresholds, or at or over the user's minimum in their place.

    The likeliest class of each group is the group's own label, whether it reaches its threshold or not. The user's
    minimum counts there, too.
    """

    decoding: ClassVar[Decoding] = "several_of_many"
    has_many: ClassVar[bool] = True
    sums_to_one: ClassVar[bool] = False

    def truth(self, targets: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Bool `(n, classes)` behind multi-hot rows."""
        return np.asarray(targets > 0.5)

    @property
    def class_thresholds(self) -> tuple[float, ...]:
        """One threshold for each class: the bundle's own, or one half."""
        return self.thresholds or (PLAIN_THRESHOLD,) * len(self.class_names)

    @property
    def limits(self) -> tuple[float, ...]:
        """The thresholds, or the user's minimum in their place."""
        return self.class_thresholds if self.minimum is None else (self.minimum,) * len(self.class_names)

    def _check_parts(self) -> None:
        if len(self.thresholds) not in {0, len(self.class_names)}:
            raise ValueError(f"{len(self.thresholds)} thresholds for {len(self.class_names)} classes")
        for group, members in self.groups.items():
            if not members or len(set(members)) != len(members):
                raise ValueError(f"group {group!r} is empty or names a class twice")
            if unknown := set(members) - set(self.class_names):
                raise ValueError(f"group {group!r} names {min(unknown)!r}, which is no class")

    def _chosen(self, probabilities: NDArray[np.float32], winner: Winners) -> NDArray[np.bool_]:  # noqa: ARG002 - each for itself
        # As float64, since float32 would round the thresholds.
        least = self._least_named
        return probabilities >= (np.asarray(self.class_thresholds, np.float64) if least is None else least)
