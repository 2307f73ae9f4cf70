"""Every optimizer of Keras, with its parameters: checked here without importing Keras.

Names, defaults and meanings are Keras's own; a test compares them with its signatures.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import Field, model_validator

from fashionbatch import specs
from fashionbatch.hookspecs import hookimpl
from fashionbatch.specs import OptimizerSpec, Rate

if TYPE_CHECKING:
    import keras

DecayRate: TypeAlias = Annotated[float, Field(ge=0, lt=1)]
"""How much of a running average is kept at each step."""


class OptimizerParameters(specs.OptimizerParameters):
    """What every optimizer of Keras takes."""

    weight_decay: float | None = Field(None, ge=0, description="Share of each weight taken off it at each step.")
    clipnorm: float | None = Field(None, gt=0, description="Longest gradient of one weight array.")
    clipvalue: float | None = Field(None, gt=0, description="Largest single value of a gradient.")
    global_clipnorm: float | None = Field(None, gt=0, description="Longest gradient of all weights together.")
    use_ema: bool = Field(False, description="Keep a moving average of the weights, and end with it.")
    ema_momentum: float = Field(0.99, ge=0, le=1, description="How much of that average is kept at each step.")
    ema_overwrite_frequency: int | None = Field(
        None, ge=1, description="Steps after which the average becomes the weights; only at the end where it is null."
    )
    loss_scale_factor: float | None = Field(
        None, gt=0, description="Factor on the loss while gradients are computed, against underflow."
    )
    gradient_accumulation_steps: int | None = Field(
        None, ge=2, description="Batches whose gradients are averaged before the weights change."
    )

    @model_validator(mode="after")
    def _one_way_of_clipping(self) -> OptimizerParameters:
        given = [key for key in ("clipnorm", "clipvalue", "global_clipnorm") if getattr(self, key) is not None]
        if len(given) > 1:
            raise ValueError(
                f"only one of clipnorm, clipvalue and global_clipnorm may be given; got {' and '.join(given)}"
            )
        return self


class Adadelta(OptimizerParameters):
    """Steps by the ratio of running averages of past steps and past gradients (Zeiler 2012)."""

    rho: DecayRate = Field(0.95, description="Kept of the running averages at each step.")
    epsilon: float = Field(1e-7, gt=0, description="Keeps divisions away from 0.")


class Adafactor(OptimizerParameters):
    """Adam with factored averages, for large networks (Shazeer and Stern 2018)."""

    beta_2_decay: float = Field(-0.8, lt=0, description="Power of the step number by which the average forgets.")
    epsilon_1: float = Field(1e-30, gt=0, description="Keeps divisions away from 0.")
    epsilon_2: float = Field(0.001, gt=0, description="Smallest scale of a weight array.")
    clip_threshold: float = Field(1.0, gt=0, description="Longest update, as a root mean square.")
    relative_step: bool = Field(True, description="Let a constant learning rate fall with the step number.")


class Adagrad(OptimizerParameters):
    """Steps by the sum of all past squared gradients (Duchi et al. 2011)."""

    initial_accumulator_value: float = Field(0.1, ge=0, description="Where that sum starts.")
    epsilon: float = Field(1e-7, gt=0, description="Keeps divisions away from 0.")


class Adam(OptimizerParameters):
    """Steps by running averages of gradients and of their squares (Kingma and Ba 2014)."""

    beta_1: DecayRate = Field(0.9, description="Kept of the average of gradients at each step.")
    beta_2: DecayRate = Field(0.999, description="Kept of the average of squared gradients at each step.")
    epsilon: float = Field(1e-7, gt=0, description="Keeps divisions away from 0.")
    amsgrad: bool = Field(False, description="Never let the average of squares fall (Reddi et al. 2018).")


class AdamW(Adam):
    """Adam with weight decay apart from the gradient (Loshchilov and Hutter 2019)."""

    weight_decay: float | None = Field(0.004, ge=0, description="Share of each weight taken off it at each step.")


class Adamax(OptimizerParameters):
    """Adam with the largest past gradient instead of the average of squares (Kingma and Ba 2014)."""

    beta_1: DecayRate = Field(0.9, description="Kept of the average of gradients at each step.")
    beta_2: DecayRate = Field(0.999, description="Kept of the largest gradient at each step.")
    epsilon: float = Field(1e-7, gt=0, description="Keeps divisions away from 0.")


class Ftrl(OptimizerParameters):
    """Follow the regularised leader, for shallow models (McMahan et al. 2013)."""

    learning_rate_power: float = Field(-0.5, le=0, description="How the rate falls; 0 keeps it.")
    initial_accumulator_value: float = Field(0.1, ge=0, description="Where the sum of squared gradients starts.")
    l1_regularization_strength: float = Field(0.0, ge=0, description="Pull towards weights of exactly 0.")
    l2_regularization_strength: float = Field(0.0, ge=0, description="Pull towards small weights.")
    l2_shrinkage_regularization_strength: float = Field(0.0, ge=0, description="The same, on the gradient.")
    beta: float = Field(0.0, ge=0, description="The beta of the paper.")


class Lamb(OptimizerParameters):
    """Adam with a step for each layer in proportion to its weights, for large batches (You et al. 2019)."""

    beta_1: DecayRate = Field(0.9, description="Kept of the average of gradients at each step.")
    beta_2: DecayRate = Field(0.999, description="Kept of the average of squared gradients at each step.")
    epsilon: float = Field(1e-7, gt=0, description="Keeps divisions away from 0.")


class Lion(OptimizerParameters):
    """Steps of one size in the averaged gradient's direction (Chen et al. 2023)."""

    beta_1: float = Field(0.9, gt=0, le=1, description="Kept of the average for the step's direction.")
    beta_2: DecayRate = Field(0.99, description="Kept of the average of gradients at each step.")


