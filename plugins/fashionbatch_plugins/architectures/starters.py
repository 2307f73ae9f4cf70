"""What `fashionbatch try` can begin with: backbones whose weights are on this machine, and a small one from nothing."""

from __future__ import annotations

from collections.abc import Iterator

from fashionbatch.specs import DatasetContext, Starter
from fashionbatch_plugins.architectures.pretrained import Pretrained, missing_weights

TINY = 64
"""Photos of so many pixels a side, or fewer: pretrained backbones know much larger ones."""
_SIDE = 224
_BACKBONES = (
    "MobileNetV2",
    "EfficientNetLite0",
    "MobileNetV3Small",
    "MobileNetV3Large",
    "EfficientNetB0",
    "EfficientNetV2B0",
    "DenseNet121",
    "ResNet50",
    "ResNet50V2",
    "ConvNeXtTiny",
    "VGG16",
)
"""Backbones that a CPU computes in a bearable time."""


def pretrained_starters(context: DatasetContext) -> Iterator[Starter]:
    """The backbones whose weights are in FASHIONBATCH_DATA_DIR/weights, Keras's cache or a package, none fetched."""
    for name in _BACKBONES:
        if missing_weights(Pretrained(backbone=name), context) is None:
            yield Starter(name=name, parameters={"backbone": name}, side=_SIDE, pretrained=True)


def small_starters(_: DatasetContext) -> Iterator[Starter]:
    """MiniVGGNet as it is, for photos as small as those of Fashion-MNIST."""
    yield Starter(name="mini_vgg", parameters={}, largest_side=TINY)
