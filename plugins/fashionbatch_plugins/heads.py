"""Last layers: one of many by softmax, yes or no by one sigmoid, several of many by a sigmoid a label."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from pydantic import Field, PositiveInt, field_validator

from fashionbatch.hookspecs import hookimpl
from fashionbatch.specs import HeadSpec, Parameters

if TYPE_CHECKING:
    import keras


class Top(Parameters):
    """Layers between the backbone's features and the output: what is trained on top of a frozen backbone."""

    dense: tuple[PositiveInt, ...] = Field((), description="Outputs of each hidden dense layer; none by default.")
    activation: Literal["relu", "elu", "gelu", "leaky_relu", "selu", "silu", "tanh", "sigmoid"] = Field(
        "relu", description="What follows each hidden layer."
    )
    dropout: float = Field(
        0.0, ge=0, lt=1, description="Share of outputs dropped after each hidden layer, or of the features without one."
    )


class MultilabelTop(Top):
    """A top with one independent probability a label."""

    groups: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="Attribute -> its labels, of which one wins, such as {colour: [red, blue], type: [dress, shirt]}.",
    )

    @field_validator("groups")
    @classmethod
    def _labels_are_in_one_group(cls, groups: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        owner: dict[str, str] = {}
        for group, labels in groups.items():
            if not labels:
                raise ValueError(f"group {group!r} has no labels")
            for label in labels:
                if label in owner:
                    raise ValueError(f"label {label!r} stands in {owner[label]!r} and in {group!r}")
                owner[label] = group
        return groups


def build_multiclass(features: keras.KerasTensor, classes: int, parameters: Top) -> keras.KerasTensor:
    """Softmax over the classes: `(batch, classes)`, each row sums to 1."""
    return _output(_hidden(features, parameters), classes, "softmax")


def build_binary(features: keras.KerasTensor, classes: int, parameters: Top) -> keras.KerasTensor:
    """The probability of the second of two classes: `(batch, 1)`."""
    if classes != 2:
        raise ValueError(f"a binary head needs exactly 2 classes, the data has {classes}")
    return _output(_hidden(features, parameters), 1, "sigmoid")


def build_multilabel(features: keras.KerasTensor, classes: int, parameters: MultilabelTop) -> keras.KerasTensor:
    """One probability a label, each for itself: `(batch, classes)`."""
    return _output(_hidden(features, parameters), classes, "sigmoid")


def _hidden(x: keras.KerasTensor, parameters: Top) -> keras.KerasTensor:
    from keras import layers

    for number, size in enumerate(parameters.dense, start=1):
        x = layers.Dense(size, activation=parameters.activation, name=f"head_dense{number}")(x)
        if parameters.dropout:
            x = layers.Dropout(parameters.dropout, name=f"head_dropout{number}")(x)
    if not parameters.dense and parameters.dropout:
        x = layers.Dropout(parameters.dropout, name="head_dropout")(x)
    return x


def _output(x: keras.KerasTensor, outputs: int, activation: str) -> keras.KerasTensor:
    from keras import layers

    return layers.Dense(outputs, activation=activation, name="head_output")(x)


@hookimpl
def register_heads() -> Iterator[HeadSpec]:
    """The heads that come with FashionBatch, one for each decoding."""
    yield HeadSpec(
        name="multiclass",
        summary="One of many: softmax over the classes.",
        parameters=Top,
        decoding="one_of_many",
        default_loss="categorical_crossentropy",
        build=build_multiclass,
    )
    yield HeadSpec(
        name="binary",
        summary="Yes or no: one sigmoid, the probability of the second of two classes.",
        parameters=Top,
        decoding="yes_or_no",
        default_loss="binary_crossentropy",
        build=build_binary,
    )
    yield HeadSpec(
        name="multilabel",
        summary="Several of many: a sigmoid for each label, with optional groups of which one wins.",
        parameters=MultilabelTop,
        decoding="several_of_many",
        default_loss="binary_crossentropy",
        build=build_multilabel,
    )
