"""The optimizers and schedules of recipes are Keras's, with its names and defaults."""

from __future__ import annotations

import inspect

import pytest
from pydantic import ValidationError

from fashionbatch.specs import EpochFigures
from fashionbatch_plugins.optimizers import register_optimizers
from fashionbatch_plugins.schedules import (
    InverseTime,
    PiecewiseConstant,
    ReduceOnPlateau,
    rate_after_epoch,
    register_schedules,
)

OPTIMIZERS = {spec.name: spec for spec in register_optimizers()}
SCHEDULES = {spec.name: spec for spec in register_schedules()}

# Wrappers around other optimizers, and the base class.
NO_OPTIMIZERS = {"LossScaleOptimizer", "MultiOptimizer", "Optimizer", "OptimizerMap"}


@pytest.fixture(scope="module")
def keras():
    import keras  # 7 s, and only some of these tests need it

    return keras


def defaults_of(cls: type) -> dict[str, object]:
    parameters = inspect.signature(cls).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is not p.VAR_KEYWORD}


def test_every_optimizer_of_keras_is_there_with_its_own_defaults(keras):
    classes = {name: cls for name, cls in vars(keras.optimizers).items() if isinstance(cls, type)}
    assert {optimizer.parameters.__name__ for optimizer in OPTIMIZERS.values()} == set(classes) - NO_OPTIMIZERS
    for optimizer in OPTIMIZERS.values():
        ours = {name: field.default for name, field in optimizer.parameters.model_fields.items()}
        theirs = defaults_of(classes[optimizer.parameters.__name__])
        theirs.pop("name")  # what a recipe calls the optimizer
        assert ours == theirs, optimizer.name


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_keras_takes_the_parameters_of_every_optimizer(keras, name):
    optimizer = OPTIMIZERS[name]
    made = optimizer.build(optimizer.parameters(), 0.0625)
    assert type(made) is getattr(keras.optimizers, optimizer.parameters.__name__)
    assert float(made.learning_rate) == 0.0625


def test_the_defaults_of_schedules_are_those_of_keras(keras):
    schedules = keras.optimizers.schedules
    pairs = [
        ("cosine", schedules.CosineDecay, {"alpha": "alpha"}),
        ("cosine_restarts", schedules.CosineDecayRestarts, {"t_mul": "t_mul", "m_mul": "m_mul", "alpha": "alpha"}),
        ("exponential", schedules.ExponentialDecay, {"staircase": "staircase"}),
        (
            "polynomial",
            schedules.PolynomialDecay,
            {"end_learning_rate": "end_learning_rate", "power": "power", "cycle": "cycle"},
        ),
        (
            "reduce_on_plateau",
            keras.callbacks.ReduceLROnPlateau,
            {name: name for name in ("monitor", "factor", "patience", "min_delta", "cooldown")}
            | {"min_learning_rate": "min_lr"},
        ),
    ]
    for name, cls, names in pairs:
        theirs = defaults_of(cls)
        fields = SCHEDULES[name].parameters.model_fields
        assert {ours: fields[ours].default for ours in names} == {ours: theirs[their] for ours, their in names.items()}


def test_names_are_those_of_recipes_and_everything_is_documented():
    for name, entry in [*OPTIMIZERS.items(), *SCHEDULES.items()]:
        assert name == entry.name
        assert name.replace("_", "").isalnum()
        assert name.islower()
        assert entry.summary
        for field_name, field in entry.parameters.model_fields.items():
            assert field.description, f"{name}.{field_name}"


def test_two_ways_of_clipping_are_refused():
    with pytest.raises(ValidationError, match="only one of clipnorm, clipvalue and global_clipnorm"):
        OPTIMIZERS["adam"].parameters(clipnorm=1.0, clipvalue=0.5)


@pytest.mark.parametrize(
    ("boundaries", "values", "message"),
    [
        ((2.0, 4.0), (0.1, 0.01), "2 boundaries need 3 values; got 2"),
        ((4.0, 2.0), (0.1, 0.01, 0.001), "must be larger than 0 and rise"),
        ((0.0,), (0.1, 0.01), "must be larger than 0 and rise"),
        ((2.0,), (0.1, 0.0), "every value must be larger than 0"),
    ],
)
def test_rates_and_boundaries_have_to_fit(boundaries, values, message):
    with pytest.raises(ValidationError, match=message):
        PiecewiseConstant(boundaries=boundaries, values=values)


def test_the_classic_decay_is_a_number_or_rate_over_epochs():
    assert InverseTime().decay == "lr_over_epochs"
    assert InverseTime(decay=0.01).decay == 0.01
    with pytest.raises(ValidationError, match="larger than 0"):
        InverseTime(decay=0.0)


def figures(rate, value, name="val_loss"):
    rising = frozenset({"val_auc"})
    return EpochFigures(epoch=1, phase="p", seconds=1.0, learning_rate=rate, values={name: value}, rising=rising)


@pytest.mark.parametrize("values", [[1.0, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9], [1.0, 1.1, 0.5, 0.6, 0.7, 0.8, 0.4, 0.3]])
@pytest.mark.parametrize("cooldown", [0, 1])
def test_the_rate_falls_when_keras_would_let_it_fall(values, cooldown):
    import keras

    schedule = ReduceOnPlateau(monitor="val_loss", factor=0.5, patience=2, cooldown=cooldown, min_learning_rate=0.01)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    callback = keras.callbacks.ReduceLROnPlateau("val_loss", 0.5, 2, cooldown=cooldown, min_lr=0.01)
    callback.set_model(model)
    callback.on_train_begin()
    state, rate, ours, theirs = {}, 0.1, [], []
    for epoch, value in enumerate(values):
        callback.on_epoch_end(epoch, {"val_loss": value})
        theirs.append(float(model.optimizer.learning_rate))
        rate = rate_after_epoch(schedule, figures(rate, value), state)
        ours.append(rate)
    assert ours == pytest.approx(theirs)


def test_a_rate_below_the_least_one_does_not_rise():
    schedule = ReduceOnPlateau(monitor="val_loss", patience=1, min_learning_rate=0.01)
    assert rate_after_epoch(schedule, figures(0.001, 2.0), {"best": 1.0}) == 0.001


def test_a_metric_of_which_more_is_better_must_rise():
    schedule = ReduceOnPlateau(monitor="val_auc", patience=1, factor=0.5)
    state = {}
    rates = [rate_after_epoch(schedule, figures(0.1, value, "val_auc"), state) for value in (0.5, 0.6, 0.6, 0.7)]
    assert rates == [0.1, 0.1, 0.05, 0.1]
