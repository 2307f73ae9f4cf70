"""Puts around a foreign network what a bundle's network does itself: scaling of pixels before it, probabilities after.

The result takes uint8 images as every bundle's does, so that nothing about them is left to whoever calls it.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fashionbatch.bundle.graph.convert import finish_graph, first_sentence
from fashionbatch.decisions import rule_type
from fashionbatch.errors import BundleError
from fashionbatch.specs import Decoding

if TYPE_CHECKING:
    import openvino as ov

Layout: TypeAlias = Literal["nhwc", "nchw"]
ChannelOrder: TypeAlias = Literal["rgb", "bgr"]
Activation: TypeAlias = Literal["none", "softmax", "sigmoid"]
Scaling: TypeAlias = Literal["0..255", "0..1", "-1..1", "imagenet", "caffe"]


_TRIAL_BATCH = 3
_LOOP = "TensorIterator"


@dataclass(frozen=True)
class _Normalisation:
    """(pixel - mean) / scale, for red, green, blue in 0..255."""

    mean: tuple[float, float, float]
    scale: tuple[float, float, float]


SCALINGS: dict[Scaling, _Normalisation] = {
    "0..255": _Normalisation((0, 0, 0), (1, 1, 1)),
    "0..1": _Normalisation((0, 0, 0), (255, 255, 255)),
    "-1..1": _Normalisation((127.5, 127.5, 127.5), (127.5, 127.5, 127.5)),
    # Mean and deviation of ImageNet's training photos, as PyTorch's networks expect them.
    "imagenet": _Normalisation(
        (0.485 * 255, 0.456 * 255, 0.406 * 255),
        (0.229 * 255, 0.224 * 255, 0.225 * 255),
    ),
    # The mean alone, in blue, green, red: Caffe's networks, and those that Keras took from there.
    "caffe": _Normalisation((123.68, 116.779, 103.939), (1, 1, 1)),
}
"""What is done to pixels before the network; `caffe` also turns the channels around, unless told otherwise."""


@dataclass(frozen=True)
class Pixels:
    """How a foreign network wants its images.

    Attributes:
        size: height and width.
        channels: 1 or 3.
        layout: where the channels stand; `flat` networks take one row of numbers an image, in nhwc order.
        order: red first or blue first.
        scaling: what is done to the values.
    """

    size: tuple[int, int]
    channels: Literal[1, 3]
    layout: Layout
    order: ChannelOrder
    scaling: Scaling
    flat: bool = False


def adapt_graph(graph: ov.Model, pixels: Pixels) -> ov.Model:
    """Put before a foreign graph what makes its input of a photo's pixels.

    Args:
        graph: one input, images as `pixels` says; one output, a row of numbers for each image, trailing axes of length
            1 allowed. It is changed.
        pixels: what the network expects.

    Returns:
        uint8 `(?, height, width, channels)` -> float32 `(?, outputs)`, whatever those numbers mean. A network that
        takes one image alone, by its shape or by what is written into its operations, is put into a loop over the
        batch.

    Raises:
        BundleError: the graph cannot take batches of any size, or not these images.
    """
    if not _is_made_for_one(graph):
        return _adapted(graph, pixels)
    alone = graph.clone()
    try:
        return _adapted(graph, pixels)
    except BundleError:
        return finish_graph(_looped(alone, pixels))


def is_looped(graph: ov.Model) -> bool:
    """Whether an adapted graph computes its images one after the other."""
    pixels = graph.get_parameters()[0].output(0)
    return any(port.get_node().get_type_name() == _LOOP for port in pixels.get_target_inputs())


def _adapted(graph: ov.Model, pixels: Pixels) -> ov.Model:
    import openvino as ov

    shape = [*pixels.size, pixels.channels]
    try:
        _set_batch(graph, pixels, -1)
        wrapped = _with_rows(_with_scaling(graph, pixels))
        trial = wrapped.clone()
        trial.reshape([_TRIAL_BATCH, *shape])
    except RuntimeError as error:
        raise BundleError(
            f"the network does not take batches of images {shape}: {first_sentence(error)}",
            hint="export it with a batch size that is left open, and check --size and --layout",
        ) from error
    given = trial.output(0).partial_shape
    if given.rank != ov.Dimension(2) or given[0] != ov.Dimension(_TRIAL_BATCH) or given[1].is_dynamic:
        raise BundleError(
            f"the network gives {given} for {_TRIAL_BATCH} images; labels need one row of numbers for each",
            hint="export it with a batch size that is left open, and without post-processing",
        )
    return finish_graph(wrapped)


def _is_made_for_one(graph: ov.Model) -> bool:
    """Whether a graph's shape says that it takes one image at a time, or leaves open how many."""
    batch = graph.input(0).partial_shape[0]
    return bool(batch.is_dynamic or batch.get_length() == 1)


