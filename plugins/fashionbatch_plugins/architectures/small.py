"""Networks that are trained from nothing: one way of stacking layers, and the shapes that have a name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

from pydantic import Field, PositiveInt

from fashionbatch.specs import Parameters

if TYPE_CHECKING:
    import keras

Activation: TypeAlias = Literal["relu", "elu", "gelu", "leaky_relu", "selu", "silu", "tanh", "sigmoid"]
Initializer: TypeAlias = Literal["glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_normal"]
Pooling: TypeAlias = Literal["flatten", "average", "max"]


class Mlp(Parameters):
    """Dense layers on the flattened image, of scaled pixels 0..1."""

    dense: tuple[PositiveInt, ...] = Field((256, 256, 256), min_length=1, description="Outputs of each dense layer.")
    activation: Activation = Field("relu", description="What follows each layer with weights.")
    batch_norm: bool = Field(False, description="Batch normalisation after each dense layer.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Share of outputs dropped after each dense layer.")
    initializer: Initializer = Field("glorot_uniform", description="How first weights are drawn.")


class Block(Parameters):
    """Convolutions of one kind, then pooling, then dropout."""

    filters: int = Field(gt=0, description="Outputs of each convolution.")
    convolutions: int = Field(1, gt=0, description="How many convolutions follow each other.")
    kernel: int = Field(3, gt=0, description="Height and width of the kernel in pixels.")
    padding: Literal["same", "valid"] = Field(
        "same", description="same keeps height and width; valid loses kernel - 1 pixels of each."
    )
    batch_norm: bool = Field(False, description="Batch normalisation after each convolution's activation.")
    pool: int | None = Field(2, gt=0, description="Window and step of max pooling; null for none.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Share of values dropped after the pooling.")


class Cnn(Parameters):
    """Blocks of convolutions, then dense layers. Pixels are scaled to 0..1."""

    blocks: tuple[Block, ...] = Field(
        (Block(filters=32), Block(filters=64)), min_length=1, description="From the image inwards."
    )
    pooling: Pooling = Field(
        "flatten", description="How the last feature map becomes a row: all values, or each channel's average or max."
    )
    dense: tuple[PositiveInt, ...] = Field((100,), description="Outputs of each dense layer; may be empty.")
    dense_batch_norm: bool = Field(False, description="Batch normalisation after each dense layer.")
    dropout: float = Field(
        0.4, ge=0, lt=1, description="Share of outputs dropped after each dense layer, or of the features without one."
    )
    activation: Activation = Field("relu", description="What follows each layer with weights.")
    initializer: Initializer = Field("glorot_uniform", description="How first weights are drawn.")


class MiniVgg(Parameters):
    """MiniVGGNet as Adrian Rosebrock's book has it: (conv, relu, batch norm) x 2, pool, dropout, twice; dense."""

    filters: tuple[PositiveInt, ...] = Field(
        (32, 64), min_length=1, description="Outputs of the convolutions, by block."
    )
    convolutions: int = Field(2, gt=0, description="Convolutions in each block.")
    dense: int = Field(512, gt=0, description="Outputs of the dense layer.")
    block_dropout: float = Field(0.25, ge=0, lt=1, description="Share of values dropped after each block.")
    dropout: float = Field(0.5, ge=0, lt=1, description="Share of outputs dropped after the dense layer.")
    activation: Activation = Field("relu", description="What follows each layer with weights.")
    initializer: Initializer = Field("glorot_uniform", description="How first weights are drawn.")


class SmallerVgg(Parameters):
    """SmallerVGGNet: one convolution with a wide pooling, then blocks of two; dense 1024."""

    filters: tuple[PositiveInt, ...] = Field(
        (32, 64, 128), min_length=1, description="Outputs of the convolutions, by block."
    )
    dense: int = Field(1024, gt=0, description="Outputs of the dense layer.")
    block_dropout: float = Field(0.25, ge=0, lt=1, description="Share of values dropped after each block.")
    dropout: float = Field(0.5, ge=0, lt=1, description="Share of outputs dropped after the dense layer.")
    activation: Activation = Field("relu", description="What follows each layer with weights.")
    initializer: Initializer = Field("glorot_uniform", description="How first weights are drawn.")


def build_mlp(pixels: keras.KerasTensor, parameters: Mlp) -> keras.KerasTensor:
    """Features `(batch, dense[-1])` of pixels `(batch, height, width, channels)` in 0..255."""
    return _dense_layers(
        _as_row(_scaled(pixels), "flatten"),
        parameters.dense,
        batch_norm=parameters.batch_norm,
        dropout=parameters.dropout,
        activation=parameters.activation,
        initializer=parameters.initializer,
    )


