"""Backbones: small ones that are trained from nothing, and pretrained ones."""

from __future__ import annotations

from collections.abc import Iterator

from fashionbatch.hookspecs import hookimpl
from fashionbatch.specs import ArchitectureSpec
from fashionbatch_plugins.architectures import pretrained, small, starters


@hookimpl
def register_architectures() -> Iterator[ArchitectureSpec]:
    """The backbones that come with FashionBatch."""
    yield ArchitectureSpec(
        name="mlp",
        summary="Dense layers on the flattened image.",
        parameters=small.Mlp,
        build=small.build_mlp,
        example_shape=(4, 4, 1),
    )
    yield ArchitectureSpec(
        name="cnn",
        summary="Blocks of convolutions and pooling, then dense layers; every size is yours.",
        parameters=small.Cnn,
        build=small.build_cnn,
        example_shape=(8, 8, 1),
    )
    yield ArchitectureSpec(
        name="mini_vgg",
        summary="MiniVGGNet: two blocks of two convolutions with batch normalisation, then one dense layer.",
        parameters=small.MiniVgg,
        build=small.build_mini_vgg,
        starters=starters.small_starters,
        example_shape=(8, 8, 1),
    )
    yield ArchitectureSpec(
        name="smaller_vgg",
        summary="SmallerVGGNet: a VGG of five convolutions for photos of about 96 by 96 pixels.",
        parameters=small.SmallerVgg,
        build=small.build_smaller_vgg,
        example_shape=(16, 16, 3),
    )
    yield ArchitectureSpec(
        name="pretrained",
        summary="EfficientNetLite0 or any backbone of keras.applications, with ImageNet's weights or others.",
        parameters=pretrained.Pretrained,
        build=pretrained.build_pretrained,
        initialize=pretrained.initialize_pretrained,
        missing_weights=pretrained.missing_weights,
        starters=starters.pretrained_starters,
        example_shape=(32, 32, 3),
    )
