"""How the learning rate moves during training, by the name that recipes use. Checked here without importing Keras.

Times are epochs and may be fractions of one, so that a schedule does not change when the batch size does. `rate` is the
optimizer's learning rate, `step` counts batches from 0, `epoch` is step / steps in an epoch.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from pydantic import Field, model_validator

from fashionbatch.recipe.schema import Monitor
from fashionbatch.specs import Parameters


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

    monitor: Monitor = Field("val_loss", description="The figure: a loss should fall, an accuracy rise.")
    factor: float = Field(0.1, gt=0, lt=1, description="What is left of the rate each time.")
    patience: int = Field(10, ge=0, description="Epochs without improvement that are waited for.")
    min_delta: float = Field(0.0001, ge=0, description="A smaller change is no improvement.")
    cooldown: int = Field(0, ge=0, description="Epochs after a change in which nothing is counted.")
    min_learning_rate: float = Field(0.0, ge=0, description="The rate does not fall below this.")


@dataclass(frozen=True)
class Schedule:
    """One schedule of the learning rate."""

    name: str
    parameters: type[Parameters]

    @property
    def summary(self) -> str:
        """One line about it."""
        return (self.parameters.__doc__ or "").strip().splitlines()[0]


SCHEDULES: Mapping[str, Schedule] = MappingProxyType(
    {
        schedule.name: schedule
        for schedule in (
            Schedule("constant", Constant),
            Schedule("cosine", Cosine),
            Schedule("cosine_restarts", CosineRestarts),
            Schedule("exponential", Exponential),
            Schedule("inverse_time", InverseTime),
            Schedule("piecewise_constant", PiecewiseConstant),
            Schedule("polynomial", Polynomial),
            Schedule("reduce_on_plateau", ReduceOnPlateau),
        )
    }
)
"""Every schedule by the name that recipes use."""
