"""What a plan is: a recipe in its normal form, and everything that its names stand for."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Literal, TypeAlias, TypeVar

from fashionbatch.errors import FashionBatchError, RecipeError
from fashionbatch.plugins import Origin
from fashionbatch.recipe.dump import to_yaml
from fashionbatch.recipe.load import RecipeDocument
from fashionbatch.recipe.nodes import NodePath
from fashionbatch.recipe.schema import EarlyStopping, Recipe, TrainFrom
from fashionbatch.registry import Provider
from fashionbatch.specs import (
    ArchitectureSpec,
    AugmentationSpec,
    CallbackSpec,
    DatasetSpec,
    HeadSpec,
    LossSpec,
    MetricSpec,
    OptimizerParameters,
    OptimizerSpec,
    Parameters,
    ScheduleSpec,
    Spec,
)

SpecT = TypeVar("SpecT", bound=Spec)
Trained: TypeAlias = Literal["head", "all"] | TrainFrom
"""The layers that learn."""


@dataclass(frozen=True)
class Resolved(Generic[SpecT]):
    """A component of the recipe: what its name stands for, and its checked parameters."""

    spec: SpecT
    parameters: Parameters
    provider: Provider

    @property
    def qualified_name(self) -> str:
        """`provider/name`."""
        return f"{self.provider.distribution}/{self.spec.name}"

    @property
    def origin(self) -> Origin:
        """What errors call the component."""
        return Origin(self.provider, self.spec.kind, self.spec.name)

    def resolved(self) -> dict[str, Any]:
        """The component as a recipe would write it, with every default."""
        return {"name": self.qualified_name, **self.written_parameters()}

    def written_parameters(self) -> dict[str, Any]:
        """The parameters as plain data.

        Raises:
            PluginError: they hold what no recipe can hold.
        """
        with self.origin.calling("writing its parameters"):
            return _written(self.parameters)


def metric_names(metrics: Sequence[Resolved[MetricSpec]]) -> list[str]:
    """What the figure of each metric is called: the metric's name, and of several of one name what tells them apart.

    `top_k_accuracy` is called just that; two of them, with `k` 3 and 5, `top_k_accuracy_3` and `top_k_accuracy_5`.

    Returns:
        The names in the order of the metrics. Two are equal only where nothing tells the metrics apart.
    """
    count = Counter(metric.spec.name for metric in metrics)
    return [
        "_".join([metric.spec.name, *_distinction(metric, metrics)])
        if count[metric.spec.name] > 1
        else metric.spec.name
        for metric in metrics
    ]


def _distinction(metric: Resolved[MetricSpec], metrics: Sequence[Resolved[MetricSpec]]) -> Iterator[str]:
    """The values of the parameters in which the metrics of one name differ, as parts of a name."""
    namesakes = [_values(other) for other in metrics if other.spec.name == metric.spec.name]
    for key, value in _values(metric).items():
        if any(other.get(key) != value for other in namesakes):
            yield re.sub(r"[^\w.+-]+", "_", value).strip("_")


def _values(metric: Resolved[MetricSpec]) -> dict[str, str]:
    """The provider and the parameters, as text."""
    values = {"": metric.provider.distribution, **metric.written_parameters()}
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}


@dataclass(frozen=True)
class PlannedPhase:
    """One stretch of training, with what it takes over from `training`.

    Attributes:
        keeps_batch_norm: whether batch normalisation in the backbone stays as it is, also where its layer is trained.
        place: where the recipe describes it.
    """

    name: str
    train: Trained
    epochs: int
    batch_size: int
    optimizer: Resolved[OptimizerSpec]
    schedule: Resolved[ScheduleSpec] | None
    augmentation: tuple[Resolved[AugmentationSpec], ...]
    early_stopping: EarlyStopping | None
    keeps_batch_norm: bool = False
    place: NodePath = field(default=("training",), compare=False)

    @property
    def learning_rate(self) -> float:
        """The rate that the phase begins with, before any warm-up."""
        assert isinstance(self.optimizer.parameters, OptimizerParameters)
        rate = self.optimizer.parameters.learning_rate
        return self.schedule.spec.rate(self.schedule.parameters, rate) if self.schedule else rate

    def resolved(self) -> dict[str, Any]:
        """The phase as a recipe would write it, taking nothing over."""
        return {
            "train": self.train if isinstance(self.train, str) else _written(self.train),
            "name": self.name,
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "optimizer": self.optimizer.resolved(),
            "schedule": self.schedule.resolved() if self.schedule else None,
            "augmentation": [component.resolved() for component in self.augmentation],
            "early_stopping": _written(self.early_stopping) if self.early_stopping else None,
            **({"batch_norm": "keep"} if self.keeps_batch_norm else {}),
        }


@dataclass(frozen=True)
class Plan:
    """A recipe that is ready to run.

    Attributes:
        recipe: the recipe in its normal form: every default written out, nothing inherited, and `provider/name` for the
            name of each component that a plugin provides.
        document: the recipe as it was read, which knows where everything stands in it.
        base: the folder that relative paths in it are relative to.
        phases: what is trained, in order; never empty. A recipe without phases has one: `training`, of all layers.
    """

    recipe: Recipe
    base: Path
    source: Resolved[DatasetSpec]
    architecture: Resolved[ArchitectureSpec]
    head: Resolved[HeadSpec]
    loss: Resolved[LossSpec]
    augmentation: tuple[Resolved[AugmentationSpec], ...]
    metrics: tuple[Resolved[MetricSpec], ...]
    callbacks: tuple[Resolved[CallbackSpec], ...]
    phases: tuple[PlannedPhase, ...]
    document: RecipeDocument = field(compare=False, repr=False)

    @property
    def components(self) -> tuple[Resolved[Any], ...]:
        """Every component that the recipe names or leaves to its default, each once."""
        found: list[Resolved[Any]] = [self.source, self.architecture, self.head, self.loss]
        for phase in self.phases:
            schedules = [phase.schedule] if phase.schedule else []
            of_phase: list[Resolved[Any]] = [*phase.augmentation, phase.optimizer, *schedules]
            found += [component for component in of_phase if component not in found]
        return (*found, *self.metrics, *self.callbacks)

    @property
    def metric_names(self) -> list[str]:
        """What the figure of each metric is called, in the order of `metrics`; no two alike."""
        return metric_names(self.metrics)

    @property
    def rising_figures(self) -> frozenset[str]:
        """The figures of an epoch of which more is better."""
        named = zip(self.metric_names, self.metrics, strict=True)
        names = ["accuracy", *(name for name, metric in named if metric.spec.rising)]
        return frozenset(f"{prefix}{name}" for name in names for prefix in ("", "val_"))

    @property
    def origins(self) -> list[Origin]:
        """What errors call the components."""
        return [component.origin for component in self.components]

    def resolved(self) -> dict[str, Any]:
        """The recipe as plain data, with every default written out and `provider/name` as each component's name.

        Planning it again gives an equal plan.
        """
        return _written(self.recipe)

    @contextmanager
    def placing(self) -> Iterator[None]:
        """Say file, line and column of what turns out to be wrong in the recipe only when data and network are there.

        Raises:
            RecipeError: in the place of an error that has a `place`.
        """
        try:
            yield
        except FashionBatchError as error:
            if not error.place:
                raise
            problem = self.document.problem(error.place, error.message, at_key=True)
            raise RecipeError([problem], hint=error.hint) from error


def resolved_yaml(plan: Plan) -> str:
    """`Plan.resolved()` as YAML text."""
    return to_yaml(plan.resolved())


def whole_yaml(plan: Plan) -> str:
    """The same for people, with what bundles leave out so that their digests stay those of earlier versions."""
    resolved = plan.resolved()
    resolved["data"]["image"].setdefault("accept_truncated", plan.recipe.data.image.accept_truncated)
    return to_yaml(resolved)


def _written(parameters: Parameters) -> dict[str, Any]:
    return parameters.model_dump(mode="json", by_alias=True)
