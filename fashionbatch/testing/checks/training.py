"""The promises of optimizers, schedules and callbacks."""

from __future__ import annotations

import copy
import json
import math
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from fashionbatch.errors import FashionBatchError
from fashionbatch.specs import (
    CallbackSpec,
    EpochFigures,
    OptimizerParameters,
    OptimizerSpec,
    ScheduleSpec,
    Span,
    TrainingEnd,
    TrainingStart,
)
from fashionbatch.testing.deadline import Unchecked
from fashionbatch.testing.subject import CheckFunction, Subject, require

if TYPE_CHECKING:
    import keras

SPANS = (
    Span(learning_rate=0.1, epochs=4, steps_per_epoch=5),
    Span(learning_rate=0.001, epochs=6, steps_per_epoch=1),
)
_LOSSES = (1.0, 0.5, 0.6, 0.6, 0.7, 0.4)


# -------------------------------------------------------------------------------------------------------- optimizers


def check_the_rate_that_is_given_counts(subject: Subject) -> None:
    """A schedule decides the rate; the one in the parameters is where it begins."""
    import keras

    remedy = "hand `learning_rate`, the second argument of build, to the Keras optimizer"
    require(
        isinstance(subject.parameters, OptimizerParameters),
        f"its parameters are {type(subject.parameters).__name__}, which has no learning rate",
        "derive them from fashionbatch.specs.OptimizerParameters",
    )
    rate = float(np.asarray(_optimizer(subject, 0.0625).learning_rate))
    require(rate == 0.0625, f"the rate that was given, 0.0625, does not count: it is {rate:g}", remedy)
    scheduled = _optimizer(subject, keras.optimizers.schedules.ExponentialDecay(0.5, 10, 0.5))
    rate = float(np.asarray(scheduled.learning_rate))
    require(rate == 0.5, f"a Keras schedule that begins with 0.5 does not count: the rate is {rate:g}", remedy)


def check_a_step_moves_the_weights_downhill(subject: Subject) -> None:
    """Ten steps along the gradient make a small loss smaller, and leave numbers, also where the gradient is 0."""
    import keras

    start = np.linspace(0.5, 2.0, 12, dtype=np.float32).reshape(3, 4)
    for first in (1.0, 0.0):
        optimizer, weights = _optimizer(subject, 0.01), keras.Variable(start)
        for step in range(10):
            optimizer.apply([2 * weights.numpy() * (first if step == 0 else 1)], [weights])
        moved = weights.numpy()
        require(
            np.isfinite(moved).all(),
            "the weights are no longer numbers",
            "keep divisions away from 0: a gradient may be 0 from the first step on",
        )
        require(
            float((moved**2).sum()) < float((start**2).sum()),
            "ten steps did not make the loss smaller",
            "take the gradient off the weights: weights - rate * gradient",
        )


def check_two_optimizers_share_nothing(subject: Subject) -> None:
    """Each phase begins with an optimizer of its own, and a repeated training goes the same way."""
    import keras

    start = np.linspace(0.5, 2.0, 12, dtype=np.float32).reshape(3, 4)
    ways = []
    for _ in range(2):
        optimizer, weights = _optimizer(subject, 0.01), keras.Variable(start)
        for _ in range(3):
            optimizer.apply([2 * weights.numpy()], [weights])
        ways.append(weights.numpy())
    require(
        np.array_equal(ways[0], ways[1]),
        "a second optimizer moves the same weights another way",
        "build a new optimizer each time, keep no state outside it, and draw nothing",
    )


def _optimizer(subject: Subject, rate: Any) -> keras.optimizers.Optimizer:
    import keras

    optimizer = cast(OptimizerSpec, subject.spec).build(subject.parameters, rate)
    require(
        isinstance(optimizer, keras.optimizers.Optimizer),
        f"build returned {type(optimizer).__name__}, not a Keras optimizer",
        "return an instance of keras.optimizers.Optimizer",
    )
    return optimizer


# --------------------------------------------------------------------------------------------------------- schedules


