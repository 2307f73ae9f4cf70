"""How much rare classes count: weights of images, or of positive labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fashionbatch.errors import DataError
from fashionbatch.registry import closest
from fashionbatch.specs import Decoding


def class_weights(
    asked: Literal["balanced"] | Mapping[str, float],
    targets: NDArray[np.float32],
    class_names: Sequence[str],
    decoding: Decoding,
) -> NDArray[np.float32]:
    """One weight a class, float32 `(classes,)`.

    `balanced` makes every class weigh as much as any other in the sum over the images: for `one_of_many` and
    `yes_or_no` its weight is images / (classes * images of the class), so that the mean image weighs 1; for
    `several_of_many` it is negatives / positives of the label, the weight of its positive targets.

    Args:
        asked: `balanced`, or class name -> weight, 1 where a class is left out.
        targets: of the training split, float32 `(n, outputs)`.
        class_names: in the order of the network's outputs.
        decoding: how targets are to be read.

    Raises:
        DataError: a weight for a class that the data do not have.
    """
    if asked == "balanced":
        return _balanced(targets, decoding)
    unknown = next((name for name in asked if name not in class_names), None)
    if unknown is not None:
        close = closest(unknown, class_names)
        suggestion = f"; did you mean {close!r}?" if close else f"; there are: {', '.join(class_names)}"
        place = ("training", "class_weight", unknown)
        raise DataError(f"the data have no class {unknown!r}{suggestion}", place=place)
    return np.array([asked.get(name, 1.0) for name in class_names], np.float32)


def _balanced(targets: NDArray[np.float32], decoding: Decoding) -> NDArray[np.float32]:
    images = len(targets)
    positives = targets.sum(axis=0, dtype=np.float64)
    if decoding == "several_of_many":
        # A label that every image or no image has cannot be balanced; it keeps weight 1.
        decided = (positives > 0) & (positives < images)
        weights = np.where(decided, (images - positives) / np.maximum(positives, 1), 1.0)
        return weights.astype(np.float32)
    if decoding == "yes_or_no":
        positives = np.array([images - positives[0], positives[0]])
    return np.asarray(images / (len(positives) * np.maximum(positives, 1)), np.float32)


def image_weights(
    weights: NDArray[np.float32], targets: NDArray[np.float32], decoding: Decoding
) -> NDArray[np.float32]:
    """The weight of each image by its class, float32 `(n,)`; for decodings with one class an image."""
    classes = targets[:, 0].astype(np.int64) if decoding == "yes_or_no" else targets.argmax(axis=1)
    return np.asarray(weights[classes])
