"""Balancing dense layers changes no output, and leaves each channel equally large before and behind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fashionbatch.exporting.equalizing import equalize


def _network(activation: str = "relu", *, twice: bool = False) -> tuple[Any, Any]:
    """A network whose normalisation scales channels very differently, and one of whose channels is dead."""
    import keras

    keras.utils.set_random_seed(1)
    image = keras.Input((4, 4, 1), dtype="uint8")
    flat = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(image))
    first = keras.layers.Dense(12, activation=activation)(flat)
    norm = keras.layers.BatchNormalization(name="norm")
    middle = keras.layers.Dropout(0.5)(norm(first))
    last = keras.layers.Dense(3, activation="softmax", name="last")(middle)
    if twice:
        last = keras.layers.Concatenate()([last, first])
    model = keras.Model(image, last)
    random = np.random.default_rng(2)
    kernel, bias = model.layers[3].get_weights()
    kernel[:, 5], bias[5] = 0, -1
    model.layers[3].set_weights([kernel, bias])
    variance = 10.0 ** random.uniform(-5, 4, 12)
    norm.set_weights([random.normal(1, 0.3, 12), random.normal(size=12), random.normal(size=12), variance])
    return model, norm


def _images(seed: int, count: int = 120) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 4, 4, 1), dtype=np.uint8)


def _largest(model: Any, norm: Any, images: np.ndarray) -> np.ndarray:
    """The largest value of each channel before normalisation."""
    import keras

    inner = keras.Model(model.inputs[0], norm.input)
    return np.asarray(inner(images, training=False)).max(axis=0)


def _weights(model: Any, norm: Any) -> np.ndarray:
    """The largest weight of each channel once normalisation is part of the layer that follows."""
    gamma, _, _, variance = norm.get_weights()
    kernel, _ = model.get_layer("last").get_weights()
    return np.abs(gamma / np.sqrt(variance + norm.epsilon)) * np.abs(kernel).max(axis=1)


def test_the_network_gives_the_same_and_each_channel_is_as_large_in_both_layers() -> None:
    model, norm = _network()
    images = _images(3)
    before = np.asarray(model(images, training=False))
    equalize(model, images)
    np.testing.assert_allclose(np.asarray(model(images, training=False)), before, atol=1e-5)
    weights, largest = _weights(model, norm), _largest(model, norm, images)
    living = np.delete(np.arange(12), 5)
    np.testing.assert_allclose(weights[living], largest[living], rtol=1e-3)
    assert weights[5] == 0  # a channel that never varies needs none


def test_images_that_were_not_seen_keep_what_the_network_gives() -> None:
    model, _ = _network()
    before = np.asarray(model(_images(4), training=False))
    equalize(model, _images(3))
    np.testing.assert_allclose(np.asarray(model(_images(4), training=False)), before, atol=1e-4)


@pytest.mark.parametrize(("activation", "twice"), [("tanh", False), ("relu", True)])
def test_what_a_factor_would_change_stays_as_it_is(activation: str, twice: bool) -> None:
    model, _ = _network(activation, twice=twice)
    before = [weights.copy() for weights in model.get_weights()]
    equalize(model, _images(3))
    for given, expected in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(given, expected)
