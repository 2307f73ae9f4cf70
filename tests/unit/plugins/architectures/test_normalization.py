"""The batch normalisation of the built-in networks is Keras's own, computed another way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from fashionbatch_plugins.architectures.normalization import batch_normalization

SHAPES = [(4, 5, 6, 3), (1, 2, 1, 3), (1, 1, 1, 3), (8, 3)]
"""Images, of which some are as small as can be, and rows of features."""


@dataclass
class Learnt:
    """What a layer gives in a step of training, and what it has learnt from it."""

    outputs: Any
    gradients: list[Any]
    weights: list[Any]


def layers(axes=4):
    """Ours and Keras's own for inputs of so many axes, with weights that are not those of the beginning."""
    import keras

    weights = [*np.random.default_rng(1).uniform(0.5, 2, (4, 3)).astype("float32")]
    both = batch_normalization("ours"), keras.layers.BatchNormalization(name="plain")
    for layer in both:
        layer.build((*[None] * (axes - 1), 3))
        layer.set_weights(weights)
    return both


def step(layer, inputs):
    """A step whose loss weighs every output by another number."""
    import tensorflow as tf

    values = tf.constant(inputs)
    weight = np.random.default_rng(2).normal(size=inputs.shape).astype("float32")
    with tf.GradientTape() as tape:
        tape.watch(values)
        outputs = layer(values, training=True)
        loss = tf.reduce_sum(outputs**2 * weight)
    gradients = tape.gradient(loss, [values, layer.gamma.value, layer.beta.value])
    return Learnt(outputs.numpy(), [gradient.numpy() for gradient in gradients], layer.get_weights())


def pixels(shape):
    return np.random.default_rng(0).normal(3, 2, shape).astype("float32")


@pytest.mark.parametrize("shape", SHAPES)
def test_a_step_gives_and_teaches_what_it_does_with_keras(shape):
    ours, plain = (step(layer, pixels(shape)) for layer in layers(len(shape)))
    np.testing.assert_allclose(ours.outputs, plain.outputs, rtol=1e-4, atol=1e-4)
    for mine, expected in zip(ours.gradients, plain.gradients, strict=True):
        np.testing.assert_allclose(mine, expected, rtol=1e-3, atol=1e-3)
    for mine, expected in zip(ours.weights, plain.weights, strict=True):
        np.testing.assert_allclose(mine, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_outside_of_training_it_is_kerass_to_the_bit(shape):
    ours, plain = layers(len(shape))
    assert np.array_equal(ours(pixels(shape)), plain(pixels(shape)))


def test_a_frozen_one_normalises_by_what_it_has_learnt_and_learns_nothing():
    ours, plain = layers()
    ours.trainable = False
    before = ours.get_weights()
    assert np.array_equal(ours(pixels((4, 5, 6, 3)), training=True), plain(pixels((4, 5, 6, 3)), training=False))
    assert all(np.array_equal(now, then) for now, then in zip(ours.get_weights(), before, strict=True))


def test_files_of_weights_that_were_written_with_kerass_own_fit(tmp_path):
    import keras

    ours, plain = (keras.Sequential([keras.Input((5, 6, 3)), layer]) for layer in layers())
    plain.set_weights([weights + 1 for weights in plain.get_weights()])
    plain.save_weights(tmp_path / "plain.weights.h5")
    ours.load_weights(tmp_path / "plain.weights.h5")
    for mine, expected in zip(ours.get_weights(), plain.get_weights(), strict=True):
        assert np.array_equal(mine, expected)
