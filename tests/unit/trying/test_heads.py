from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fashionbatch.trying.heads import HeadSetting, probabilities, train_heads

PLAIN = HeadSetting(epochs=60, learning_rate=0.05)
"""With two batches in an epoch, a head has to take large steps."""


@pytest.fixture
def clouds():
    """Features `(90, 6)` of three clouds, and their one-hot targets."""
    generator = np.random.default_rng(1)
    classes = np.arange(90) % 3
    features = generator.normal(size=(90, 6)).astype(np.float32)
    features[np.arange(90), classes] += 7
    return features, np.eye(3, dtype=np.float32)[classes]


@pytest.mark.parametrize("one_of_many", [True, False])
@pytest.mark.parametrize("setting", [PLAIN, replace(PLAIN, weight_decay=1, dropout=0.3, label_smoothing=0.1)])
def test_heads_tell_apart_images_that_they_have_not_seen(clouds, one_of_many, setting):
    features, targets = clouds
    outside = [np.arange(30, 90), np.arange(0, 60)]
    weights, biases = train_heads(features, targets, outside, [1, 2], setting, one_of_many=one_of_many)
    for head, held_back in enumerate((slice(0, 30), slice(60, 90))):
        given = probabilities(features[held_back], weights[head], biases[head], one_of_many=one_of_many)
        assert given.shape == (30, 3)
        assert given.dtype == np.float32
        assert (given.argmax(axis=1) == targets[held_back].argmax(axis=1)).mean() > 0.9
        if one_of_many:
            np.testing.assert_allclose(given.sum(axis=1), 1, atol=1e-5)


def test_a_head_learns_the_same_alone_and_beside_others(clouds):
    features, targets = clouds
    rows = [np.arange(0, 60), np.arange(30, 90)]
    both, _ = train_heads(features, targets, rows, [1, 2], HeadSetting(epochs=3), one_of_many=True)
    alone, _ = train_heads(features, targets, rows[1:], [2], HeadSetting(epochs=3), one_of_many=True)
    np.testing.assert_allclose(both[1], alone[0], atol=1e-5)


def test_one_step_is_the_one_that_keras_takes():
    import keras

    generator = np.random.default_rng(4)
    features = generator.normal(size=(8, 5)).astype(np.float32)
    targets = np.eye(3, dtype=np.float32)[generator.integers(0, 3, 8)]
    setting = HeadSetting(epochs=1, learning_rate=0.01, weight_decay=0.5)
    weights, biases = train_heads(features, targets, [np.arange(8)], [7], setting, one_of_many=True)
    first = np.random.default_rng(7)
    limit = np.sqrt(6 / 8)
    dense = keras.layers.Dense(3, activation="softmax")
    model = keras.Sequential([keras.Input((5,)), dense])
    dense.set_weights([first.uniform(-limit, limit, (5, 3)).astype(np.float32), np.zeros(3, np.float32)])
    model.compile(keras.optimizers.AdamW(0.01, weight_decay=0.5), "categorical_crossentropy")
    model.train_on_batch(features, targets)
    own, bias = dense.get_weights()
    np.testing.assert_allclose(weights[0], own, atol=1e-4)
    np.testing.assert_allclose(biases[0, 0], bias, atol=1e-4)


def test_finished_epochs_are_told(clouds):
    told = []
    train_heads(*clouds, [np.arange(90)], [1], HeadSetting(epochs=4), one_of_many=True, advance=told.append)
    assert told == [1, 2, 3, 4]


def test_weights_of_classes_are_those_that_keras_takes():
    import keras

    generator = np.random.default_rng(4)
    features = generator.normal(size=(8, 5)).astype(np.float32)
    classes = np.array([0, 0, 0, 0, 0, 1, 1, 2])
    targets = np.eye(3, dtype=np.float32)[classes]
    of_classes = np.array([0.5, 1.5, 3.0], np.float32)
    weights = np.repeat(of_classes[classes][:, np.newaxis], 3, axis=1)
    setting = HeadSetting(epochs=1, learning_rate=0.01, weight_decay=0.5)
    kernels, _ = train_heads(features, targets, [np.arange(8)], [7], setting, one_of_many=True, weights=weights)
    limit = np.sqrt(6 / 8)
    dense = keras.layers.Dense(3, activation="softmax")
    model = keras.Sequential([keras.Input((5,)), dense])
    dense.set_weights([np.random.default_rng(7).uniform(-limit, limit, (5, 3)), np.zeros(3)])
    model.compile(keras.optimizers.AdamW(0.01, weight_decay=0.5), "categorical_crossentropy")
    model.train_on_batch(features, targets, class_weight=dict(enumerate(of_classes)))
    np.testing.assert_allclose(kernels[0], dense.get_weights()[0], atol=1e-4)


def test_a_weighed_class_is_found_more_often():
    generator = np.random.default_rng(2)
    classes = np.array([0] * 80 + [1] * 8)
    features = (generator.normal(size=(88, 4)) + classes[:, np.newaxis]).astype(np.float32)
    targets = np.eye(2, dtype=np.float32)[classes]
    weights = np.where(classes == 1, np.float32(10), np.float32(1))[:, np.newaxis].repeat(2, axis=1)

    def found(weights):
        own = train_heads(features, targets, [np.arange(88)], [3], PLAIN, one_of_many=True, weights=weights)
        given = probabilities(features, own[0][0], own[1][0], one_of_many=True)
        return int((given.argmax(axis=1)[classes == 1] == 1).sum())

    assert found(weights) > found(None)
