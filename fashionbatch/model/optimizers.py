"""A planned phase -> its Keras optimizer, with the schedule of its learning rate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from fashionbatch.plan import PlannedPhase
from fashionbatch.recipe import schedules
from fashionbatch.recipe.optimizers import OPTIMIZERS
from fashionbatch.specs import Parameters

if TYPE_CHECKING:
    import keras

Rate: TypeAlias = "float | keras.optimizers.schedules.LearningRateSchedule"


def build_optimizer(phase: PlannedPhase, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """The phase's optimizer.

    Args:
        phase: names optimizer and schedule.
        steps_per_epoch: batches in an epoch; schedules are written in epochs, Keras counts steps.
    """
    import keras

    optimizer_class = getattr(keras.optimizers, OPTIMIZERS[phase.optimizer.name].keras_class)
    given = phase.optimizer.parameters.model_dump()
    return optimizer_class(**{**given, "learning_rate": build_rate(phase, steps_per_epoch)})


def build_rate(phase: PlannedPhase, steps_per_epoch: int) -> Rate:
    """The phase's learning rate: a number, or a Keras schedule of one."""
    if phase.schedule is None:
        return phase.learning_rate
    return _RATES[type(phase.schedule.parameters)](phase.schedule.parameters, phase, steps_per_epoch)


def _constant(_: Any, phase: PlannedPhase, __: int) -> Rate:
    return phase.learning_rate


def _inverse_time(given: schedules.InverseTime, phase: PlannedPhase, _: int) -> Rate:
    from keras.optimizers.schedules import InverseTimeDecay

    decay = phase.learning_rate / phase.epochs if given.decay == "lr_over_epochs" else given.decay
    return InverseTimeDecay(phase.learning_rate, decay_steps=1, decay_rate=decay)


def _exponential(given: schedules.Exponential, phase: PlannedPhase, steps: int) -> Rate:
    from keras.optimizers.schedules import ExponentialDecay

    return ExponentialDecay(
        phase.learning_rate, _steps(given.decay_epochs, steps), given.decay_rate, staircase=given.staircase
    )


def _cosine(given: schedules.Cosine, phase: PlannedPhase, steps: int) -> Rate:
    from keras.optimizers.schedules import CosineDecay

    fall = given.decay_epochs or phase.epochs - given.warmup_epochs
    if not given.warmup_epochs:
        return CosineDecay(phase.learning_rate, _steps(fall, steps), alpha=given.alpha)
    return CosineDecay(
        0.0,
        _steps(fall, steps),
        alpha=given.alpha,
        warmup_target=phase.learning_rate,
        warmup_steps=_steps(given.warmup_epochs, steps),
    )


def _cosine_restarts(given: schedules.CosineRestarts, phase: PlannedPhase, steps: int) -> Rate:
    from keras.optimizers.schedules import CosineDecayRestarts

    return CosineDecayRestarts(
        phase.learning_rate,
        _steps(given.first_decay_epochs, steps),
        t_mul=given.t_mul,
        m_mul=given.m_mul,
        alpha=given.alpha,
    )


def _polynomial(given: schedules.Polynomial, phase: PlannedPhase, steps: int) -> Rate:
    from keras.optimizers.schedules import PolynomialDecay

    return PolynomialDecay(
        phase.learning_rate,
        _steps(given.decay_epochs or phase.epochs, steps),
        end_learning_rate=given.end_learning_rate,
        power=given.power,
        cycle=given.cycle,
    )


def _piecewise_constant(given: schedules.PiecewiseConstant, _: PlannedPhase, steps: int) -> Rate:
    from keras.optimizers.schedules import PiecewiseConstantDecay

    # Keras's boundaries are the last steps of a rate, ours the epochs at which the next one begins.
    boundaries = [_steps(boundary, steps) - 1 for boundary in given.boundaries]
    return PiecewiseConstantDecay(boundaries, list(given.values))


def _steps(epochs: float, steps_per_epoch: int) -> int:
    return max(1, round(epochs * steps_per_epoch))


_RATES: Mapping[type[Parameters], Callable[[Any, PlannedPhase, int], Rate]] = {
    schedules.Constant: _constant,
    schedules.InverseTime: _inverse_time,
    schedules.Exponential: _exponential,
    schedules.Cosine: _cosine,
    schedules.CosineRestarts: _cosine_restarts,
    schedules.Polynomial: _polynomial,
    schedules.PiecewiseConstant: _piecewise_constant,
    # The rate is lowered between epochs, by the loop, which sees the figures.
    schedules.ReduceOnPlateau: _constant,
}
