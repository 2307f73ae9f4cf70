"""How much rare classes count: weights of images, or of positive labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fashionbatch.decisions import DecisionRule
from fashionbatch.errors import DataError
from fashionbatch.names import composed, suggestion


def class_weights(
    asked: Literal["balanced"] | Mapping[str, float],
    targets: NDArray[np.float32],
    rule: DecisionRule,
) -> NDArray[np.float32]:
    """One weight a class, float32 `(classes,)`.

    `balanced` makes every class weigh as much as any other in the sum over the images. Where an image has one label,
    the weight is images / (classes * images of the class), so that the mean image weighs 1. Where it may have several,
    the weight is negatives / positives of the label, and counts for its positive targets.

    Args:
        asked: `balanced`, or class name -> weight, 1 where a class is left out.
        targets: of the training split, float32 `(n, outputs)`.
        rule: says which classes there are, and how targets are to be read.

    Raises:
        DataError: a weight for a class that the data do not have.
    """
    if asked == "balanced":
        return _balanced(targets, rule)
    classes = set(map(composed, rule.class_names))
    unknown = next((name for name in asked if composed(name) not in classes), None)
    if unknown is not None:
        place = ("training", "class_weight", unknown)
        raise DataError(f"the data have no class {unknown!r}{suggestion(unknown, rule.class_names)}", place=place)
    weights = {composed(name): weight for name, weight in asked.items()}
    return np.array([weights.get(composed(name), 1.0) for name in rule.class_names], np.float32)


def _balanced(targets: NDArray[np.float32], rule: DecisionRule) -> NDArray[np.float32]:
    images = len(targets)
    if rule.has_many:
        positives = targets.sum(axis=0, dtype=np.float64)
        # A label that every image or no image has cannot be balanced; it keeps weight 1.
        decided = (positives > 0) & (positives < images)
        weights = np.where(decided, (images - positives) / np.maximum(positives, 1), 1.0)
        return weights.astype(np.float32)
    images_of_class = np.bincount(rule.truth(targets), minlength=len(rule.class_names))
    return np.asarray(images / (len(images_of_class) * np.maximum(images_of_class, 1)), np.float32)


def image_weights(
    weights: NDArray[np.float32], targets: NDArray[np.float32], rule: DecisionRule
) -> NDArray[np.float32]:
    """The weight of each image by its class, float32 `(n,)`; for decodings with one class an image."""
    return np.asarray(weights[rule.truth(targets)])