def check_rates_are_positive_numbers(subject: Subject) -> None:
    """At every step of the phase there is a rate of at least 0, and above it somewhere."""
    spec = cast(ScheduleSpec, subject.spec)
    for span in SPANS:
        rates = _rates(subject, span)
        require(
            all(math.isfinite(value) and value >= 0 for value in rates),
            f"rates must be numbers from 0 on: {_listed(rates)}",
            "check the first and the last step, and phases of one step an epoch",
        )
        require(max(rates) > 0, "the rate is 0 throughout: nothing would be learnt", "begin from `span.learning_rate`")
        require(
            rates == _rates(subject, span),
            "a second schedule for the same phase has other rates",
            "let the rate depend on parameters, span and step alone: a resumed training asks again",
        )
        base = spec.rate(subject.parameters, span.learning_rate)
        require(
            isinstance(base, (int, float)) and math.isfinite(base) and base > 0,
            f"rate gives {base!r} for the optimizer's {span.learning_rate:g}",
            "return the positive number that the schedule begins with or scales",
        )


def check_the_rate_follows_the_steps_in_a_compiled_step(subject: Subject) -> None:
    """Training compiles its step: a schedule sees the number of the step as a tensor."""
    import keras
    import tensorflow as tf

    span = SPANS[0]
    rate = cast(ScheduleSpec, subject.spec).build(subject.parameters, span)
    if isinstance(rate, (int, float)):
        return
    require(
        isinstance(rate, keras.optimizers.schedules.LearningRateSchedule),
        f"build returned {type(rate).__name__}",
        "return a number, or a keras.optimizers.schedules.LearningRateSchedule",
    )

    @tf.function(input_signature=[tf.TensorSpec([], tf.int32)], autograph=False)  # type: ignore[untyped-decorator, unused-ignore]
    def rate_at(step: Any) -> Any:
        return rate(step)

    compiled = [float(rate_at(tf.constant(step))) for step in range(span.epochs * span.steps_per_epoch)]
    require(
        np.allclose(compiled, _rates(subject, span), rtol=1e-4),
        f"a compiled step has other rates: {_listed(compiled)}",
        "use keras.ops alone, no NumPy and no Python `if` on the step",
    )


def check_what_follows_the_figures_can_be_resumed(subject: Subject) -> None:
    """What a schedule keeps from epoch to epoch is JSON, and decides alike after it was read back."""
    spec = cast(ScheduleSpec, subject.spec)
    if spec.after_epoch is None:
        return
    if spec.monitor is None:
        require(
            False, "it follows the figures, and does not say which", "give `monitor`: parameters -> name of a figure"
        )
        return
    name = spec.monitor(subject.parameters)
    require(
        isinstance(name, str) and name,
        f"monitor gives {name!r}",
        "return the name of a figure, such as 'val_loss'",
    )
    figures = [_figures(epoch, {name: value}) for epoch, value in enumerate(_LOSSES, start=1)]
    whole: dict[str, Any] = {}
    undisturbed = [spec.after_epoch(subject.parameters, one, whole) for one in figures]
    state: dict[str, Any] = {}
    resumed = []
    for one in figures:
        try:
            state = json.loads(json.dumps(state))
        except (TypeError, ValueError):
            require(False, f"what it keeps is not JSON: {state!r}", "keep plain numbers, texts, lists and dicts")
        resumed.append(spec.after_epoch(subject.parameters, one, state))
    require(
        all(isinstance(rate, (int, float)) and math.isfinite(rate) and rate >= 0 for rate in (*undisturbed, *resumed)),
        f"after_epoch gives {resumed!r}",
        "return a number from 0 on after every epoch",
    )
    require(
        undisturbed == resumed,
        f"a resumed training would have other rates: {_listed(resumed)}, not {_listed(undisturbed)}",
        "keep what decides in the mapping that `after_epoch` is given, by text keys, and nowhere else",
    )


def check_remarks_on_a_schedule_are_by_parameter(subject: Subject) -> None:
    """What is wrong for a number of epochs is said by the name of the parameter."""
    spec = cast(ScheduleSpec, subject.spec)
    known = {field.alias or name for name, field in spec.parameters.model_fields.items()}
    for role in ("problems", "advice"):
        for epochs in (1, 4, 100):
            remarks: Any = getattr(spec, role)(subject.parameters, epochs)
            require(
                isinstance(remarks, Mapping) and all(isinstance(text, str) for text in remarks.values()),
                f"{role} gives {remarks!r}",
                "return a dict: name of a parameter -> what is wrong; an empty one where nothing is",
            )
            unknown = sorted(set(remarks) - known)
            require(
                not unknown,
                f"{role} speaks of {', '.join(unknown)}, which is no parameter",
                f"there are: {', '.join(sorted(known)) or 'none'}",
            )


