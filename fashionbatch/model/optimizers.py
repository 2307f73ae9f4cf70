"""A planned phase -> its Keras optimizer, with the schedule of its learning rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fashionbatch.model.network import is_one_number
from fashionbatch.plan import PlannedPhase
from fashionbatch.plugins import is_rate, sign
from fashionbatch.specs import Rate, Span

if TYPE_CHECKING:
    import keras


def build_optimizer(phase: PlannedPhase, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """The phase's optimizer.

    Args:
        phase: names optimizer and schedule.
        steps_per_epoch: batches in an epoch; schedules are written in epochs, Keras counts steps.

    Raises:
        PluginError: the optimizer's or the schedule's plugin failed, or returned something else.
    """
    import keras

    component = phase.optimizer
    optimizer = component.spec.build(component.parameters, build_rate(phase, steps_per_epoch))
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        what = f"returned {type(optimizer).__name__}; expected a keras.optimizers.Optimizer"
        raise component.origin.wrong("build", what)
    sign([optimizer], component.origin)
    return optimizer


def build_rate(phase: PlannedPhase, steps_per_epoch: int) -> Rate:
    """The phase's learning rate: a number, or a Keras schedule of one.

    Raises:
        PluginError: the schedule's plugin failed, or returned something else.
    """
    from keras.optimizers.schedules import LearningRateSchedule

    if phase.schedule is None:
        return phase.learning_rate
    span = Span(learning_rate=phase.learning_rate, epochs=phase.epochs, steps_per_epoch=steps_per_epoch)
    rate = phase.schedule.spec.build(phase.schedule.parameters, span)
    origin = phase.schedule.origin
    if isinstance(rate, LearningRateSchedule):
        sign([rate], origin)
        with origin.calling("__call__"):
            first = rate(0)
        if not is_one_number(first):
            raise origin.wrong("__call__", f"returned {first!r} for the first step; expected a number")
    elif not is_rate(rate):
        raise origin.wrong("build", f"returned {rate!r}; expected a rate of 0 or more, or a Keras LearningRateSchedule")
    return rate
