"""How a network is fitted: optimizers, schedules of the learning rate, metrics, and callbacks."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias

from pydantic import Field

from fashionbatch.specs.base import Parameters, Spec
from fashionbatch.specs.models import Decoding

if TYPE_CHECKING:
    import keras

Rate: TypeAlias = Any
"""A learning rate: a number, or a `keras.optimizers.schedules.LearningRateSchedule`, which follows the steps."""

PLAIN_FIGURES: tuple[str, ...] = ("loss", "accuracy")
"""The figures that every epoch has, each of them with `val_` before it where there is a validation split."""

_COLUMNS = frozenset({"epoch", "phase", "seconds", "learning_rate", "best", *PLAIN_FIGURES})


class OptimizerParameters(Parameters):
    """The base of an optimizer's parameters: a learning rate, which schedules scale."""

    learning_rate: float = Field(0.001, gt=0, description="The size of a step, before any schedule.")


@dataclass(frozen=True, kw_only=True)
class OptimizerSpec(Spec):
    """What changes the weights at each step.

    Attributes:
        parameters: a subclass of `OptimizerParameters`.
        build: takes the parameters and the learning rate, which stands in the place of the one in the parameters;
            returns a Keras optimizer.
        adaptive: whether each weight's step is scaled by that weight's past gradients, so that the rate is about the
            size of a step. `recipe check` says when such a rate is large.

    Raises:
        TypeError: the parameters have no learning rate.
    """

    kind: ClassVar[str] = "optimizer"
    hook: ClassVar[str] = "register_optimizers"

    parameters: type[Parameters] = OptimizerParameters
    build: Callable[[Any, Rate], keras.optimizers.Optimizer]
    adaptive: bool = False

    def __post_init__(self) -> None:
        if not (isinstance(self.parameters, type) and issubclass(self.parameters, OptimizerParameters)):
            raise TypeError(
                f"optimizer {self.name!r}: its parameters must be a subclass of "
                "fashionbatch.specs.OptimizerParameters, which has the learning rate"
            )


@dataclass(frozen=True, kw_only=True)
class Span:
    """The stretch of training that a schedule is made for.

    Attributes:
        learning_rate: the optimizer's.
        epochs: of the phase, at most.
        steps_per_epoch: batches in an epoch.
    """

    learning_rate: float
    epochs: int
    steps_per_epoch: int

    def steps(self, epochs: float) -> int:
        """Epochs, which may be fractions, as a whole number of batches; at least 1."""
        return max(1, round(epochs * self.steps_per_epoch))


@dataclass(frozen=True, kw_only=True)
class EpochFigures:
    """What an epoch came to.

    Attributes:
        epoch: its number, counted over all phases, from 1.
        phase: the phase's name.
        seconds: wall-clock time, validation included.
        learning_rate: at the end of the epoch.
        values: `loss`, `accuracy`, the recipe's metrics, and each of them with `val_` before it where there is a
            validation split. A metric that is no finite number is left out.
        rising: the names in `values` of which more is better.
        best: whether the figure that early stopping watches, else the loss, was better than ever before in the phase.
    """

    epoch: int
    phase: str
    seconds: float
    learning_rate: float
    values: Mapping[str, float]
    rising: frozenset[str] = frozenset()
    best: bool = False

    def improves(self, name: str, than: float | None, min_delta: float = 0.0) -> bool:
        """Whether a figure is better than a value by more than `min_delta`; anything finite is better than None."""
        return is_better(self.values.get(name, math.nan), than, rising=name in self.rising, min_delta=min_delta)


def is_better(value: float, than: float | None, *, rising: bool, min_delta: float = 0.0) -> bool:
    """Whether a figure has got better by more than `min_delta`: a loss falls, an accuracy rises."""
    if than is None:
        return math.isfinite(value)
    return value > than + min_delta if rising else value < than - min_delta


def _no_remarks(_: Any, __: int) -> Mapping[str, str]:
    return {}


def _never(_: Any) -> bool:
    return False


def _rate_of_optimizer(_: Any, rate: float) -> float:
    return rate


