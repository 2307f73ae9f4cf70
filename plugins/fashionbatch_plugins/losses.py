"""Losses on probabilities: cross-entropy, plain or focal, with smoothed labels and weights for rare labels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fashionbatch.hookspecs import hookimpl
from fashionbatch.specs import LossSpec, Parameters

if TYPE_CHECKING:
    import keras


class CrossEntropy(Parameters):
    """Cross-entropy of targets and probabilities."""

    label_smoothing: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of each target that is spread evenly over the classes, against overconfidence.",
    )


class Focal(CrossEntropy):
    """Focal loss (Lin et al., 2017, https://arxiv.org/abs/1708.02002): easy images count less."""

    gamma: float = Field(2.0, ge=0, description="How much easy images are played down; 0 is plain cross-entropy.")
    alpha: float = Field(1.0, gt=0, le=1, description="A factor on the whole loss.")


class BinaryFocal(CrossEntropy):
    """Focal loss of each label for itself (Lin et al., 2017, https://arxiv.org/abs/1708.02002)."""

    gamma: float = Field(2.0, ge=0, description="How much easy labels are played down; 0 is plain cross-entropy.")
    alpha: float | None = Field(
        None, gt=0, lt=1, description="Weight of positive targets; negative ones get 1 - alpha. null weighs both by 1."
    )


def build_categorical(parameters: CrossEntropy, label_weights: NDArray[np.float32] | None) -> keras.losses.Loss:
    """Cross-entropy of one-hot targets and softmax probabilities, both `(batch, classes)`."""
    import keras

    del label_weights  # one of many is weighted by image, not by label
    return keras.losses.CategoricalCrossentropy(label_smoothing=parameters.label_smoothing)


def build_binary(parameters: CrossEntropy, label_weights: NDArray[np.float32] | None) -> keras.losses.Loss:
    """Cross-entropy of each output for itself, mean over the outputs; both `(batch, outputs)`."""
    import keras

    if label_weights is None:
        return keras.losses.BinaryCrossentropy(label_smoothing=parameters.label_smoothing)
    return _weighted_binary(parameters.label_smoothing, label_weights=label_weights)


def build_focal(parameters: Focal, label_weights: NDArray[np.float32] | None) -> keras.losses.Loss:
    """Focal cross-entropy of one-hot targets and softmax probabilities, both `(batch, classes)`."""
    import keras

    del label_weights  # one of many is weighted by image, not by label
    return keras.losses.CategoricalFocalCrossentropy(
        alpha=parameters.alpha, gamma=parameters.gamma, label_smoothing=parameters.label_smoothing
    )


def build_binary_focal(parameters: BinaryFocal, label_weights: NDArray[np.float32] | None) -> keras.losses.Loss:
    """Focal cross-entropy of each output for itself, mean over the outputs; both `(batch, outputs)`."""
    return _weighted_binary(
        parameters.label_smoothing, gamma=parameters.gamma, alpha=parameters.alpha, label_weights=label_weights
    )


def _weighted_binary(
    label_smoothing: float,
    *,
    gamma: float = 0.0,
    alpha: float | None = None,
    label_weights: NDArray[np.float32] | None = None,
) -> keras.losses.Loss:
    """Binary cross-entropy whose positive targets are weighted by label.

    Keras's own `class_weight` takes the argmax of a multi-hot row and so weighs a row by its first label; weights
    have to stand inside the loss.
    """
    import keras
    from keras import ops

    weights = None if label_weights is None else ops.convert_to_tensor(label_weights[np.newaxis, :], dtype="float32")

    class WeightedBinaryCrossEntropy(keras.losses.Loss):  # type: ignore[misc]  # keras ships no types
        def call(self, y_true: Any, y_pred: Any) -> Any:
            truth = ops.cast(y_true, "float32")
            smoothed = truth * (1.0 - label_smoothing) + 0.5 * label_smoothing
            losses = ops.binary_crossentropy(smoothed, y_pred)
            if gamma:
                of_target = smoothed * y_pred + (1.0 - smoothed) * (1.0 - y_pred)
                # The square root of a rounding error below 0 is not a number.
                losses = ops.power(ops.clip(1.0 - of_target, 0.0, 1.0), gamma) * losses
            if alpha is not None:
                losses = (truth * alpha + (1.0 - truth) * (1.0 - alpha)) * losses
            if weights is not None:
                losses = (truth * weights + (1.0 - truth)) * losses
            return ops.mean(losses, axis=-1)

    return WeightedBinaryCrossEntropy(name="weighted_binary_crossentropy")


@hookimpl
def register_losses() -> Iterator[LossSpec]:
    """The losses that come with FashionBatch."""
    yield LossSpec(
        name="categorical_crossentropy",
        summary="Cross-entropy of one class in many.",
        parameters=CrossEntropy,
        decodings=("one_of_many",),
        build=build_categorical,
    )
    yield LossSpec(
        name="binary_crossentropy",
        summary="Cross-entropy of each output for itself.",
        parameters=CrossEntropy,
        decodings=("yes_or_no", "several_of_many"),
        build=build_binary,
    )
    yield LossSpec(
        name="focal",
        summary="Focal cross-entropy of one class in many: easy images count less.",
        parameters=Focal,
        decodings=("one_of_many",),
        build=build_focal,
    )
    yield LossSpec(
        name="binary_focal",
        summary="Focal cross-entropy of each output for itself: easy labels count less.",
        parameters=BinaryFocal,
        decodings=("yes_or_no", "several_of_many"),
        build=build_binary_focal,
    )
