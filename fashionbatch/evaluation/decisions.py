"""From targets and probabilities to the decisions that are counted: the ones that `inference.decode` would make.

Training counts them before there is a bundle to decode by.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fashionbatch.decisions.decide import PLAIN_THRESHOLD
from fashionbatch.errors import DataError
from fashionbatch.specs import Decoding

UNDECIDED = -1
"""A class number that stands for "no label": a row below `classify --threshold`, say."""


def decide(
    probabilities: NDArray[np.float32], decoding: Decoding, thresholds: Sequence[float] = ()
) -> NDArray[np.int64] | NDArray[np.bool_]:
    """The label decisions behind probabilities.

    Args:
        probabilities: float32 `(n, outputs)`, as the decoding says.
        decoding: how probabilities become labels.
        thresholds: one for each label of `several_of_many`, one for `yes_or_no`, none for `one_of_many`; a probability
            at its threshold is a yes. Empty means 0.5 for `several_of_many`, and the likelier class for `yes_or_no`. Of
            equally likely classes the earlier one wins.

    Returns:
        Class numbers int64 `(n,)`, or bool `(n, classes)` for `several_of_many`.

    Raises:
        DataError: a probability is not a number.
    """
    require_numbers(probabilities)
    if decoding == "one_of_many":
        return np.asarray(probabilities.argmax(axis=1), dtype=np.int64)
    if thresholds and len(thresholds) != probabilities.shape[1]:
        raise ValueError(f"expected {probabilities.shape[1]} thresholds, got {len(thresholds)}")
    limits = np.asarray(thresholds, dtype=np.float64)
    if decoding == "yes_or_no":
        yes = probabilities >= limits if thresholds else probabilities > PLAIN_THRESHOLD
        return np.asarray(yes[:, 0], dtype=np.int64)
    over: NDArray[np.bool_] = probabilities >= (limits if thresholds else PLAIN_THRESHOLD)
    return over


def truth(targets: NDArray[np.float32], decoding: Decoding) -> NDArray[np.int64] | NDArray[np.bool_]:
    """The right decisions behind training targets, in the form of `decide`."""
    if decoding == "one_of_many":
        return np.asarray(targets.argmax(axis=1), dtype=np.int64)
    positive: NDArray[np.bool_] = targets > 0.5
    return np.asarray(positive[:, 0], dtype=np.int64) if decoding == "yes_or_no" else positive


def right_images(
    right: NDArray[np.int64] | NDArray[np.bool_], decided: NDArray[np.int64] | NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Bool `(n,)`: whether all that was decided about an image is right."""
    same: NDArray[np.bool_] = np.asarray(right) == np.asarray(decided)
    return same if same.ndim == 1 else np.asarray(same.all(axis=1))


def require_numbers(probabilities: NDArray[np.float32]) -> None:
    """Refuse NaN and infinity, which an argmax would silently turn into a label."""
    bad = int((~np.isfinite(probabilities)).any(axis=1).sum())
    if bad:
        raise DataError(
            f"the network's output is not a number for {bad} of {len(probabilities)} images",
            hint="the training diverged; try a smaller learning rate",
        )