@dataclass(frozen=True, kw_only=True)
class ScheduleSpec(Spec):
    """How the learning rate moves during a phase.

    Attributes:
        build: takes the parameters and the span; returns the rate, as a number or as a Keras schedule.
        rate: takes the parameters and the optimizer's learning rate; returns the rate that the schedule begins with or
            scales. The optimizer's, unless the schedule has one of its own.
        rises: takes the parameters; returns whether the rate rises from nothing before anything else, which spares what
            a pretrained backbone has learnt. None of them does, unless the schedule says so.
        after_epoch: for schedules that follow the figures: takes the parameters, the epoch's figures and a mapping of
            its own, empty when the phase begins; returns the next rate. What it puts into the mapping must be plain
            JSON values: it is kept with each epoch, for a resumed training. `build` returns a number then.
        monitor: takes the parameters; returns the name of the figure that `after_epoch` waits for, so that a name
            that there is not is an error before training begins.
        problems: takes the parameters and the epochs of the phase; returns what is wrong for that many epochs, by the
            name of the parameter.
        advice: the same for what is allowed and seldom meant; `recipe check` says it.
    """

    kind: ClassVar[str] = "schedule"
    hook: ClassVar[str] = "register_schedules"

    build: Callable[[Any, Span], Rate]
    rate: Callable[[Any, float], float] = _rate_of_optimizer
    rises: Callable[[Any], bool] = _never
    after_epoch: Callable[[Any, EpochFigures, dict[str, Any]], float] | None = None
    monitor: Callable[[Any], str] | None = None
    problems: Callable[[Any, int], Mapping[str, str]] = _no_remarks
    advice: Callable[[Any, int], Mapping[str, str]] = _no_remarks


@dataclass(frozen=True, kw_only=True)
class MetricSpec(Spec):
    """A figure of each epoch beside loss and accuracy, called by the metric's name.

    It is shown with progress, stands in `history.csv` and the reports, and may be monitored as NAME and `val_NAME`.

    Attributes:
        decodings: the kinds of head that it fits.
        build: takes the parameters, the decoding and the number of classes; returns a Keras metric of targets and
            probabilities, both float32 `(batch, outputs)`: one-hot rows for `one_of_many`, one column of 0 and 1 for
            `yes_or_no`, multi-hot rows for `several_of_many`. Its result is one number.
        rising: whether more is better.

    Raises:
        ValueError: the name is one of a figure or of a column that every history has.
    """

    kind: ClassVar[str] = "metric"
    hook: ClassVar[str] = "register_metrics"

    decodings: tuple[Decoding, ...]
    build: Callable[[Any, Decoding, int], keras.metrics.Metric]
    rising: bool = True

    def __post_init__(self) -> None:
        if self.name in _COLUMNS or self.name.startswith("val_"):
            raise ValueError(f"a metric cannot be called {self.name!r}, which stands in every history")


@dataclass(frozen=True, kw_only=True)
class TrainingStart:
    """What a callback is told when training begins, or goes on.

    Attributes:
        run_directory: where the run is written; it exists. A callback keeps its files in a folder of its own there.
        name: the recipe's name.
        recipe: the resolved recipe, with every default written out.
        epochs: of all phases, at most.
        class_names: in the order of the network's outputs.
        images: images by split.
        history: the epochs that an earlier process finished; empty where the run begins.
    """

    run_directory: Path
    name: str
    recipe: Mapping[str, Any]
    epochs: int
    class_names: tuple[str, ...]
    images: Mapping[str, int]
    history: Sequence[EpochFigures] = ()


@dataclass(frozen=True, kw_only=True)
class TrainingEnd:
    """What a callback is told last.

    Attributes:
        completed: whether the run is whole; otherwise it was interrupted or failed, and may be resumed.
        summary: what `summary.json` holds; empty where the run is not whole.
    """

    completed: bool
    summary: Mapping[str, Any] = field(default_factory=dict)


class TrainingCallback(Protocol):
    """What `CallbackSpec.build` returns: it looks on while a network is trained, and changes nothing."""

    def epoch_finished(self, figures: EpochFigures) -> None:
        """Called after each epoch, when the epoch is on disk."""

    def training_ended(self, end: TrainingEnd) -> None:
        """Called once, last: when the run is whole, and also when it was interrupted or failed."""


@dataclass(frozen=True, kw_only=True)
class CallbackSpec(Spec):
    """Something that is told how a training goes.

    What it raises ends the training with an error that names it; epochs that are finished are kept.

    Attributes:
        build: called when training begins or goes on, before its first epoch; takes the parameters and what there is
            to know then; returns what is told of each epoch and of the end.
        check: takes the parameters; raises a `FashionBatchError` where it cannot work on this machine, such as a
            package that is missing. Called before anything costs time.
    """

    kind: ClassVar[str] = "callback"
    hook: ClassVar[str] = "register_callbacks"

    build: Callable[[Any, TrainingStart], TrainingCallback]
    check: Callable[[Any], None] | None = None