def _rates(subject: Subject, span: Span) -> list[float]:
    rate = cast(ScheduleSpec, subject.spec).build(subject.parameters, span)
    steps = range(span.epochs * span.steps_per_epoch)
    return [float(np.asarray(rate(step))) if callable(rate) else float(rate) for step in steps]


def _listed(rates: list[float]) -> str:
    return ", ".join(f"{rate:g}" for rate in rates[:8])


# --------------------------------------------------------------------------------------------------------- callbacks


def check_a_callback_looks_on_to_the_end(subject: Subject) -> None:
    """It takes a training that begins, one that goes on, one that was stopped, and one without validation."""
    spec = cast(CallbackSpec, subject.spec)
    _require_usable(subject)
    for has_validation in (True, False):
        names = ("loss", "accuracy", *(("val_loss", "val_accuracy") if has_validation else ()))
        epochs = [_figures(epoch, dict.fromkeys(names, 1 / epoch)) for epoch in (1, 2, 3)]
        with tempfile.TemporaryDirectory() as folder:
            for done, last, completed in ((0, 2, False), (2, 3, True), (3, 3, False)):
                callback = spec.build(subject.parameters, _start(Path(folder), epochs[:done]))
                for name in ("epoch_finished", "training_ended"):
                    require(
                        callable(getattr(callback, name, None)),
                        f"build returned {type(callback).__name__}, which has no {name}",
                        "return an object with epoch_finished(figures) and training_ended(end)",
                    )
                for figures in epochs[done:last]:
                    callback.epoch_finished(figures)
                callback.training_ended(
                    TrainingEnd(completed=completed, summary={"name": "check"} if completed else {})
                )


def check_a_callback_changes_nothing(subject: Subject) -> None:
    """It only looks on: figures and files of the run stay as they are, and its own files are in the run directory."""
    spec = cast(CallbackSpec, subject.spec)
    _require_usable(subject)
    figures = _figures(1, {"loss": 0.5, "accuracy": 0.75})
    before = copy.deepcopy(dict(figures.values))
    beside = set(os.listdir())
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        run.mkdir()
        for name in ("history.csv", "summary.json"):
            (run / name).write_text("ours", encoding="utf-8")
        callback = spec.build(subject.parameters, _start(run, []))
        callback.epoch_finished(figures)
        callback.training_ended(TrainingEnd(completed=True, summary={"name": "check"}))
        ours = {name: (run / name).read_bytes() for name in ("history.csv", "summary.json") if (run / name).exists()}
        outside = sorted(path.name for path in Path(folder).iterdir() if path != run)
    remedy = "write into a folder of its own: start.run_directory / 'my_callback'"
    require(dict(figures.values) == before, "the figures were changed", "work on a copy: dict(figures.values)")
    changed = [name for name in ("history.csv", "summary.json") if ours.get(name) != b"ours"]
    require(not changed, f"it changed or removed {', '.join(changed)} of the run directory", remedy)
    stray = [*outside, *sorted(set(os.listdir()) - beside)]
    require(not stray, f"it left {', '.join(stray[:4])} outside the run directory", remedy)


def _require_usable(subject: Subject) -> None:
    """Insist on a callback that this machine has what it takes for.

    Raises:
        Unchecked: it says itself what is missing.
    """
    spec = cast(CallbackSpec, subject.spec)
    if spec.check is None:
        return
    try:
        spec.check(subject.parameters)
    except FashionBatchError as error:
        raise Unchecked(error.message) from error


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


OPTIMIZER_CHECKS: tuple[CheckFunction, ...] = (
    check_the_rate_that_is_given_counts,
    check_a_step_moves_the_weights_downhill,
    check_two_optimizers_share_nothing,
)
SCHEDULE_CHECKS: tuple[CheckFunction, ...] = (
    check_rates_are_positive_numbers,
    check_the_rate_follows_the_steps_in_a_compiled_step,
    check_what_follows_the_figures_can_be_resumed,
    check_remarks_on_a_schedule_are_by_parameter,
)
CALLBACK_CHECKS: tuple[CheckFunction, ...] = (
    check_a_callback_looks_on_to_the_end,
    check_a_callback_changes_nothing,
)
