"""Every optimizer and schedule that recipes can name becomes Keras's."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest

from fashionbatch.errors import PluginError
from fashionbatch.model.optimizers import build_optimizer, build_rate
from fashionbatch.plan import PlannedPhase, Resolved
from fashionbatch.plugins import load_plugins
from fashionbatch.registry import Provider
from fashionbatch.specs import Parameters, ScheduleSpec

BUILT_IN = Provider("fashionbatch", "1.0")
REGISTRY = load_plugins().registry
OPTIMIZERS = {entry.spec.name: entry.spec for entry in REGISTRY.entries("optimizer")}
SCHEDULES = {entry.spec.name: entry.spec for entry in REGISTRY.entries("schedule")}
STEPS = 10


def planned_schedule(name, parameters):
    spec = SCHEDULES[name] if name else None
    return Resolved(spec, spec.parameters(**parameters), BUILT_IN) if spec else None


def phase(optimizer="sgd", schedule=None, *, rate=0.1, epochs=4, **parameters):
    chosen = OPTIMIZERS[optimizer].parameters(learning_rate=rate)
    return PlannedPhase(
        name="training",
        train="all",
        epochs=epochs,
        batch_size=8,
        optimizer=Resolved(OPTIMIZERS[optimizer], chosen, BUILT_IN),
        schedule=planned_schedule(schedule, parameters),
        augmentation=(),
        early_stopping=None,
    )


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_an_optimizer_is_made_and_takes_a_step(name):
    optimizer = build_optimizer(phase(name, rate=0.05), STEPS)
    assert type(optimizer).__name__ == OPTIMIZERS[name].parameters.__name__
    variable = keras.Variable(np.ones((2, 2), np.float32))
    optimizer.apply([np.ones((2, 2), np.float32)], [variable])
    assert not np.array_equal(variable.numpy(), np.ones((2, 2)))


def rate_at(epoch, schedule, **parameters):
    rate = build_rate(phase("sgd", schedule, **parameters), STEPS)
    return rate if isinstance(rate, float) else float(rate(round(epoch * STEPS)))


@pytest.mark.parametrize(
    ("schedule", "parameters", "rates"),
    [
        (None, {}, {0: 0.1, 3: 0.1}),
        ("constant", {"learning_rate": 0.3}, {0: 0.3, 3: 0.3}),
        ("reduce_on_plateau", {}, {0: 0.1, 3: 0.1}),
        ("inverse_time", {}, {0: 0.1, 2: 0.1 / (1 + 0.1 / 4 * 20)}),
        ("inverse_time", {"decay": 0.5}, {0: 0.1, 1: 0.1 / 6}),
        ("exponential", {"decay_rate": 0.5, "decay_epochs": 2}, {0: 0.1, 2: 0.05, 4: 0.025}),
        ("exponential", {"decay_rate": 0.5, "staircase": True}, {0.9: 0.1, 1: 0.05}),
        ("cosine", {}, {0: 0.1, 2: 0.05, 4: 0.0}),
        ("cosine", {"warmup_epochs": 1, "alpha": 0.1}, {0: 0.0, 0.5: 0.05, 1: 0.1, 4: 0.01}),
        ("cosine_restarts", {"first_decay_epochs": 1}, {0: 0.1, 0.5: 0.05, 1: 0.1}),
        ("polynomial", {"end_learning_rate": 0.02}, {0: 0.1, 2: 0.06, 4: 0.02}),
        ("piecewise_constant", {"boundaries": [1, 2], "values": [0.3, 0.2, 0.1]}, {0.9: 0.3, 1: 0.2, 1.9: 0.2, 2: 0.1}),
    ],
)
def test_a_schedule_counts_epochs(schedule, parameters, rates):
    for epoch, expected in rates.items():
        assert rate_at(epoch, schedule, **parameters) == pytest.approx(expected, abs=1e-6), epoch


def test_every_schedule_is_tried():
    names = test_a_schedule_counts_epochs.pytestmark[0].args[1]
    assert {case[0] for case in names} == {None, *SCHEDULES}


def answering(answer):
    class Answering(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            return answer

    return Answering()


@pytest.mark.parametrize(
    ("rate", "said"),
    [
        ("fast", "build returned 'fast'; expected a rate of 0 or more, or a Keras LearningRateSchedule"),
        (-1.0, "build returned -1.0; expected a rate of 0 or more, or a Keras LearningRateSchedule"),
        (float("nan"), "build returned nan; expected a rate of 0 or more, or a Keras LearningRateSchedule"),
        (answering("fast"), "__call__ returned 'fast' for the first step; expected a number"),
        (answering(None), "__call__ returned None for the first step; expected a number"),
    ],
)
def test_what_is_no_learning_rate_is_an_error_of_the_schedules_plugin(rate, said):
    spec = ScheduleSpec(name="odd", summary="Odd.", build=lambda *_: rate)
    odd = dataclasses.replace(phase(), schedule=Resolved(spec, Parameters(), Provider("shoes", "1.2")))
    with pytest.raises(PluginError) as caught:
        build_rate(odd, STEPS)
    assert caught.value.message == f"plugin shoes 1.2 (schedule 'odd'): {said}"
