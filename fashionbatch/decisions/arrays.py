"""Labels of many images as arrays, in the two shapes that scikit-learn counts."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from fashionbatch.errors import DataError

LabelArray: TypeAlias = NDArray[np.int64] | NDArray[np.bool_]
"""Where an image has one label, class numbers int64 `(n,)`; where it may have several, bool `(n, classes)`."""

UNDECIDED = -1
"""A class number that stands for "no label": a row below `classify --threshold`, say."""


def right_images(right: LabelArray, decided: LabelArray) -> NDArray[np.bool_]:
    """Bool `(n,)`: whether all that was decided about an image is right."""
    same: NDArray[np.bool_] = np.asarray(right) == np.asarray(decided)
    return same if same.ndim == 1 else np.asarray(same.all(axis=1))


def require_numbers(outputs: NDArray[np.float32]) -> None:
    """Refuse NaN and infinity, which an argmax would silently turn into a label.

    Args:
        outputs: float32 `(n, outputs)`, as a network gives them.

    Raises:
        DataError: an output is not a number.
    """
    bad = int((~np.isfinite(outputs)).any(axis=1).sum())
    if bad:
        raise DataError(
            f"the network's output is not a number for {bad} of {len(outputs)} images",
            hint="the training diverged; try a smaller learning rate",
        )
