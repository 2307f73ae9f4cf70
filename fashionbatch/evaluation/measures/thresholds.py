"""A threshold for each label that gives it the best F1 on the validation split.

A label's probability is compared with its own threshold, so a rare label need not reach 0.5 to be given (Lipton, Elkan
and Naryanaswamy, "Optimal Thresholding of Classifiers to Maximize F1 Measure", 2014). Thresholds that were chosen on a
split flatter the figures of that split: report them on another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fashionbatch.decisions import PLAIN_THRESHOLD, require_numbers
from fashionbatch.errors import DataError
from fashionbatch.evaluation.tables import aligned


@dataclass(frozen=True, kw_only=True)
class LabelThreshold:
    """The threshold that was found for one label.

    Attributes:
        threshold: in 0..1; a probability at or over it is a yes.
        f1: at that threshold; None for a label that no image has.
        plain_f1: at 0.5; None for a label that no image has.
        images: images that have the label.
    """

    threshold: float
    f1: float | None
    plain_f1: float | None
    images: int


def best_thresholds(targets: NDArray[np.float32], probabilities: NDArray[np.float32]) -> tuple[LabelThreshold, ...]:
    """The threshold of best F1 for each label by itself.

    Between two neighbouring probabilities every threshold decides alike: the middle is taken, or 0.5 where it lies
    between them. Of equally good thresholds the one nearest 0.5 wins, and of two equally near the higher. A label that
    no image has, or that 0.5 already serves best, keeps 0.5.

    Args:
        targets: float32 `(n, labels)` of 0 and 1.
        probabilities: float32 `(n, labels)`.

    Returns:
        One for each label, in order.

    Raises:
        DataError: there are no images, or a probability is not a number.
    """
    if not len(targets):
        raise DataError("there are no images to choose thresholds on")
    require_numbers(probabilities)
    columns = range(targets.shape[1])
    return tuple(_best(targets[:, label] > 0.5, probabilities[:, label].astype(np.float64)) for label in columns)


def thresholds_text(found: Sequence[LabelThreshold], display_names: Sequence[str]) -> str:
    """A table of the thresholds with the F1 that they and a plain 0.5 give, on the split that they were chosen on."""
    rows = [["label", "threshold", "F1", "F1 at 0.5", "images"]]
    for name, label in zip(display_names, found, strict=True):
        figures = ["-" if value is None else f"{value:.4f}" for value in (label.f1, label.plain_f1)]
        rows.append([name, f"{label.threshold:.4f}", *figures, f"{label.images:,}"])
    return aligned(rows) + "\n"


def _best(positive: NDArray[np.bool_], scores: NDArray[np.float64]) -> LabelThreshold:
    images = int(positive.sum())
    if not images:
        return LabelThreshold(threshold=PLAIN_THRESHOLD, f1=None, plain_f1=None, images=0)
    # Cutting at the i-th distinct score says yes to every image from it on upwards.
    distinct, first = np.unique(np.sort(scores), return_index=True)
    hits_from = np.cumsum(positive[np.argsort(scores, kind="stable")][::-1])[::-1]
    given = len(scores) - first
    f1 = 2 * hits_from[first] / (given + images)
    plain = int(np.searchsorted(distinct, PLAIN_THRESHOLD))
    plain_f1 = float(f1[plain]) if plain < len(f1) else 0.0
    below = np.concatenate([[0.0], distinct[:-1]])
    best = np.flatnonzero(f1 == f1.max())
    candidates = [_between(float(below[cut]), float(distinct[cut])) for cut in best]
    threshold = min(candidates, key=lambda limit: (abs(limit - PLAIN_THRESHOLD), -limit))
    return LabelThreshold(threshold=threshold, f1=float(f1.max()), plain_f1=plain_f1, images=images)


def _between(low: float, high: float) -> float:
    """A threshold over `low` and at most `high`: 0.5 if it fits, else the middle, in as few digits as will do."""
    if low < PLAIN_THRESHOLD <= high:
        return PLAIN_THRESHOLD
    middle = (low + high) / 2
    for digits in range(2, 12):
        rounded = round(middle, digits)
        if low < rounded < high:
            return rounded
    return high
