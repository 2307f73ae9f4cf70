"""The promises of optimizers and schedules."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from fashionbatch.specs import (
    OptimizerParameters,
    OptimizerSpec,
    ScheduleSpec,
    Span,
)
from fashionbatch.testing.figures import epoch_figures
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
    scheduled.iterations.assign(10)
    rate = float(np.asarray(scheduled.learning_rate))
    require(
        math.isclose(rate, 0.25, rel_tol=1e-5),
        f"a schedule that is at 0.25 after ten steps does not count: {rate:g}",
        remedy,
    )


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


def check_every_weight_moves_in_a_compiled_step(subject: Subject) -> None:
    """Training compiles its step: all weights move as they do step by step, and a new rate counts from then on."""
    import keras
    import tensorflow as tf

    def moves(*, compiled: bool, last: float) -> list[list[NDArray[Any]]]:
        optimizer = _optimizer(subject, 0.01)
        weights = [keras.Variable(np.linspace(0.5, 2.0, size, dtype=np.float32)) for size in (6, 4)]
        optimizer.build(weights)

        def step() -> None:
            optimizer.apply([2 * weight.value for weight in weights], weights)

        run = tf.function(step, autograph=False) if compiled else step
        found = []
        for rate in (0.01, 0.01, last):
            before = [np.array(weight) for weight in weights]
            optimizer.learning_rate = rate
            run()
            found.append([np.array(weight) - old for weight, old in zip(weights, before, strict=True)])
        return found

    plain, compiled, slower = (
        moves(compiled=is_compiled, last=last) for is_compiled, last in ((False, 0.01), (True, 0.01), (False, 0.005))
    )
    require(
        all(move.any() for move in plain[0]),
        "a step leaves some weights where they are",
        "update every variable that `update_step` is called with",
    )
    require(
        all(
            np.allclose(a, b, atol=1e-6)
            for one, two in zip(plain, compiled, strict=True)
            for a, b in zip(one, two, strict=True)
        ),
        "a compiled step moves the weights another way",
        "use keras.ops alone, no NumPy, and keep counts in variables of the optimizer, not in Python",
    )
    require(
        not all(np.allclose(one, two, rtol=1e-4, atol=0) for one, two in zip(plain[-1], slower[-1], strict=True)),
        "a step is as large when the rate has been halved: a schedule's later rates do not count",
        "use the `learning_rate` that `update_step` is given",
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
        _require_following(subject, span, rates)
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
    figures = [epoch_figures(epoch, {name: value}) for epoch, value in enumerate(_LOSSES, start=1)]
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


def _require_following(subject: Subject, span: Span, rates: list[float]) -> None:
    """Insist that the optimizer's rate counts, where `rate` says that it does."""
    spec = cast(ScheduleSpec, subject.spec)
    twice = replace(span, learning_rate=2 * span.learning_rate)
    bases = [spec.rate(subject.parameters, one.learning_rate) for one in (span, twice)]
    require(
        bases[0] == bases[1] or rates != _rates(subject, twice),
        f"the rates are {_listed(rates)} whatever the optimizer's learning rate is",
        "begin from span.learning_rate, or say in `rate` which one the schedule has of its own",
    )


def _rates(subject: Subject, span: Span) -> list[float]:
    rate = cast(ScheduleSpec, subject.spec).build(subject.parameters, span)
    steps = range(span.epochs * span.steps_per_epoch)
    return [float(np.asarray(rate(step))) if callable(rate) else float(rate) for step in steps]


def _listed(rates: list[float]) -> str:
    return ", ".join(f"{rate:g}" for rate in rates[:8])


OPTIMIZER_CHECKS: tuple[CheckFunction, ...] = (
    check_the_rate_that_is_given_counts,
    check_a_step_moves_the_weights_downhill,
    check_two_optimizers_share_nothing,
    check_every_weight_moves_in_a_compiled_step,
)
SCHEDULE_CHECKS: tuple[CheckFunction, ...] = (
    check_rates_are_positive_numbers,
    check_the_rate_follows_the_steps_in_a_compiled_step,
    check_what_follows_the_figures_can_be_resumed,
    check_remarks_on_a_schedule_are_by_parameter,
)