class Muon(OptimizerParameters):
    """Orthogonalised momentum for weight matrices, AdamW for the rest (Jordan et al. 2024)."""

    weight_decay: float | None = Field(0.004, ge=0, description="Share of each weight taken off it at each step.")
    adam_beta_1: DecayRate = Field(0.9, description="Adam's beta_1.")
    adam_beta_2: DecayRate = Field(0.999, description="Adam's beta_2.")
    adam_weight_decay: float | None = Field(0.004, ge=0, description="Weight decay where Adam is used.")
    epsilon: float = Field(1e-7, gt=0, description="Keeps divisions away from 0.")
    exclude_layers: tuple[str, ...] | None = Field(
        None, description="Parts of the paths of layers that Adam trains: the last layer should be one."
    )
    exclude_embeddings: bool = Field(True, description="Let Adam train embeddings.")
    muon_a: float = Field(3.4445, description="First coefficient of the orthogonalisation.")
    muon_b: float = Field(-4.775, description="Second coefficient of the orthogonalisation.")
    muon_c: float = Field(2.0315, description="Third coefficient of the orthogonalisation.")
    adam_lr_ratio: float = Field(1.0, gt=0, description="Adam's learning rate as a multiple of the other.")
    momentum: DecayRate = Field(0.95, description="Kept of the average of gradients at each step.")
    ns_steps: int = Field(5, ge=1, description="Newton-Schulz iterations.")
    nesterov: bool = Field(True, description="Look ahead by the momentum.")
    rms_rate: float | None = Field(0.2, gt=0, description="Scale that makes Adam's rates fit; null for none.")


class Nadam(OptimizerParameters):
    """Adam with Nesterov's momentum (Dozat 2016)."""

    beta_1: DecayRate = Field(0.9, description="Kept of the average of gradients at each step.")
    beta_2: DecayRate = Field(0.999, description="Kept of the average of squared gradients at each step.")
    epsilon: float = Field(1e-7, gt=0, description="Keeps divisions away from 0.")


class RMSprop(OptimizerParameters):
    """Steps by a running average of squared gradients (Hinton 2012)."""

    rho: DecayRate = Field(0.9, description="Kept of the average of squared gradients at each step.")
    momentum: DecayRate = Field(0.0, description="Kept of the last step.")
    epsilon: float = Field(1e-7, gt=0, description="Keeps divisions away from 0.")
    centered: bool = Field(False, description="Divide by the variance, not by the square.")


class ScheduleFreeAdamW(OptimizerParameters):
    """AdamW that averages instead of needing a schedule (Defazio et al. 2024)."""

    learning_rate: float = Field(0.0025, gt=0, description="The size of a step.")
    beta_1: DecayRate = Field(0.9, description="Between the newest weights and their average.")
    beta_2: DecayRate = Field(0.999, description="Kept of the average of squared gradients at each step.")
    epsilon: float = Field(1e-8, gt=0, description="Keeps divisions away from 0.")
    warmup_steps: int = Field(0, ge=0, description="Steps over which the rate rises from 0.")


class SGD(OptimizerParameters):
    """Stochastic gradient descent, with momentum where it is given."""

    learning_rate: float = Field(0.01, gt=0, description="The size of a step, before any schedule.")
    momentum: float = Field(0.0, ge=0, le=1, description="Kept of the last step.")
    nesterov: bool = Field(False, description="Look ahead by the momentum.")


_ADAPTIVE: dict[str, type[OptimizerParameters]] = {
    "adafactor": Adafactor,
    "adagrad": Adagrad,
    "adam": Adam,
    "adamax": Adamax,
    "adamw": AdamW,
    "ftrl": Ftrl,
    "lamb": Lamb,
    "lion": Lion,
    "muon": Muon,
    "nadam": Nadam,
    "rmsprop": RMSprop,
    "schedule_free_adamw": ScheduleFreeAdamW,
}
# The rate of adadelta multiplies steps that find their size by themselves, so 1 is not large for it.
_OTHERS: dict[str, type[OptimizerParameters]] = {"adadelta": Adadelta, "sgd": SGD}


def build_optimizer(keras_class: str, parameters: OptimizerParameters, rate: Rate) -> keras.optimizers.Optimizer:
    """An optimizer of Keras.

    Args:
        keras_class: its class in `keras.optimizers`, called as its parameters here.
        parameters: every one of them an argument of that class.
        rate: stands in the place of the parameters' learning rate.
    """
    import keras

    given: dict[str, Any] = {**parameters.model_dump(), "learning_rate": rate}
    return getattr(keras.optimizers, keras_class)(**given)


@hookimpl
def register_optimizers() -> Iterator[OptimizerSpec]:
    """Keras's optimizers, by the names that recipes use."""
    for name, parameters in sorted((_ADAPTIVE | _OTHERS).items()):
        yield OptimizerSpec(
            name=name,
            summary=(parameters.__doc__ or "").strip().splitlines()[0],
            parameters=parameters,
            build=functools.partial(build_optimizer, parameters.__name__),
            adaptive=name in _ADAPTIVE,
        )
