"""How the learning rate moves during training: Keras's schedules, and one that follows the figures.

Times are epochs and may be fractions of one, so that a schedule does not change when the batch size does. `rate` is the
optimizer's learning rate, `step` counts batches from 0, `epoch` is step / steps in an epoch.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from fashionbatch.hookspecs import hookimpl
from fashionbatch.specs import EpochFigures, Parameters, Rate, ScheduleSpec, Span


class Constant(Parameters):
    """The same rate throughout; what a number instead of a schedule means."""

    learning_rate: float = Field(gt=0, description="The rate, in place of the optimizer's.")


class InverseTime(Parameters):
    """rate / (1 + decay * step): what `decay` did in the optimizers of Keras before 2.11."""

    decay: Literal["lr_over_epochs"] | float = Field(
        "lr_over_epochs", description="The decay a step, larger than 0; lr_over_epochs is rate / epochs."
    )

    @model_validator(mode="after")
    def _decay_is_positive(self) -> InverseTime:
        if isinstance(self.decay, float) and self.decay <= 0:
            raise ValueError(f"decay must be larger than 0, or lr_over_epochs; got {self.decay:g}")
        return self


class Exponential(Parameters):
    """rate * decay_rate ** (epoch / decay_epochs)."""

    decay_rate: float = Field(gt=0, le=1, description="What is left of the rate after decay_epochs.")
    decay_epochs: float = Field(1.0, gt=0, description="Epochs in which it falls that far.")
    staircase: bool = Field(False, description="Fall at once at the end of each such stretch.")


class Cosine(Parameters):
    """Half a cosine from the rate down to alpha * rate, after a straight rise (Loshchilov and Hutter 2017)."""

    warmup_epochs: float = Field(0.0, ge=0, description="Epochs over which the rate rises from 0, before the fall.")
    decay_epochs: float | None = Field(
        None, gt=0, description="Epochs of the fall; all that are left after the rise where it is null."
    )
    alpha: float = Field(0.0, ge=0, le=1, description="Where the rate ends, as a fraction of it.")


class CosineRestarts(Parameters):
    """Cosines one after the other, each longer and lower (Loshchilov and Hutter 2017)."""

    first_decay_epochs: float = Field(gt=0, description="Epochs of the first cosine.")
    t_mul: float = Field(2.0, gt=0, description="How many times longer each next one is.")
    m_mul: float = Field(1.0, gt=0, description="How many times higher each next one begins.")
    alpha: float = Field(0.0, ge=0, le=1, description="Where each ends, as a fraction of the rate.")


class Polynomial(Parameters):
    """(rate - end) * (1 - epoch / decay_epochs) ** power + end."""

    end_learning_rate: float = Field(0.0001, ge=0, description="The rate at the end.")
    power: float = Field(1.0, gt=0, description="1 is a straight line.")
    decay_epochs: float | None = Field(None, gt=0, description="Epochs of the fall; all where it is null.")
    cycle: bool = Field(False, description="Begin again, from lower, when the end is reached.")


class PiecewiseConstant(Parameters):
    """One rate up to each boundary, the last one after."""

    boundaries: tuple[float, ...] = Field(min_length=1, description="Epochs at which the rate changes, rising.")
    values: tuple[float, ...] = Field(min_length=2, description="The rates: one more than boundaries.")

    @model_validator(mode="after")
    def _values_fit_boundaries(self) -> PiecewiseConstant:
        if len(self.values) != len(self.boundaries) + 1:
            raise ValueError(
                f"{len(self.boundaries)} boundaries need {len(self.boundaries) + 1} values; got {len(self.values)}"
            )
        if self.boundaries[0] <= 0 or any(a >= b for a, b in itertools.pairwise(self.boundaries)):
            raise ValueError("boundaries must be larger than 0 and rise")
        if min(self.values) <= 0:
            raise ValueError("every value must be larger than 0")
        return self


class ReduceOnPlateau(Parameters):
    """rate * factor whenever a figure has not got better for a while."""

    monitor: str = Field(
        "val_loss", description="The figure: loss, accuracy, a metric's name, or one of these after val_."
    )
    factor: float = Field(0.1, gt=0, lt=1, description="What is left of the rate each time.")
    patience: int = Field(10, ge=0, description="Epochs without improvement that are waited for.")
    min_delta: float = Field(0.0001, ge=0, description="A smaller change is no improvement.")
    cooldown: int = Field(0, ge=0, description="Epochs after a change in which nothing is counted.")
    min_learning_rate: float = Field(0.0, ge=0, description="The rate does not fall below this.")


def build_constant(parameters: Constant, _: Span) -> Rate:
    """The schedule's own rate."""
    return parameters.learning_rate


def build_inverse_time(parameters: InverseTime, span: Span) -> Rate:
    """Keras's inverse time decay, step by step."""
    from keras.optimizers.schedules import InverseTimeDecay

    decay = span.learning_rate / span.epochs if parameters.decay == "lr_over_epochs" else parameters.decay
    return InverseTimeDecay(span.learning_rate, decay_steps=1, decay_rate=decay)


def build_exponential(parameters: Exponential, span: Span) -> Rate:
    """Keras's exponential decay."""
    from keras.optimizers.schedules import ExponentialDecay

    return ExponentialDecay(
        span.learning_rate,
        span.steps(parameters.decay_epochs),
        parameters.decay_rate,
        staircase=parameters.staircase,
    )


def build_cosine(parameters: Cosine, span: Span) -> Rate:
    """Keras's cosine decay, after a warm-up where one is asked for."""
    from keras.optimizers.schedules import CosineDecay

    fall = parameters.decay_epochs or span.epochs - parameters.warmup_epochs
    if not parameters.warmup_epochs:
        return CosineDecay(span.learning_rate, span.steps(fall), alpha=parameters.alpha)
    return CosineDecay(
        0.0,
        span.steps(fall),
        alpha=parameters.alpha,
        warmup_target=span.learning_rate,
        warmup_steps=span.steps(parameters.warmup_epochs),
    )


