"""Makes a bundle from a model of another program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from fashionbatch.bundle.graph.convert import first_sentence
from fashionbatch.bundle.graph.record import GraphOrigin
from fashionbatch.bundle.importing.adapt import (
    Activation,
    ChannelOrder,
    Layout,
    Pixels,
    Scaling,
    adapt_graph,
    add_activation,
    check_activation,
    check_probabilities,
    detect_layout,
    is_looped,
)
from fashionbatch.bundle.importing.read import ForeignModel
from fashionbatch.bundle.manifest import Head, Labels
from fashionbatch.bundle.open import Bundle
from fashionbatch.bundle.reference import choose_reference, synthetic_images
from fashionbatch.bundle.write import write_bundle
from fashionbatch.errors import BundleError
from fashionbatch.images import POLICY
from fashionbatch.specs import Decoding, ImageSpec, Resize

if TYPE_CHECKING:
    import openvino as ov

HeadKind = Literal["multiclass", "binary", "multilabel"]
DECODINGS: dict[HeadKind, Decoding] = {
    "multiclass": "one_of_many",
    "binary": "yes_or_no",
    "multilabel": "several_of_many",
}
COMPUTES = "computes"
ONE_BY_ONE = "one image after the other"
"""What an imported bundle says under `COMPUTES` where the network takes no batches."""
_DEFAULT_RESIZE = Resize()
_LARGEST_SIDE = 4096
_MOST_CHANNELS = 16
"""Of what still looks like channels, as satellites' images have them, and not like the side of an image."""
_WHOLE_NUMBERS = {"u8", "i16", "u16", "i32", "u32", "i64", "u64"}
"""Types of whole numbers that hold 0 to 255."""
_BATCH = 8
"""Images at once; all that it is asked comes in whole batches."""
_NOISY = 3
"""A probe image with noise, which no layer answers the same as its neighbours."""


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """What a model's file does not say. None: found out from the model, or an error that asks for it.

    Attributes:
        name: the bundle's name.
        class_names: in the order of the outputs.
        size: height and width.
        resize: how photos come to that size.
        scaling: what is done to pixel values.
        order: red first or blue first.
        layout: where the channels stand.
        head: how the outputs are read.
        activation: what makes probabilities of them.
        thresholds: as in a bundle's head.
        groups: as in a bundle's head.
        background: red, green, blue under transparent pixels and beside padded photos.
    """

    name: str
    class_names: Sequence[str]
    size: tuple[int, int] | None = None
    resize: Resize = _DEFAULT_RESIZE
    scaling: Scaling | None = None
    order: ChannelOrder | None = None
    layout: Layout | None = None
    head: HeadKind | None = None
    activation: Activation = "none"
    thresholds: Sequence[float] = ()
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    background: Sequence[int] = (255, 255, 255)


def import_model(model: ForeignModel, directory: Path, options: ImportOptions) -> Bundle:
    """Wrap a foreign model, check that it answers with probabilities, and write it as a bundle.

    Args:
        model: as `fashionbatch.bundle.importing.read` reads it.
        directory: where the bundle goes.
        options: what the model's file does not say.

    Raises:
        BundleError: something is missing that must be said, or the model's answers are no probabilities of these
            labels.
        OutputError: the directory cannot be written.
    """
    pixels = _pixels(model, options)
    probes = _probe_images(pixels)
    graph = adapt_graph(model.graph, pixels)
    numbers = _ask(graph, probes)
    kind = _head_kind(numbers.shape[1], options)
    decoding = DECODINGS[kind]
    check_activation(numbers, decoding, options.activation)
    graph = add_activation(graph, options.activation)
    answers = _ask(graph, probes)
    check_probabilities(answers, decoding)
    # Among copies of itself an image must be answered as among others.
    _require_independent_images(answers[_NOISY], _ask(graph, np.repeat(probes[[_NOISY]], len(probes), axis=0)))
    patterns = synthetic_images((*pixels.size, pixels.channels))
    names = tuple(options.class_names)
    return write_bundle(
        directory,
        name=options.name,
        labels=Labels(class_names=names, display_names=names),
        head=Head(
            name=kind,
            decoding=decoding,
            thresholds=tuple(options.thresholds),
            groups={group: tuple(members) for group, members in options.groups.items()},
        ),
        image=ImageSpec.model_validate(
            {
                "size": pixels.size,
                "channels": pixels.channels,
                "resize": options.resize,
                "background": tuple(options.background),
            }
        ),
        decoding_policy=POLICY,
        graph=graph,
        made=GraphOrigin(
            converter="openvino",
            method=f"imported from {model.origin}",
            versions={"openvino": metadata.version("openvino")},
        ),
        reference=choose_reference(patterns, {"float32": _ask(graph, patterns)}, "synthetic"),
        created_with={"imported_from": model.origin, **({COMPUTES: ONE_BY_ONE} if is_looped(graph) else {})},
    )


