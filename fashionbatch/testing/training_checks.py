"""The promises of optimizers, schedules, metrics and callbacks."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from fashionbatch.errors import FashionBatchError
from fashionbatch.specs import (
    CallbackSpec,
    Decoding,
    EpochFigures,
    MetricSpec,
    OptimizerParameters,
    OptimizerSpec,
    ScheduleSpec,
    Span,
    TrainingEnd,
    TrainingStart,
)

if TYPE_CHECKING:
    import keras

    from fashionbatch.testing.checks import Subject

CLASSES = 4
SPAN = Span(learning_rate=0.1, epochs=4, steps_per_epoch=5)


# -------------------------------------------------------------------------------------------------------- optimizers


def check_the_rate_that_is_given_counts(subject: Subject) -> None:
    """A schedule decides the rate; the one in the parameters is where it begins."""
    import keras

    spec = cast(OptimizerSpec, subject.spec)
    assert isinstance(subject.parameters, OptimizerParameters)
    optimizer = spec.build(subject.parameters, 0.0625)
    assert isinstance(optimizer, keras.optimizers.Optimizer), f"must be a Keras optimizer, got {type(optimizer)}"
    rate = float(np.asarray(optimizer.learning_rate))
    assert rate == 0.0625, f"the rate that was given, 0.0625, does not count: it is {rate}"
    scheduled = spec.build(subject.parameters, keras.optimizers.schedules.ExponentialDecay(0.5, 10, 0.5))
    rate = float(np.asarray(scheduled.learning_rate))
    assert rate == 0.5, f"a Keras schedule that begins with 0.5 does not count: the rate is {rate}"


def check_a_step_moves_the_weights_downhill(subject: Subject) -> None:
    """Ten steps along the gradient make a small loss smaller, and leave numbers."""
    import keras

    optimizer = cast(OptimizerSpec, subject.spec).build(subject.parameters, 0.01)
    start = np.linspace(0.5, 2.0, 12, dtype=np.float32).reshape(3, 4)
    weights = keras.Variable(start)
    for _ in range(10):
        optimizer.apply([2 * weights.numpy()], [weights])
    moved = weights.numpy()
    assert np.isfinite(moved).all(), "the weights are no longer numbers"
    assert float((moved**2).sum()) < float((start**2).sum()), "ten steps did not make the loss smaller"


# --------------------------------------------------------------------------------------------------------- schedules


def check_rates_are_positive_numbers(subject: Subject) -> None:
    """At every step of the phase there is a rate of at least 0, and above it somewhere."""
    rate = cast(ScheduleSpec, subject.spec).build(subject.parameters, SPAN)
    rates = [float(rate(step)) if callable(rate) else float(rate) for step in range(SPAN.epochs * SPAN.steps_per_epoch)]
    assert all(math.isfinite(value) and value >= 0 for value in rates), f"rates must be numbers from 0 on: {rates}"
    assert max(rates) > 0, "the rate is 0 throughout: nothing would be learnt"


def check_what_follows_the_figures_can_be_resumed(subject: Subject) -> None:
    """What a schedule keeps from epoch to epoch is JSON, and decides alike after it was read back."""
    spec = cast(ScheduleSpec, subject.spec)
    if spec.after_epoch is None:
        return
    assert spec.monitor is not None, "a schedule that follows the figures says which: `monitor`"
    name = spec.monitor(subject.parameters)
    figures = [_figures(epoch, {name: value}) for epoch, value in enumerate((1.0, 0.5, 0.6, 0.6, 0.7, 0.4), start=1)]
    whole: dict[str, Any] = {}
    undisturbed = [spec.after_epoch(subject.parameters, one, whole) for one in figures]
    state: dict[str, Any] = {}
    resumed = []
    for one in figures:
        state = json.loads(json.dumps(state))
        resumed.append(spec.after_epoch(subject.parameters, one, state))
    assert undisturbed == resumed, f"a resumed training would have other rates: {resumed}, not {undisturbed}"


# ----------------------------------------------------------------------------------------------------------- metrics


def check_a_metric_is_one_number(subject: Subject) -> None:
    """For each kind of head that it fits: one finite number, and the same one again once it is reset."""
    for decoding, metric in _metrics(subject):
        targets, guess = _answers(decoding)
        results = []
        for _ in range(2):
            metric.reset_state()
            metric.update_state(targets, guess)
            results.append(np.asarray(metric.result()))
        assert results[0].shape == (), f"{decoding}: must give one number, got an array of shape {results[0].shape}"
        assert np.isfinite(results[0]), f"{decoding}: must be a number, got {results[0]}"
        assert results[0] == results[1], f"{decoding}: gives {results[1]} after a reset, and {results[0]} before"


def check_a_metric_goes_the_way_it_says(subject: Subject) -> None:
    """Of right answers it says better things than of wrong ones, by its own `rising`."""
    rising = cast(MetricSpec, subject.spec).rising
    for decoding, metric in _metrics(subject):
        targets, _ = _answers(decoding)
        results = []
        for said in (targets * 0.98 + 0.01, (1 - targets) * 0.98 + 0.01):
            guess = said / said.sum(axis=1, keepdims=True) if decoding == "one_of_many" else said
            metric.reset_state()
            metric.update_state(targets, guess.astype(np.float32))
            results.append(float(np.asarray(metric.result())))
        right, wrong = results
        better = right >= wrong if rising else right <= wrong
        word = "more" if rising else "less"
        assert better, f"{decoding}: {word} should be better, but right answers give {right} and wrong ones {wrong}"


# --------------------------------------------------------------------------------------------------------- callbacks


def check_a_callback_looks_on_to_the_end(subject: Subject) -> None:
    """It takes a training that begins, one that goes on, one that was stopped, and one without validation."""
    spec = cast(CallbackSpec, subject.spec)
    if spec.check is not None:
        try:
            spec.check(subject.parameters)
        except FashionBatchError:
            return  # it says itself what this machine lacks
    for has_validation in (True, False):
        names = ("loss", "accuracy", *(("val_loss", "val_accuracy") if has_validation else ()))
        epochs = [_figures(epoch, dict.fromkeys(names, 1 / epoch)) for epoch in (1, 2, 3)]
        with tempfile.TemporaryDirectory() as folder:
            for done, completed in ((0, False), (2, True)):
                callback = spec.build(subject.parameters, _start(Path(folder), epochs[:done]))
                for figures in epochs[done : 3 if completed else 2]:
                    callback.epoch_finished(figures)
                callback.training_ended(TrainingEnd(completed=completed))


def _figures(epoch: int, values: dict[str, float]) -> EpochFigures:
    rising = frozenset(name for name in values if name.endswith("accuracy"))
    return EpochFigures(epoch=epoch, phase="p", seconds=1.0, learning_rate=0.1, values=values, rising=rising)


def _start(folder: Path, history: list[EpochFigures]) -> TrainingStart:
    return TrainingStart(
        run_directory=folder,
        name="check",
        recipe={"version": 1, "name": "check"},
        epochs=3,
        class_names=("a", "b"),
        images={"train": 8, "validation": 2},
        history=history,
    )


def _metrics(subject: Subject) -> Iterator[tuple[Decoding, keras.metrics.Metric]]:
    spec = cast(MetricSpec, subject.spec)
    assert spec.decodings, "names no kind of head that it fits"
    for decoding in spec.decodings:
        yield decoding, spec.build(subject.parameters, decoding, 2 if decoding == "yes_or_no" else CLASSES)


def _answers(decoding: Decoding) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Right answers to 24 images, and guesses at them."""
    generator = np.random.default_rng(5)
    classes = np.arange(24) % CLASSES
    targets = np.eye(CLASSES, dtype=np.float32)[classes]
    if decoding == "yes_or_no":
        targets = (classes % 2).astype(np.float32)[:, np.newaxis]
    elif decoding == "several_of_many":
        targets = np.maximum(targets, np.roll(targets, 1, axis=1) * (np.arange(24) % 3 == 0)[:, np.newaxis])
    guess = generator.uniform(0.05, 0.95, targets.shape)
    if decoding == "one_of_many":
        guess /= guess.sum(axis=1, keepdims=True)
    return targets.astype(np.float32), guess.astype(np.float32)
