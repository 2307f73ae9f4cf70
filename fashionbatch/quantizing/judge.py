"""What a quantized network is judged by: images that calibrated nothing, and what float32 gives for them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fashionbatch.bundle.graph.record import PrecisionRecord
from fashionbatch.decisions import DecisionRule, LabelArray
from fashionbatch.evaluation.measures.parity import measure_parity
from fashionbatch.evaluation.measures.thresholds import best_thresholds


@dataclass(frozen=True)
class Judge:
    """Images, and how float32 labels them.

    Attributes:
        images: uint8 `(n, height, width, channels)`, n > 0.
        targets: float32 `(n, outputs)`, what is right; None where nobody knows.
        float32: float32 `(n, outputs)`, the probabilities of float32.
        rule: by which these become labels.
        source: where the images come from.
    """

    images: NDArray[np.uint8]
    targets: NDArray[np.float32] | None
    float32: NDArray[np.float32]
    rule: DecisionRule
    source: Literal["validation", "photos"]

    def record(self, int8: NDArray[np.float32], thresholds: tuple[float, ...]) -> PrecisionRecord:
        """How the probabilities of int8 fare.

        Args:
            int8: float32 `(n, outputs)`.
            thresholds: of int8; empty where those of float32 serve it.
        """
        own = replace(self.rule, thresholds=thresholds) if thresholds else None
        return measure_parity(self.targets, self.float32, int8, self.rule, candidate_rule=own, source=self.source)

    def thresholds(self, int8: NDArray[np.float32]) -> tuple[float, ...]:
        """Thresholds for int8, where those of float32 would make the F1 of a label fall.

        Only labels that lose get one of their own, and only if it serves them better.

        Args:
            int8: float32 `(n, outputs)`.

        Returns:
            One for each label; empty where those of float32 stay.
        """
        if not self.rule.has_many or self.targets is None:
            return ()
        before = [limit for limit in self.rule.class_thresholds if limit is not None]
        right = self.rule.truth(self.targets)
        in_float32, in_int8 = (_f1(right, self.rule.decide_all(outputs).as_array()) for outputs in (self.float32, int8))
        own = list(before)
        for label, found in enumerate(best_thresholds(self.targets, int8)):
            if in_int8[label] < in_float32[label] and found.f1 is not None and found.f1 > in_int8[label]:
                own[label] = found.threshold
        return tuple(own) if own != before else ()


def _f1(right: LabelArray, given: LabelArray) -> NDArray[np.float64]:
    """F1 of each label; 0 where none has it and none is given it."""
    total = right.sum(axis=0) + given.sum(axis=0)
    return np.asarray(2 * (right & given).sum(axis=0) / np.maximum(total, 1), np.float64)