# ------------------------------------------------------------------------------------------------- what it looks like


def _pixels(model: ForeignModel, options: ImportOptions) -> Pixels:
    shape = model.graph.input(0).partial_shape
    flat = shape.rank.is_static and len(shape) == 2
    # That labeling cannot do what the network wants is said before what the user has to say.
    layout = "nhwc" if flat else _layout(shape, options)
    scaling = _scaling(model, options)
    order: ChannelOrder = options.order or ("bgr" if scaling == "caffe" else "rgb")
    if flat:
        size, channels = _flat_image(shape[1], options)
        return Pixels(size, channels, "nhwc", order, scaling, flat=True)
    channel, *sides = (shape[index] for index in ((1, 2, 3) if layout == "nchw" else (3, 1, 2)))
    return Pixels(_size(sides, options), _channels(_length(channel)), layout, order, scaling)


def _layout(shape: ov.PartialShape, options: ImportOptions) -> Layout:
    if shape.rank.is_dynamic or len(shape) != 4:
        raise BundleError(f"the network takes {shape}; labeling needs images, such as [?,3,224,224] or [?,224,224,3]")
    seen = detect_layout(shape)
    if options.layout is not None and seen not in {None, options.layout}:
        raise BundleError(
            f"the network takes {shape}, which is {seen}, not {options.layout}", hint="leave --layout out"
        )
    # Fewer or more channels than labeling has: the error is about them then, and not about the layout.
    layout = options.layout or seen or detect_layout(shape, range(1, _MOST_CHANNELS + 1))
    if layout is None:
        raise BundleError(
            f"the network takes {shape}, which does not tell where the channels stand",
            hint="write --layout nchw (PyTorch) or --layout nhwc (TensorFlow)",
        )
    _channels(_length(shape[1 if layout == "nchw" else 3]))
    return layout


def _scaling(model: ForeignModel, options: ImportOptions) -> Scaling:
    kind = model.graph.input(0).element_type
    if not kind.is_real():
        if kind.get_type_name() not in _WHOLE_NUMBERS:
            raise BundleError(
                f"the network takes {kind.get_type_name()}; labeling has pixels of 0 to 255",
                hint="export it with an input of uint8 or float32",
            )
        if options.scaling not in {None, "0..255"}:
            raise BundleError(
                f"the network takes whole numbers ({kind.get_type_name()}); "
                f"pixels that are scaled to {options.scaling} would be cut off to a few of them",
                hint="leave --scaling out: such a network scales pixels itself",
            )
        return "0..255"
    scaling = options.scaling or model.scaling
    if scaling is None:
        raise BundleError(
            "how the network wants its pixels is not in its file",
            hint=f"write --scaling with one of {', '.join(get_args(Scaling))}; PyTorch's mostly want imagenet",
        )
    return scaling


def _size(sides: Sequence[ov.Dimension], options: ImportOptions) -> tuple[int, int]:
    fixed = [_length(side) for side in sides]
    wanted = options.size or (None, None)
    if any(side not in {None, other} for side, other in zip(fixed, wanted, strict=True) if other is not None):
        raise BundleError(
            f"the network takes images of {' x '.join(map(_shown, fixed))}, not of {wanted[0]} x {wanted[1]}",
            hint="leave --size out: photos are resized to what the network takes",
        )
    height, width = (side or other for side, other in zip(fixed, wanted, strict=True))
    if height is None or width is None or not all(1 <= side <= _LARGEST_SIDE for side in (height, width)):
        raise BundleError(
            f"the network leaves the size of its images open or has none that fits: {_shown(height)} x {_shown(width)}",
            hint=f"write --size HEIGHTxWIDTH, such as --size 224x224, at most {_LARGEST_SIDE} each",
        )
    return height, width


