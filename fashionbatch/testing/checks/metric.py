"""The promises of a metric."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast, get_args

import numpy as np
from numpy.typing import NDArray

from fashionbatch.specs import Decoding, MetricSpec
from fashionbatch.testing.subject import CheckFunction, Subject, require

if TYPE_CHECKING:
    import keras

CLASSES = 4


def check_decodings_are_known(subject: Subject) -> None:
    """`decodings` says which heads the metric fits."""
    decodings: Any = cast(MetricSpec, subject.spec).decodings
    known = get_args(Decoding)
    require(
        isinstance(decodings, tuple) and decodings and set(decodings) <= set(known),
        f"decodings is {decodings!r}",
        f"write a tuple of some of {', '.join(map(repr, known))}",
    )


def check_a_metric_is_one_number(subject: Subject) -> None:
    """For each kind of head that it fits: one finite number, and the same one again once it is reset."""
    import keras

    for decoding, metric in _metrics(subject):
        require(
            isinstance(metric, keras.metrics.Metric),
            f"build returned {type(metric).__name__}, not a Keras metric",
            "return an instance of keras.metrics.Metric",
        )
        targets, guess = _answers(decoding)
        results = [_result(metric, [(targets, guess)]) for _ in range(2)]
        require(results[0].shape == (), f"{decoding}: it gives an array of {results[0].shape}", "return one number")
        require(
            np.isfinite(results[0]),
            f"{decoding}: it gives {results[0]}",
            "keep divisions away from 0: a batch may hold no image of a class",
        )
        require(
            results[0] == results[1],
            f"{decoding}: it gives {results[1]:g} after a reset, and {results[0]:g} before",
            "set everything that is counted back to 0 in reset_state",
        )


def check_a_metric_is_of_the_whole_epoch(subject: Subject) -> None:
    """It is the same however the images are cut into batches, in a compiled step too."""
    import tensorflow as tf

    for decoding, metric in _metrics(subject):
        targets, guess = _answers(decoding)
        whole = float(_result(metric, [(targets, guess)]))
        cuts = (0, 20, 22, 23, 24)
        batches = [(targets[a:b], guess[a:b]) for a, b in itertools.pairwise(cuts)]
        parts = float(_result(metric, batches))
        require(
            math.isclose(whole, parts, rel_tol=1e-3, abs_tol=1e-4),
            f"{decoding}: it is {whole:g} of all images at once and {parts:g} of the same in batches",
            "count over batches in update_state, and divide in result",
        )
        signature = [tf.TensorSpec([None, targets.shape[1]], tf.float32)] * 2

        @tf.function(input_signature=signature, autograph=False)  # type: ignore[untyped-decorator, unused-ignore]
        def update(truth: Any, predictions: Any, metric: keras.metrics.Metric = metric) -> None:
            metric.update_state(truth, predictions)

        metric.reset_state()
        for batch in batches:
            update(*batch)
        compiled = float(np.asarray(metric.result()))
        require(
            math.isclose(compiled, parts, rel_tol=1e-3, abs_tol=1e-4),
            f"{decoding}: a compiled step gives {compiled:g} and not {parts:g}",
            "use keras.ops alone in update_state, and keep counts in weights of the metric",
        )


def check_two_metrics_share_nothing(subject: Subject) -> None:
    """Training and validation count for themselves."""
    for (decoding, one), (_, other) in zip(_metrics(subject), _metrics(subject), strict=True):
        targets, guess = _answers(decoding)
        alone = float(_result(one, [(targets, guess)]))
        other.reset_state()
        other.update_state(targets, 1 - guess)
        beside = float(np.asarray(one.result()))
        require(
            math.isclose(alone, beside, rel_tol=1e-6, abs_tol=1e-7),
            f"{decoding}: a metric is {alone:g}, and {beside:g} after a second one has been used",
            "make a new metric in each `build`, and keep counts in weights of the metric",
        )


def check_a_metric_goes_the_way_it_says(subject: Subject) -> None:
    """Of right answers it says better things than of wrong ones, by its own `rising`."""
    rising = cast(MetricSpec, subject.spec).rising
    for decoding, metric in _metrics(subject, classes=8):
        targets, _ = _answers(decoding, classes=8)
        results = []
        for said in (targets * 0.98 + 0.01, (1 - targets) * 0.98 + 0.01):
            guess = said / said.sum(axis=1, keepdims=True) if decoding == "one_of_many" else said
            results.append(float(_result(metric, [(targets, guess.astype(np.float32))])))
        right, wrong = results
        word = "more" if rising else "less"
        require(
            right > wrong if rising else right < wrong,
            f"{decoding}: {word} should be better, but right answers give {right:g} and wrong ones {wrong:g}",
            "set `rising` right; take targets first, then probabilities",
        )


def _metrics(subject: Subject, classes: int = CLASSES) -> Iterator[tuple[Decoding, keras.metrics.Metric]]:
    spec = cast(MetricSpec, subject.spec)
    for decoding in spec.decodings:
        yield decoding, spec.build(subject.parameters, decoding, 2 if decoding == "yes_or_no" else classes)


def _result(metric: keras.metrics.Metric, batches: list[tuple[NDArray[Any], NDArray[Any]]]) -> NDArray[Any]:
    metric.reset_state()
    for targets, guess in batches:
        metric.update_state(targets, guess)
    return np.asarray(metric.result())


def _answers(decoding: Decoding, classes: int = CLASSES) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Right answers to 24 images, and guesses at them."""
    generator = np.random.default_rng(5)
    numbers = np.arange(24) % classes
    targets = np.eye(classes, dtype=np.float32)[numbers]
    if decoding == "yes_or_no":
        targets = (numbers % 2).astype(np.float32)[:, np.newaxis]
    elif decoding == "several_of_many":
        targets = np.maximum(targets, np.roll(targets, 1, axis=1) * (np.arange(24) % 3 == 0)[:, np.newaxis])
    guess = generator.uniform(0.05, 0.95, targets.shape)
    if decoding == "one_of_many":
        guess /= guess.sum(axis=1, keepdims=True)
    return targets.astype(np.float32), guess.astype(np.float32)


CHECKS: tuple[CheckFunction, ...] = (
    check_decodings_are_known,
    check_a_metric_is_one_number,
    check_a_metric_is_of_the_whole_epoch,
    check_two_metrics_share_nothing,
    check_a_metric_goes_the_way_it_says,
)
