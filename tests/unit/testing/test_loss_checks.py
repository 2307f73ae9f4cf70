"""Each check of a loss fails on one that is broken in just that way, and says so."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from fashionbatch.specs import LossSpec

_count = itertools.count(1)
SEVERAL = ("yes_or_no", "several_of_many")


def spec(build, decodings=("one_of_many",)):
    return LossSpec(name="broken", summary="Broken.", decodings=decodings, build=build)


def ops():
    import keras

    return keras.ops


def of(call):
    """A loss whose `call` is a function of targets and predictions."""

    def build(parameters, label_weights):
        import keras

        class Own(keras.losses.Loss):
            def call(self, y_true, y_pred):
                return call(ops().convert_to_tensor(y_true), ops().convert_to_tensor(y_pred))

        return Own()

    return build


def with_weights(call):
    """A loss whose `call` takes the weights of labels, 1 where there are none, as a third argument."""

    def build(parameters, label_weights):
        weights = 1.0 if label_weights is None else label_weights[np.newaxis]
        return of(lambda truth, guess: call(truth, guess, weights))(parameters, label_weights)

    return build


def keras_loss(name, **arguments):
    def build(parameters, label_weights):
        import keras

        return getattr(keras.losses, name)(**arguments)

    return build


def clipped(guess):
    return ops().clip(guess, 1e-7, 1 - 1e-7)


def cross_entropy(truth, guess):
    return -ops().sum(truth * ops().log(clipped(guess)), axis=-1)


def binary(truth, guess, weights=1.0):
    guess = clipped(guess)
    return -ops().mean(weights * truth * ops().log(guess) + (1 - truth) * ops().log(1 - guess), axis=-1)


def squared(truth, guess):
    return ops().mean(ops().square(truth - guess), axis=-1)


RIGHT = {
    "cross-entropy": (of(cross_entropy), ("one_of_many",)),
    "smoothed": (keras_loss("CategoricalCrossentropy", label_smoothing=0.1), ("one_of_many",)),
    "squared": (of(squared), ("one_of_many",)),
    "hinge": (keras_loss("CategoricalHinge"), ("one_of_many",)),
    "absolute": (keras_loss("MeanAbsoluteError"), ("one_of_many",)),
    "cosine": (keras_loss("CosineSimilarity"), ("one_of_many",)),
    "binary": (with_weights(binary), SEVERAL),
    "binary focal": (keras_loss("BinaryFocalCrossentropy", apply_class_balancing=True), ("yes_or_no",)),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_loss_passes(name, passes_all):
    build, decodings = RIGHT[name]

    passes_all(spec(build, decodings))


def eager_numpy(truth, guess):
    return -np.sum(np.asarray(truth) * np.log(np.clip(np.asarray(guess), 1e-7, 1)), axis=-1)


def eager_if(truth, guess):
    return cross_entropy(truth, guess) if float(ops().max(guess)) < 2 else ops().zeros(len(truth))


def without_sample_weight(parameters, label_weights):
    import keras

    class Own(keras.losses.Loss):
        def __call__(self, y_true, y_pred, sample_weight=None):
            return ops().mean(cross_entropy(ops().convert_to_tensor(y_true), ops().convert_to_tensor(y_pred)))

    return Own()


def mean_in_call(truth, guess):
    return ops().mean(cross_entropy(truth, guess))


def no_reduction(parameters, label_weights):
    import keras

    return keras.losses.CategoricalCrossentropy(reduction=None)


def weights_of_the_first(parameters, label_weights):
    weights = 1.0 if label_weights is None else float(label_weights[0])
    return of(lambda truth, guess: weights * binary(truth, guess))(parameters, label_weights)


def weights_turned_round(parameters, label_weights):
    weights = 1.0 if label_weights is None else label_weights[::-1].copy()
    return of(lambda truth, guess: binary(truth, guess, weights))(parameters, label_weights)


def crash_with_weights(parameters, label_weights):
    factor = 1.0 if not label_weights else 2.0
    return of(lambda truth, guess: factor * binary(truth, guess))(parameters, label_weights)


def four_weights(parameters, label_weights):
    weights = 1.0 if label_weights is None else label_weights.reshape(1, 4)
    return of(lambda truth, guess: binary(truth, guess, weights))(parameters, label_weights)


CHEAPER, LABELS, LOGITS = "right_answers_cost_less", "every_label_counts", "predictions_are_taken_for_probabilities"
WEIGHTS, IMAGES = "weights_of_labels_count", "weights_of_images_count"
GRADIENT, COMPILED = "the_gradient_leads_to_better_predictions", "it_runs_inside_a_compiled_step"
BREAKS = {
    "NaN at 0": (of(lambda t, p: -ops().sum(t * ops().log(p), axis=-1)), CHEAPER, "not finite"),
    "the wrong sign": (of(lambda t, p: -cross_entropy(t, p)), CHEAPER, "better predictions must cost less"),
    "a constant": (of(lambda t, p: 0 * cross_entropy(t, p)), CHEAPER, "better predictions must cost less"),
    "arguments turned round": (of(lambda t, p: cross_entropy(1 - p, t)), CHEAPER, "better predictions"),
    "another cost each time": (of(lambda t, p: cross_entropy(t, p) * next(_count)), CHEAPER, "cost"),
    "noise": (of(lambda t, p: cross_entropy(t, p) * (1 + 1e-4 * np.random.default_rng().uniform())), CHEAPER, "second time"),
    "one number an image": (no_reduction, CHEAPER, "has the shape (4,)"),
    "a function": (lambda q, w: lambda t, p: cross_entropy(t, p), CHEAPER, "build returned function"),
    "a name": (lambda q, w: "categorical_crossentropy", CHEAPER, "build returned str"),
    "nothing": (lambda q, w: None, CHEAPER, "build returned NoneType"),
    "build raises": (lambda q, w: q.gamma, CHEAPER, "AttributeError"),
    "only four classes": (of(lambda t, p: cross_entropy(t, p) if t.shape[1] == 4 else 1 / 0), CHEAPER, "ZeroDivisionError"),
    "the first label alone": (of(lambda t, p: -t[:, 0] * ops().log(clipped(p[:, 0])) - (1 - t[:, 0]) * ops().log(clipped(1 - p[:, 0]))), LABELS, "label 1 of image 1 costs nothing"),
    "the first image alone": (of(lambda t, p: cross_entropy(t, p)[:1] * ops().ones_like(t[:, 0])), LABELS, "of image 1 costs nothing"),
    "all but the last label": (of(lambda t, p: cross_entropy(t[:, :-1], p[:, :-1]) + 0 * p[:, 0]), LABELS, "label 3 of image 3"),
    "logits": (keras_loss("CategoricalCrossentropy", from_logits=True), LOGITS, "as if they were logits"),
    "softmax once more": (of(lambda t, p: cross_entropy(t, ops().softmax(p, axis=-1))), LOGITS, "as if they were logits"),
    "focal on logits": (keras_loss("CategoricalFocalCrossentropy", from_logits=True), LOGITS, "as if they were logits"),
    "no weights of images": (without_sample_weight, IMAGES, "an image of weight 0 still counts"),
    "one number for all images": (of(mean_in_call), IMAGES, "an image of weight 0 still counts"),
    "no gradient": (of(lambda t, p: ops().stop_gradient(cross_entropy(t, p))), GRADIENT, "no gradient"),
    "rounded predictions": (of(lambda t, p: cross_entropy(t, ops().round(p * 100) / 100)), GRADIENT, "gradient"),
    "an infinite gradient": (of(lambda t, p: ops().sum(ops().sqrt(ops().abs(t - p)), axis=-1)), GRADIENT, "NaN or infinite"),
    "NaN gradient behind a where": (of(lambda t, p: ops().sum(ops().where(p > 0, -t * ops().log(p), t * 20.0), axis=-1)), GRADIENT, "NaN or infinite"),
    "a gradient that leads away": (of(lambda t, p: ops().stop_gradient(2 * cross_entropy(t, p)) - cross_entropy(t, p)), GRADIENT, "does not lead"),
    "NumPy": (of(eager_numpy), COMPILED, "raised"),
    "a Python if": (of(eager_if), COMPILED, "raised"),
    "numpy()": (of(lambda t, p: cross_entropy(t, p) + 0 * p.numpy().sum()), COMPILED, "raised"),
    "a loop over rows": (of(lambda t, p: ops().stack([cross_entropy(t[i], p[i]) for i in range(len(t))])), COMPILED, "raised"),
}  # fmt: skip
BREAKS_OF_SEVERAL = {
    "logits": (keras_loss("BinaryCrossentropy", from_logits=True), LOGITS, "as if it were a logit"),
    "sigmoid once more": (with_weights(lambda t, p, w: binary(t, ops().sigmoid(p), w)), LOGITS, "as if it were a logit"),
    "focal on logits": (keras_loss("BinaryFocalCrossentropy", from_logits=True), LOGITS, "as if it were a logit"),
    "the first label alone": (of(lambda t, p: binary(t[:, :1], p[:, :1])), LABELS, "label 1 of image 0"),
    "positive targets alone": (of(lambda t, p: -ops().mean(t * ops().log(clipped(p)), axis=-1)), LABELS, "costs nothing"),
    "ignores weights": (keras_loss("BinaryCrossentropy"), WEIGHTS, "a missed label 0 costs"),
    "crashes with weights": (crash_with_weights, WEIGHTS, "ValueError"),
    "the first weight for all": (weights_of_the_first, WEIGHTS, "a missed label 1 costs"),
    "weights in the wrong order": (weights_turned_round, WEIGHTS, "a missed label 0 costs"),
    "only four weights": (four_weights, WEIGHTS, "ValueError"),
    "weights of wrong answers": (with_weights(lambda t, p, w: binary(1 - t, 1 - p, w)), WEIGHTS, "a missed label 0 costs"),
    "divided by weights": (with_weights(lambda t, p, w: binary(t, p, 1 / w if not isinstance(w, float) else w)), WEIGHTS, "a missed label 0"),
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_loss_is_caught(name, failure):
    build, check, phrase = BREAKS[name]

    assert phrase in failure(spec(build), check).problem


@pytest.mark.parametrize("name", BREAKS_OF_SEVERAL)
def test_a_broken_loss_of_several_labels_is_caught(name, failure):
    build, check, phrase = BREAKS_OF_SEVERAL[name]

    assert phrase in failure(spec(build, ("several_of_many",)), check).problem


@pytest.mark.parametrize(
    ("decodings", "phrase"),
    [
        ((), "is empty"),
        ("one_of_many", "is a str"),
        (["one_of_many"], "is a list"),
        (("softmax",), "softmax"),
        (("one_of_many", "several"), "several"),
        (("one_of_many", "one_of_many"), "repeats"),
        (None, "is a NoneType"),
    ],
)
def test_decodings_that_are_none_are_caught(failure, decodings, phrase):
    assert phrase in failure(spec(of(cross_entropy), decodings), "decodings_are_known").problem


def test_a_loss_that_takes_the_largest_target_for_the_whole(failure):
    def call(truth, guess):
        hot = ops().one_hot(ops().argmax(truth, axis=-1), truth.shape[-1])
        return -ops().sum(hot * ops().log(ops().clip(guess, 1e-7, 1)), axis=-1)

    assert "targets that are mixed of two images cost" in failure(spec(of(call)), "targets_may_be_shares").problem