def _shown(side: int | None) -> str:
    return "any" if side is None else str(side)


def _flat_image(numbers: ov.Dimension, options: ImportOptions) -> tuple[tuple[int, int], Literal[1, 3]]:
    if options.size is None:
        raise BundleError(
            "the network takes a row of numbers for each image, which does not tell the image's size",
            hint="write --size HEIGHTxWIDTH, such as --size 28x28",
        )
    pixels = options.size[0] * options.size[1]
    length = _length(numbers)
    for channels in (1, 3):
        if length == channels * pixels:
            return options.size, _channels(channels)
    raise BundleError(
        f"the network takes {length or 'any number of'} numbers for each image; "
        f"{options.size[0]} x {options.size[1]} pixels have {pixels} in grey and {3 * pixels} in colour"
    )


def _channels(number: int | None) -> Literal[1, 3]:
    if number == 1:
        return 1
    if number in {3, None}:
        return 3
    raise BundleError(f"the network takes images of {number} channels; labeling has 1 (grey) or 3 (colour)")


def _length(dimension: ov.Dimension) -> int | None:
    return int(dimension.get_length()) if dimension.is_static else None


def _head_kind(outputs: int, options: ImportOptions) -> HeadKind:
    labels = len(options.class_names)
    kind: HeadKind = options.head or ("binary" if (outputs, labels) == (1, 2) else "multiclass")
    if kind == "binary":
        if outputs != 1:
            raise BundleError(
                f"a binary head gives one number, the probability of the second label; this network gives {outputs}",
                hint="write --head multiclass",
            )
        if labels != 2:
            raise BundleError(f"a binary head needs two labels, got {labels}")
        return kind
    if outputs != labels:
        hint = None
        if outputs == 1:
            hint = "a network with one output tells two labels apart: --head binary"
        elif outputs == labels + 1:
            hint = "some networks have a class for the background: is it missing at the beginning of the labels?"
        elif labels == outputs + 1:
            hint = f"is the first label, {options.class_names[0]!r}, a heading or a background that has no output?"
        raise BundleError(
            f"the network gives {outputs} numbers for each image, but there are {labels} labels", hint=hint
        )
    if outputs == 1 and kind == "multiclass":
        raise BundleError("one label alone is no choice", hint="write --head multilabel")
    return kind


# ------------------------------------------------------------------------------------------------------ asking it


def _probe_images(pixels: Pixels) -> NDArray[np.uint8]:
    """A few images that differ as much as images can: uint8 `(8, height, width, channels)`."""
    shape = (*pixels.size, pixels.channels)
    random = np.random.default_rng(0)
    plain = [np.full(shape, shade, np.uint8) for shade in (0, 128, 255)]
    noise = [random.integers(0, high, shape, dtype=np.uint8) for high in (64, 128, 256)]
    down = np.linspace(0, 255, shape[0], dtype=np.uint8).reshape(-1, 1, 1)
    across = np.linspace(0, 255, shape[1], dtype=np.uint8).reshape(1, -1, 1)
    return np.stack([*plain, *noise, np.broadcast_to(down, shape), np.broadcast_to(across, shape)])


def _ask(graph: ov.Model, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    import openvino as ov

    still = graph.clone()
    try:
        still.reshape([_BATCH, *images.shape[1:]])
        compiled = ov.Core().compile_model(still, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        batches = np.split(np.ascontiguousarray(images), len(images) // _BATCH)
        return np.concatenate([np.array(compiled(batch)[0], np.float32) for batch in batches])
    except RuntimeError as error:
        raise BundleError(f"the network does not run: {first_sentence(error)}") from error


def _require_independent_images(answer: NDArray[np.float32], among_copies: NDArray[np.float32]) -> None:
    if not np.allclose(answer, among_copies, atol=1e-4):
        raise BundleError(
            "the network's answer about an image depends on the other images of its batch",
            hint="export it for inference: model.eval() in PyTorch, training=False in Keras",
        )