def _looped(graph: ov.Model, pixels: Pixels) -> ov.Model:
    """The graph for one image, put around by a loop over those of a batch."""
    import openvino as ov
    from openvino import opset13 as ops

    shape = [*pixels.size, pixels.channels]
    try:
        _set_batch(graph, pixels, 1)
        one = _with_rows(_with_scaling(graph, pixels))
        one.reshape([1, *shape])
    except RuntimeError as error:
        raise BundleError(
            f"the network does not take images {shape}: {first_sentence(error)}",
            hint="check --size and --layout",
        ) from error
    given = one.output(0).partial_shape
    if given.rank != ov.Dimension(2) or given[0] != ov.Dimension(1) or given[1].is_dynamic:
        raise BundleError(
            f"the network gives {given} for an image; labels need one row of numbers",
            hint="export it without post-processing",
        )
    images = ops.parameter([-1, *shape], ov.Type.u8, name="pixels")
    loop = ops.tensor_iterator()
    loop.set_body(one)
    loop.set_sliced_input(one.get_parameters()[0], images.output(0), 0, 1, 1, -1, 0)
    rows = loop.get_concatenated_slices(one.get_results()[0].output(0), 0, 1, 1, -1, 0)
    return ov.Model([rows], [images], "imported")


def add_activation(graph: ov.Model, activation: Activation) -> ov.Model:
    """Put an activation behind the numbers that `adapt_graph` left."""
    import openvino as ov
    from openvino import opset13 as ops

    numbers = graph.get_results()[0].input_value(0)
    if activation == "none":
        return graph
    active = ops.softmax(numbers, axis=1) if activation == "softmax" else ops.sigmoid(numbers)
    return finish_graph(ov.Model([active], graph.get_parameters(), graph.get_friendly_name()))


def detect_layout(shape: ov.PartialShape, channels: Container[int] = (1, 3)) -> Layout | None:
    """Where the channels of images stand, by the four sizes of a network's input; None where they do not tell.

    Args:
        shape: of batches of images.
        channels: how many there may be.
    """
    first, last = (side.is_static and side.get_length() in channels for side in (shape[1], shape[3]))
    if first == last:
        return None
    return "nchw" if first else "nhwc"


def _set_batch(graph: ov.Model, pixels: Pixels, images: int) -> None:
    """Fix the sizes of a graph's images, and how many it takes; -1: any number."""
    height, width = pixels.size
    if pixels.flat:
        graph.reshape([images, height * width * pixels.channels])
    elif pixels.layout == "nchw":
        graph.reshape([images, pixels.channels, height, width])
    else:
        graph.reshape([images, height, width, pixels.channels])


def _with_scaling(graph: ov.Model, pixels: Pixels) -> ov.Model:
    # OpenVINO's PrePostProcessor would do the same with fewer lines, but it multiplies by the reciprocal of the scale:
    # importing a model again would change the last digits of its tables. Nor does it take flat inputs.
    import openvino as ov
    from openvino import opset13 as ops

    image = ops.parameter([-1, *pixels.size, pixels.channels], ov.Type.u8, name="pixels")
    x = ops.convert(image, "f32")
    normalisation = SCALINGS[pixels.scaling]
    mean = _for_channels(normalisation.mean, pixels.channels)
    scale = _for_channels(normalisation.scale, pixels.channels)
    if mean.any():
        x = ops.subtract(x, ops.constant(mean))
    if (scale != 1).any():
        x = ops.divide(x, ops.constant(scale))
    if pixels.order == "bgr" and pixels.channels == 3:
        x = ops.gather(x, ops.constant(np.array([2, 1, 0], np.int64)), ops.constant(np.int64(3)))
    if pixels.flat:
        x = ops.reshape(x, ops.constant(np.array([0, -1], np.int64)), special_zero=True)
    elif pixels.layout == "nchw":
        x = ops.transpose(x, ops.constant(np.array([0, 3, 1, 2], np.int64)))
    old = graph.input(0).get_node()
    wanted = old.get_element_type()
    if wanted != ov.Type.f32:
        x = ops.convert(x, wanted.get_type_name())
    for consumer in list(old.output(0).get_target_inputs()):
        consumer.replace_source_output(x.output(0))
    return ov.Model(graph.get_results(), [image], "imported")


