"""Each check of a head fails on one that is broken in just that way, and says so."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from fashionbatch.specs import HeadSpec

_count = itertools.count(1)


def spec(build, **fields):
    fields = {"decoding": "one_of_many", "default_loss": "categorical_crossentropy", **fields}
    return HeadSpec(name="broken", summary="Broken.", build=build, **fields)


def dense(features, classes, activation="softmax", name="out"):
    from keras import layers

    return layers.Dense(classes, activation=activation, name=name)(features)


def right(features, classes, parameters):
    return dense(features, classes)


def ops():
    import keras

    return keras.ops


def after(change):
    return lambda features, classes, parameters: change(right(features, classes, parameters))


def before(change):
    return lambda features, classes, parameters: right(change(features), classes, parameters)


DECODINGS = {
    "one_of_many": (right, "categorical_crossentropy"),
    "yes_or_no": (lambda f, c, p: dense(f, 1, "sigmoid"), "binary_crossentropy"),
    "several_of_many": (lambda f, c, p: dense(f, c, "sigmoid"), "binary_crossentropy"),
}


@pytest.mark.parametrize("decoding", DECODINGS)
def test_a_right_head_passes(passes_all, decoding):
    build, loss = DECODINGS[decoding]

    passes_all(spec(build, decoding=decoding, default_loss=loss))


def noisy(features, classes, parameters):
    from keras import layers

    return dense(layers.GaussianNoise(0.5)(features, training=True), classes)


def dropped(features, classes, parameters):
    from keras import layers

    return dense(layers.Dropout(0.5)(features, training=True), classes)


def numpy_inside(features, classes, parameters):
    import keras
    import tensorflow as tf

    class Sorted(keras.layers.Layer):
        def call(self, x):
            return tf.ensure_shape(
                tf.numpy_function(lambda a: a / a.sum(axis=1, keepdims=True), [x], tf.float32), x.shape
            )

    return Sorted()(right(features, classes, parameters))


def softmax_by_hand(features, classes, parameters):
    exponentials = ops().exp(dense(features, classes, None))
    return exponentials / ops().sum(exponentials, axis=1, keepdims=True)


def only_four(features, classes, parameters):
    if classes != 4:
        raise ValueError("four classes, please")
    return right(features, classes, parameters)


PROBABILITIES, LAYERS = "probabilities_are_probabilities", "a_second_head_has_the_same_layers"
NEIGHBOURS, GRAPH = "photos_do_not_see_their_neighbours", "the_head_can_be_labeled_with"
BREAKS = {
    "logits": (lambda f, c, p: dense(f, c, None), PROBABILITIES, "probabilities go from"),
    "sigmoid where one wins": (lambda f, c, p: dense(f, c, "sigmoid"), PROBABILITIES, "rows sum to"),
    "tanh": (lambda f, c, p: dense(f, c, "tanh"), PROBABILITIES, "probabilities go from -1"),
    "relu": (lambda f, c, p: dense(f, c, "relu"), PROBABILITIES, "probabilities go from"),
    "percents": (after(lambda x: x * 100), PROBABILITIES, "probabilities go from"),
    "only four classes": (only_four, PROBABILITIES, "four classes, please"),
    "always four classes": (lambda f, c, p: dense(f, 4), PROBABILITIES, "for 2 classes the output is (10, 4)"),
    "always ten classes": (lambda f, c, p: dense(f, 10), PROBABILITIES, "the output is (10, 10)"),
    "one class more": (lambda f, c, p: dense(f, c + 1), PROBABILITIES, "for 2 classes the output is (10, 3)"),
    "a row of rows": (after(lambda x: x[:, None]), PROBABILITIES, "the output is (10, 1, 2)"),
    "float16": (after(lambda x: ops().cast(x, "float16")), PROBABILITIES, "float16"),
    "NaN for large features": (softmax_by_hand, PROBABILITIES, "NaN"),
    "NaN for zero features": (before(lambda x: x / ops().norm(x, axis=1, keepdims=True)), PROBABILITIES, "NaN"),
    "the same for every photo": (before(lambda x: x * 0), PROBABILITIES, "every photo has the same"),
    "not a tensor": (lambda f, c, p: None, PROBABILITIES, "NoneType"),
    "build raises": (lambda f, c, p: {}["units"], PROBABILITIES, "KeyError: 'units'"),
    "auto names": (lambda f, c, p: dense(f, c, name=None), LAYERS, "dense"),
    "names that count": (lambda f, c, p: dense(f, c, name=f"out{next(_count)}"), LAYERS, "out"),
    "a hidden auto name": (lambda f, c, p: dense(dense(f, 8, "relu", None), c), LAYERS, "dense"),
    "random width": (lambda f, c, p: dense(dense(f, 3 + next(_count), "relu", "h"), c), LAYERS, "shape"),
    "random constants": (before(lambda x: x * np.random.default_rng().uniform(0.1, 2)), LAYERS, "drawn or counted"),
    "noise outside training": (noisy, NEIGHBOURS, "asked again"),
    "dropout outside training": (dropped, NEIGHBOURS, "asked again"),
    "softmax over the batch": (
        lambda f, c, p: ops().softmax(dense(f, c, None), axis=0), NEIGHBOURS, "what is in the batch"),
    "centred by the batch": (before(lambda x: x - ops().mean(x, axis=0)), NEIGHBOURS, "what is in the batch"),
    "scaled by the batch": (before(lambda x: x / (1 + ops().max(x))), NEIGHBOURS, "what is in the batch"),
    "moved by one photo": (after(lambda x: ops().roll(x, 1, axis=0)), NEIGHBOURS, "what is in the batch"),
    "NumPy inside": (numpy_inside, GRAPH, "cannot be converted"),
    "nothing can learn": (after(lambda x: ops().stop_gradient(x)), "the_head_can_be_trained", "no weight gets a gradient"),
    "hard decisions": (
        after(lambda x: ops().one_hot(ops().argmax(x, axis=1), x.shape[1])), "the_head_can_be_trained", "gradient"),
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_head_is_caught(name, failure):
    build, check, phrase = BREAKS[name]

    assert phrase in failure(spec(build), check).problem


FIELDS = {
    "unknown decoding": ({"decoding": "best_of_three"}, "decoding is 'best_of_three'"),
    "no decoding": ({"decoding": None}, "decoding is None"),
    "decoding in capitals": ({"decoding": "ONE_OF_MANY"}, "decoding is 'ONE_OF_MANY'"),
    "unknown loss": ({"default_loss": "crossentropy"}, "unknown loss 'crossentropy'"),
    "no loss": ({"default_loss": ""}, "unknown loss ''"),
    "a loss for other heads": ({"default_loss": "binary_crossentropy"}, "is for yes_or_no, several_of_many"),
}


@pytest.mark.parametrize("name", FIELDS)
def test_a_decoding_or_loss_that_is_none_is_caught(name, failure):
    fields, phrase = FIELDS[name]

    assert phrase in failure(spec(right, **fields), "decoding_and_loss_are_known").problem


def test_a_softmax_for_labels_that_stand_each_for_itself_is_caught(failure):
    broken = spec(right, decoding="several_of_many", default_loss="binary_crossentropy")

    assert "labels are not independent" in failure(broken, PROBABILITIES).problem


def test_two_outputs_for_yes_or_no_are_caught(failure):
    broken = spec(right, decoding="yes_or_no", default_loss="binary_crossentropy")

    assert "yes_or_no needs (10, 1)" in failure(broken, PROBABILITIES).problem


def test_a_head_that_fails_for_many_classes(failure):
    build = lambda f, c, p: dense(f, min(c, 30))  # noqa: E731
    assert "for 40 classes the output is" in failure(spec(build), "probabilities_are_probabilities").problem


def test_a_class_that_never_wins(failure):
    def build(features, classes, parameters):
        known = min(classes, 3)
        return ops().pad(dense(features, known), ((0, 0), (0, classes - known)))

    assert "the same probability whatever" in failure(spec(build), "probabilities_are_probabilities").problem
