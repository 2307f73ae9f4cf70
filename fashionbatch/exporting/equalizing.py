"""Balances dense layers before their weights are rounded to 8 bits, without changing what the network gives.

Batch normalisation between two dense layers becomes part of the second one when a network is converted. Where some of
its channels hardly vary, their weights become hundreds of times as large as all others, and 8 bits have no room for
those. So each channel is scaled in the first layer and scaled back in the second, until it is equally large in both
(cross-layer equalization; Nagel et al., Data-Free Quantization Through Weight Equalization and Bias Correction, 2019).
ReLU lets a positive factor through, so nothing else changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import keras

_AT_A_TIME = 50
_MOST = 1e3
"""The largest factor, and the inverse of the smallest."""


@dataclass(frozen=True)
class _Chain:
    """A dense layer, batch normalisation, and the dense layer that follows."""

    first: keras.layers.Dense
    norm: keras.layers.BatchNormalization
    second: keras.layers.Dense


def equalize(model: keras.Model, images: NDArray[np.uint8]) -> None:
    """Balance the dense layers of a model that stand on both sides of batch normalisation, in place.

    Args:
        model: takes one image, as `model_of` gives it.
        images: uint8 `(n, height, width, channels)`, n > 0, which show how large each channel becomes. One that is the
            same for all of them is taken for constant.
    """
    import keras

    for chain in _chains(model):
        inner = keras.Model(model.inputs[0], chain.norm.input)
        batches = (images[start : start + _AT_A_TIME] for start in range(0, len(images), _AT_A_TIME))
        values = np.concatenate([np.asarray(inner(batch, training=False), np.float64) for batch in batches])
        _balance(chain, values.min(axis=0), values.max(axis=0))


def _balance(chain: _Chain, least: NDArray[np.float64], most: NDArray[np.float64]) -> None:
    """Scale each channel by its least and its largest value before normalisation."""
    norm = chain.norm
    gamma, beta, mean, variance = (np.asarray(weights, np.float64) for weights in norm.get_weights())
    slope = gamma / np.sqrt(variance + norm.epsilon)
    large = np.maximum(np.abs(least), np.abs(most))
    weights = np.abs(slope) * np.abs(chain.second.get_weights()[0]).max(axis=1)
    constant = (least == most) | (weights == 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.where(constant, 1, np.clip(np.sqrt(weights / large), 1 / _MOST, _MOST))
    still = least == most
    beta = np.where(still, beta + (most - mean) * slope, beta)
    gamma = np.where(still, 0, gamma / factor)
    norm.set_weights([gamma, beta, mean * factor, variance])
    chain.first.set_weights([values * factor for values in chain.first.get_weights()])


def _chains(model: keras.Model) -> Iterator[_Chain]:
    import keras

    for norm in model.layers:
        if not isinstance(norm, keras.layers.BatchNormalization) or not (norm.center and norm.scale):
            continue
        first = next((layer for layer in model.layers if _output(layer) is _input(norm)), None)
        second = _only_user(model, norm)
        while isinstance(second, keras.layers.Dropout):
            second = _only_user(model, second)
        if not isinstance(first, keras.layers.Dense) or not isinstance(second, keras.layers.Dense):
            continue
        passes_factors = first.activation in {keras.activations.relu, keras.activations.linear}
        if passes_factors and len(first.output.shape) == 2 and _only_user(model, first) is norm:
            yield _Chain(first, norm, second)


def _only_user(model: keras.Model, layer: keras.Layer) -> keras.Layer | None:
    """The one layer that takes what a layer gives; None where there are several, or none."""
    given = _output(layer)
    users = [user for user in model.layers if any(one is given for one in _inputs(user))]
    return users[0] if len(users) == 1 and not any(one is given for one in model.outputs) else None


def _inputs(layer: keras.Layer) -> list[Any]:
    import keras

    return list(keras.tree.flatten(_input(layer)))


def _input(layer: keras.Layer) -> Any:
    # A layer that stands in several places has no one input.
    return getattr(layer, "input", None)


def _output(layer: keras.Layer) -> Any:
    return getattr(layer, "output", None)