def _with_rows(graph: ov.Model) -> ov.Model:
    """One row of float32 numbers an image."""
    import openvino as ov
    from openvino import opset13 as ops

    numbers: Any = graph.get_results()[0].input_value(0)
    rank = numbers.get_partial_shape().rank
    if rank.is_static and rank.get_length() > 2:
        numbers = ops.squeeze(numbers, ops.constant(np.arange(2, rank.get_length(), dtype=np.int64))).output(0)
    elif rank.is_static and rank.get_length() == 1:
        numbers = ops.unsqueeze(numbers, ops.constant(np.array([1], np.int64))).output(0)
    if numbers.get_element_type() != ov.Type.f32:
        numbers = ops.convert(numbers, "f32").output(0)
    return ov.Model([numbers], graph.get_parameters(), "imported")


def _for_channels(values: tuple[float, float, float], channels: int) -> NDArray[np.float32]:
    # One channel gets the mean over the three, as PyTorch's users of grey images do.
    return np.array(values if channels == 3 else [sum(values) / 3], np.float32)


# -------------------------------------------------------------------------------------------------- probabilities?


def check_probabilities(answers: NDArray[np.float32], decoding: Decoding) -> None:
    """Check on a few images' answers that they are probabilities of the kind that the decoding reads.

    Args:
        answers: float32 `(n, outputs)`, of images that differ.
        decoding: how they will be read.

    Raises:
        BundleError: they are not; the hint says which activation or head makes them so.
    """
    if not np.isfinite(answers).all():
        raise BundleError(
            "the network's answers hold NaN or infinity",
            hint="check the pixel scaling (--scaling) and the model itself",
        )
    low, high = float(answers.min()), float(answers.max())
    rule = rule_type(decoding)
    needed = "softmax" if rule.sums_to_one else "sigmoid"
    if low < -1e-4 or high > 1 + 1e-4:
        raise BundleError(
            f"the network gives logits, not probabilities: numbers from {low:.4g} to {high:.4g}",
            hint=f"write --activation {needed}",
        )
    sums = answers.sum(axis=1)
    if rule.sums_to_one and not np.allclose(sums, 1, atol=1e-2):
        raise BundleError(
            f"the probabilities of an image sum to {sums.min():.4g} to {sums.max():.4g}, not to 1",
            hint="--activation softmax where these are logits, although none is negative; --head multilabel where each "
            "label stands for itself",
        )
    if rule.has_many and answers.shape[1] > 1 and np.allclose(sums, 1, atol=1e-5):
        raise BundleError(
            "the probabilities of every image sum to 1, so one label excludes the others",
            hint="write --head multiclass",
        )


def check_activation(raw: NDArray[np.float32], decoding: Decoding, activation: Activation) -> None:
    """Refuse an activation on numbers that are probabilities already: it would flatten them all.

    Args:
        raw: float32 `(n, outputs)`, the network's own answers.
        decoding: how they will be read.
        activation: what was asked for.

    Raises:
        BundleError: the numbers are probabilities without it.
    """
    if activation == "none" or not np.isfinite(raw).all() or raw.min() < 0 or raw.max() > 1:
        return
    sums_to_one = bool(np.allclose(raw.sum(axis=1), 1, atol=1e-3))
    if sums_to_one if rule_type(decoding).sums_to_one else raw.max() > 0.5 > raw.min():
        raise BundleError(
            f"the network gives probabilities already; {activation} on them would make them all alike",
            hint="leave --activation out",
        )