def build_cnn(pixels: keras.KerasTensor, parameters: Cnn) -> keras.KerasTensor:
    """Features `(batch, dense[-1])` of pixels `(batch, height, width, channels)` in 0..255."""
    features = _blocks(_scaled(pixels), parameters.blocks, parameters.activation, parameters.initializer)
    return _dense_layers(
        _as_row(features, parameters.pooling),
        parameters.dense,
        batch_norm=parameters.dense_batch_norm,
        dropout=parameters.dropout,
        activation=parameters.activation,
        initializer=parameters.initializer,
    )


def build_mini_vgg(pixels: keras.KerasTensor, parameters: MiniVgg) -> keras.KerasTensor:
    """Features `(batch, dense)` of pixels `(batch, height, width, channels)` in 0..255."""
    blocks = [
        Block(
            filters=filters,
            convolutions=parameters.convolutions,
            batch_norm=True,
            dropout=parameters.block_dropout,
        )
        for filters in parameters.filters
    ]
    return _vgg(pixels, blocks, parameters)


def build_smaller_vgg(pixels: keras.KerasTensor, parameters: SmallerVgg) -> keras.KerasTensor:
    """Features `(batch, dense)` of pixels `(batch, height, width, channels)` in 0..255."""
    blocks = [
        Block(
            filters=filters,
            convolutions=1 if first else 2,
            batch_norm=True,
            pool=3 if first else 2,
            dropout=parameters.block_dropout,
        )
        for first, filters in zip([True] + [False] * len(parameters.filters), parameters.filters, strict=False)
    ]
    return _vgg(pixels, blocks, parameters)


def _vgg(pixels: keras.KerasTensor, blocks: Sequence[Block], parameters: MiniVgg | SmallerVgg) -> keras.KerasTensor:
    features = _blocks(_scaled(pixels), blocks, parameters.activation, parameters.initializer)
    return _dense_layers(
        _as_row(features, "flatten"),
        (parameters.dense,),
        batch_norm=True,
        dropout=parameters.dropout,
        activation=parameters.activation,
        initializer=parameters.initializer,
    )


def _scaled(pixels: keras.KerasTensor) -> keras.KerasTensor:
    from keras import layers

    return layers.Rescaling(1 / 255, name="scale")(pixels)


def _blocks(
    x: keras.KerasTensor, blocks: Sequence[Block], activation: Activation, initializer: Initializer
) -> keras.KerasTensor:
    from keras import layers

    number = 0
    for index, block in enumerate(blocks, start=1):
        for _ in range(block.convolutions):
            number += 1
            if block.padding == "valid":
                _check_fits(x, block.kernel, f"block {index}: a {block.kernel}x{block.kernel} convolution")
            x = layers.Conv2D(
                block.filters,
                block.kernel,
                padding=block.padding,
                activation=activation,
                kernel_initializer=initializer,
                name=f"conv{number}",
            )(x)
            if block.batch_norm:
                x = layers.BatchNormalization(name=f"conv{number}_norm")(x)
        if block.pool is not None:
            _check_fits(x, block.pool, f"block {index}: pooling by {block.pool}")
            x = layers.MaxPooling2D(block.pool, name=f"pool{index}")(x)
        if block.dropout:
            x = layers.Dropout(block.dropout, name=f"dropout{index}")(x)
    return x


def _check_fits(x: keras.KerasTensor, window: int, what: str) -> None:
    height, width = x.shape[1], x.shape[2]
    if min(height, width) < window:
        raise ValueError(f"{what} does not fit the {height}x{width} pixels that are left")


def _as_row(x: keras.KerasTensor, pooling: Pooling) -> keras.KerasTensor:
    from keras import layers

    if pooling == "average":
        return layers.GlobalAveragePooling2D(name="pooling")(x)
    if pooling == "max":
        return layers.GlobalMaxPooling2D(name="pooling")(x)
    return layers.Flatten(name="flatten")(x)


def _dense_layers(
    x: keras.KerasTensor,
    sizes: Sequence[int],
    *,
    batch_norm: bool,
    dropout: float,
    activation: Activation,
    initializer: Initializer,
) -> keras.KerasTensor:
    from keras import layers

    for number, size in enumerate(sizes, start=1):
        name = f"dense{number}"
        x = layers.Dense(size, activation=activation, kernel_initializer=initializer, name=name)(x)
        if batch_norm:
            x = layers.BatchNormalization(name=f"{name}_norm")(x)
        if dropout:
            x = layers.Dropout(dropout, name=f"{name}_dropout")(x)
    if not sizes and dropout:
        x = layers.Dropout(dropout, name="features_dropout")(x)
    return x