def build_cosine_restarts(parameters: CosineRestarts, span: Span) -> Rate:
    """Keras's cosine decay with restarts."""
    from keras.optimizers.schedules import CosineDecayRestarts

    return CosineDecayRestarts(
        span.learning_rate,
        span.steps(parameters.first_decay_epochs),
        t_mul=parameters.t_mul,
        m_mul=parameters.m_mul,
        alpha=parameters.alpha,
    )


def build_polynomial(parameters: Polynomial, span: Span) -> Rate:
    """Keras's polynomial decay."""
    from keras.optimizers.schedules import PolynomialDecay

    return PolynomialDecay(
        span.learning_rate,
        span.steps(parameters.decay_epochs or span.epochs),
        end_learning_rate=parameters.end_learning_rate,
        power=parameters.power,
        cycle=parameters.cycle,
    )


def build_piecewise_constant(parameters: PiecewiseConstant, span: Span) -> Rate:
    """Keras's piecewise constant rate."""
    from keras.optimizers.schedules import PiecewiseConstantDecay

    # Keras's boundaries are the last steps of a rate, ours the epochs at which the next one begins.
    boundaries = [span.steps(boundary) - 1 for boundary in parameters.boundaries]
    return PiecewiseConstantDecay(boundaries, list(parameters.values))


def build_reduce_on_plateau(_: ReduceOnPlateau, span: Span) -> Rate:
    """The optimizer's rate, which `rate_after_epoch` lowers."""
    return span.learning_rate


def rate_after_epoch(parameters: ReduceOnPlateau, figures: EpochFigures, state: dict[str, Any]) -> float:
    """The rate after an epoch, as Keras's ReduceLROnPlateau lowers it.

    Args:
        parameters: what is watched, and how patiently.
        figures: of the epoch.
        state: `best`, `waited` and `cooling` of the epochs before; changed in place.
    """
    rate = figures.learning_rate
    cooling = max(0, state.get("cooling", 0) - 1)
    waited = state.get("waited", 0)
    state |= {"cooling": cooling, "waited": waited}
    if figures.improves(parameters.monitor, state.get("best"), parameters.min_delta):
        state |= {"best": figures.values[parameters.monitor], "waited": 0}
        return rate
    if cooling:
        state["waited"] = 0
        return rate
    if waited + 1 < max(1, parameters.patience):
        state["waited"] = waited + 1
        return rate
    state |= {"waited": 0, "cooling": parameters.cooldown}
    # A rate that began below the least one stays where it is.
    return min(rate, max(rate * parameters.factor, parameters.min_learning_rate))


def _cosine_problems(parameters: Cosine, epochs: int) -> Mapping[str, str]:
    if parameters.warmup_epochs < epochs:
        return {}
    return {"warmup_epochs": f"the rate would still rise when training ends: there are {epochs} epochs"}


def _plateau_advice(parameters: ReduceOnPlateau, epochs: int) -> Mapping[str, str]:
    if parameters.patience < epochs:
        return {}
    return {"patience": f"the schedule waits for {parameters.patience} epochs, but there are only {epochs}"}


def _piecewise_advice(parameters: PiecewiseConstant, epochs: int) -> Mapping[str, str]:
    last = parameters.boundaries[-1]
    if last < epochs:
        return {}
    return {"boundaries": f"the rate should change at epoch {last:g}, but there are only {epochs}"}


@hookimpl
def register_schedules() -> Iterator[ScheduleSpec]:
    """The schedules that come with FashionBatch."""
    yield ScheduleSpec(
        name="constant",
        summary="The same rate throughout; what a number instead of a schedule means.",
        parameters=Constant,
        build=build_constant,
        rate=lambda parameters, _: float(parameters.learning_rate),
    )
    yield ScheduleSpec(
        name="cosine",
        summary="Half a cosine from the rate down to alpha * rate, after a straight rise.",
        parameters=Cosine,
        build=build_cosine,
        rises=lambda parameters: bool(parameters.warmup_epochs > 0),
        problems=_cosine_problems,
    )
    yield ScheduleSpec(
        name="cosine_restarts",
        summary="Cosines one after the other, each longer and lower.",
        parameters=CosineRestarts,
        build=build_cosine_restarts,
    )
    yield ScheduleSpec(
        name="exponential",
        summary="rate * decay_rate ** (epoch / decay_epochs).",
        parameters=Exponential,
        build=build_exponential,
    )
    yield ScheduleSpec(
        name="inverse_time",
        summary="rate / (1 + decay * step): what `decay` did in the optimizers of Keras before 2.11.",
        parameters=InverseTime,
        build=build_inverse_time,
    )
    yield ScheduleSpec(
        name="piecewise_constant",
        summary="One rate up to each boundary, the last one after.",
        parameters=PiecewiseConstant,
        build=build_piecewise_constant,
        rate=lambda parameters, _: float(parameters.values[0]),
        advice=_piecewise_advice,
    )
    yield ScheduleSpec(
        name="polynomial",
        summary="(rate - end) * (1 - epoch / decay_epochs) ** power + end.",
        parameters=Polynomial,
        build=build_polynomial,
    )
    yield ScheduleSpec(
        name="reduce_on_plateau",
        summary="rate * factor whenever a figure has not got better for a while.",
        parameters=ReduceOnPlateau,
        build=build_reduce_on_plateau,
        after_epoch=rate_after_epoch,
        monitor=lambda parameters: str(parameters.monitor),
        advice=_plateau_advice,
    )
