"""A whole bundle whose answers are known beforehand, made in milliseconds and without TensorFlow.

Each class has a colour. The network looks at the mean colour of an image alone, so a test paints an image in the colour
of a class and knows its label:

    from fashionbatch.testing.bundles import class_colour, make_tiny_bundle

    bundle = make_tiny_bundle(tmp_path / "bundle", class_names=["cat", "dog", "hen"])
    Image.new("RGB", (40, 30), class_colour(1, 3)).save(tmp_path / "photos" / "a.png")  # a dog
"""

from __future__ import annotations

import colorsys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fashionbatch.bundle.graph.record import GraphOrigin, PrecisionRecord
from fashionbatch.bundle.manifest import Head, Labels
from fashionbatch.bundle.reference import choose_reference, synthetic_images
from fashionbatch.bundle.write import write_bundle
from fashionbatch.decisions import rule_type
from fashionbatch.images import POLICY
from fashionbatch.specs import Decoding, ImageSpec, Precision, Resize

if TYPE_CHECKING:
    import keras
    import openvino as ov

_HEAD_NAMES: dict[Decoding, str] = {
    "one_of_many": "multiclass",
    "yes_or_no": "binary",
    "several_of_many": "multilabel",
}
_SOFTNESS = 20_000.0
_STEEPNESS = 8.0


def make_tiny_bundle(
    directory: Path,
    *,
    class_names: Sequence[str] = ("red", "green", "blue"),
    decoding: Decoding = "one_of_many",
    size: tuple[int, int] = (8, 8),
    channels: int = 3,
    display_names: Sequence[str] | None = None,
    thresholds: Sequence[float] = (),
    groups: Mapping[str, Sequence[str]] | None = None,
    resize: Resize | None = None,
    precision_parity: Mapping[Precision, PrecisionRecord] | None = None,
    recipe_yaml: str | None = None,
    name: str = "tiny",
    reference: bool = True,
) -> Path:
    """Write a bundle that labels an image by its mean colour.

    Args:
        directory: where the bundle goes.
        class_names: the classes; the colour of each is `class_colour(index, len(class_names), channels)`.
        decoding: `one_of_many` and `yes_or_no`: the class whose colour is nearest; `several_of_many`: every class that
            has at least half of its colour in the mean, so that yellow has red and green.
        size: height and width that the network takes.
        channels: 3, or 1 for grey.
        display_names: what label columns show; the class names where omitted.
        thresholds: as in the bundle's head.
        groups: as in the bundle's head.
        resize: how photos become the network's size.
        precision_parity: what is known about precisions.
        recipe_yaml: the text of its recipe, which the network does not follow.
        name: the bundle's name.
        reference: whether it says what the network gives for a few images. A runtime whose answers are made up needs a
            bundle that does not.

    Returns:
        The directory.
    """
    names = tuple(class_names)
    probes = synthetic_images((*size, channels))
    answers = tiny_probabilities(probes, len(names), decoding)
    write_bundle(
        directory,
        name=name,
        labels=Labels(class_names=names, display_names=tuple(display_names or names)),
        head=Head(
            name=_HEAD_NAMES[decoding],
            decoding=decoding,
            thresholds=tuple(thresholds),
            groups={group: tuple(members) for group, members in (groups or {}).items()},
        ),
        image=ImageSpec.model_validate({"size": size, "channels": channels, "resize": resize or Resize()}),
        decoding_policy=POLICY,
        graph=_graph(len(names), decoding, (*size, channels)),
        made=GraphOrigin(converter="fashionbatch.testing", method="built from operations"),
        reference=choose_reference(probes, {"float32": answers}, "synthetic") if reference else None,
        precision_parity=precision_parity,
        recipe_yaml=recipe_yaml,
    )
    return directory


def class_colour(index: int, count: int, channels: int = 3) -> tuple[int, ...]:
    """The colour of a class: hues around the circle, from red; for grey images, greys from dark to light."""
    if channels == 1:
        return (round(255 * (index + 0.5) / count),)
    return tuple(round(255 * value) for value in colorsys.hsv_to_rgb(index / count, 1.0, 1.0))


def tiny_probabilities(images: NDArray[np.uint8], count: int, decoding: Decoding) -> NDArray[np.float32]:
    """What the network answers, by NumPy.

    Args:
        images: uint8 `(n, height, width, channels)`.
        count: number of classes.
        decoding: as given to `make_tiny_bundle`.

    Returns:
        float32 `(n, count)`, or `(n, 1)` for `yes_or_no`; equal to the network's up to rounding.
    """
    weights, bias = _linear(count, decoding, images.shape[3])
    scores = images.astype(np.float64).mean(axis=(1, 2)) @ weights + bias
    if rule_type(decoding).sums_to_one:
        exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True), np.float32)
    return np.asarray(1 / (1 + np.exp(-scores)), np.float32)


def tiny_keras_model(count: int, decoding: Decoding, shape: tuple[int, int, int]) -> keras.Model:
    """The same network as a Keras model, for runtimes that compute one: uint8 `(batch, *shape)` -> probabilities."""
    import keras

    weights, bias = _linear(count, decoding, shape[2])
    pixels = keras.Input(shape, dtype="uint8")
    mean = keras.layers.GlobalAveragePooling2D()(keras.ops.cast(pixels, "float32"))
    activation = "softmax" if rule_type(decoding).sums_to_one else "sigmoid"
    output = keras.layers.Dense(weights.shape[1], activation=activation, name="scores")
    model = keras.Model(pixels, output(mean))
    output.set_weights([weights, bias])
    return model


def _linear(count: int, decoding: Decoding, channels: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    colours = np.array([class_colour(index, count, channels) for index in range(count)], np.float64)
    rule = rule_type(decoding)
    if rule.has_many:
        weights = _STEEPNESS * colours.T / (colours**2).sum(axis=1)
        bias = np.full(count, -_STEEPNESS / 2)
    else:
        # The nearest colour wins; the square of the mean colour, common to all classes, is left out.
        weights = 2 * colours.T / _SOFTNESS
        bias = -(colours**2).sum(axis=1) / _SOFTNESS
    if rule.outputs_for(count) == 1:
        weights, bias = weights[:, 1:] - weights[:, :1], bias[1:] - bias[:1]
    return weights.astype(np.float32), bias.astype(np.float32)


def _graph(count: int, decoding: Decoding, shape: tuple[int, int, int]) -> ov.Model:
    import openvino as ov
    from openvino import opset13 as ops

    weights, bias = _linear(count, decoding, shape[2])
    pixels = ops.parameter([-1, *shape], ov.Type.u8, name="pixels")
    mean = ops.reduce_mean(ops.convert(pixels, "f32"), ops.constant(np.array([1, 2], np.int64)), keep_dims=False)
    scores = ops.add(ops.matmul(mean, ops.constant(weights), False, False), ops.constant(bias))
    output = ops.softmax(scores, axis=1) if rule_type(decoding).sums_to_one else ops.sigmoid(scores)
    return ov.Model([output], [pixels], "tiny")
