"""One of many classes: the likeliest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from fashionbatch.decisions.rule import DecisionRule
from fashionbatch.specs import Decoding


@dataclass(frozen=True, kw_only=True)
class OneOfMany(DecisionRule):
    """The likeliest class is the label; of equally likely ones it is the earlier. There are no thresholds."""

    decoding: ClassVar[Decoding] = "one_of_many"
    has_many: ClassVar[bool] = False
    sums_to_one: ClassVar[bool] = True

    def truth(self, targets: NDArray[np.float32]) -> NDArray[np.int64]:
        """The class numbers int64 `(n,)` behind one-hot rows."""
        return np.asarray(targets.argmax(axis=1), np.int64)

    @property
    def class_thresholds(self) -> tuple[float | None, ...]:
        """None for each class."""
        return (None,) * len(self.class_names)

    @property
    def limits(self) -> tuple[float | None, ...]:
        """The user's minimum for each class."""
        return (self.minimum,) * len(self.class_names)

    def _check_parts(self) -> None:
        if self.thresholds:
            raise ValueError("one_of_many takes no thresholds")
