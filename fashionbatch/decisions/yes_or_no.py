"""Yes or no: the first of two classes or the second, by one number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from fashionbatch.decisions.rule import PLAIN_THRESHOLD, DecisionRule
from fashionbatch.specs import Decoding


@dataclass(frozen=True, kw_only=True)
class YesOrNo(DecisionRule):
    """The network gives the second class's probability alone; the first class's is what remains to 1.

    With a threshold the second class is the label from the threshold on, likelier or not. Without one the likelier
    class is, and at exactly one half the first.
    """

    decoding: ClassVar[Decoding] = "yes_or_no"
    has_many: ClassVar[bool] = False
    sums_to_one: ClassVar[bool] = False
    fixed_class_count: ClassVar[int | None] = 2

    @classmethod
    def outputs_for(cls, class_count: int) -> int:  # noqa: ARG003 - one for both
        """One number for each image."""
        return 1

    def truth(self, targets: NDArray[np.float32]) -> NDArray[np.int64]:
        """The class numbers int64 `(n,)`, 0 or 1, behind one column of 0 and 1."""
        return (targets[:, 0] > 0.5).astype(np.int64)

    def class_probabilities(self, outputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Both classes' probabilities, float32 `(n, 2)`."""
        return np.concatenate([np.float32(1) - outputs, outputs], axis=1)

    @property
    def class_thresholds(self) -> tuple[float | None, ...]:
        """The threshold for the second class, if there is one. Below it the first class wins."""
        return (None, *(self.thresholds or (None,)))

    @property
    def limits(self) -> tuple[float | None, ...]:
        """What each class has to reach to win and to be named."""
        [own] = self.thresholds or (PLAIN_THRESHOLD,)
        # The minimum does not change which class wins, only whether the winner is named.
        return (None, own) if self.minimum is None else (max(self.minimum, 1 - own), max(self.minimum, own))

    def _check_parts(self) -> None:
        if len(self.class_names) != self.fixed_class_count:
            raise ValueError(f"yes_or_no needs two classes, got {len(self.class_names)}")
        if len(self.thresholds) > 1:
            raise ValueError("yes_or_no takes one threshold")

    def _winning_classes(self, probabilities: NDArray[np.float32]) -> NDArray[np.int64]:
        if not self.thresholds:
            return super()._winning_classes(probabilities)
        # As float64, since float32 would round the threshold.
        return (probabilities[:, 1] >= np.float64(self.thresholds[0])).astype(np.int64)
