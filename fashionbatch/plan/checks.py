"""What is wrong between parts of a recipe that are right by themselves: said before an hour of training, not after."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from fashionbatch.errors import Problem
from fashionbatch.names import composed, label_problem, suggestion
from fashionbatch.plan.components import HEAD, LOSS, Components
from fashionbatch.plan.model import Resolved, metric_names
from fashionbatch.recipe.forms import METRICS, PHASES
from fashionbatch.recipe.load import RecipeDocument
from fashionbatch.recipe.nodes import NodePath, PathPart
from fashionbatch.recipe.schema import Phase, SplitSection, Training
from fashionbatch.recipe.validate import validate
from fashionbatch.registry import Registry
from fashionbatch.specs import PLAIN_FIGURES, DatasetSpec, Decoding, HeadSpec, LossSpec, MetricSpec, Parameters

ModelT = TypeVar("ModelT", bound=Parameters)

DECISIONS: Mapping[Decoding, str] = {
    "one_of_many": "one of many classes",
    "yes_or_no": "one of two classes",
    "several_of_many": "several of many labels",
}
_RESERVED_COLUMNS = frozenset({"filepath", "filepath_b64", "status", "error", "label", "labels", "prob"})


def gives_several(head: HeadSpec) -> bool:
    """Whether a head may give an image several labels; `fashionbatch.decisions`, which stands higher, has the rule."""
    return head.decoding == "several_of_many"


@dataclass(frozen=True)
class _Recipe:
    """What the checks look at: sections are None where they are not valid by themselves."""

    document: RecipeDocument
    components: Components
    registry: Registry
    split: SplitSection | None
    training: Training | None


def check(document: RecipeDocument, components: Components, registry: Registry) -> list[Problem]:
    """Every problem between parts; parts that have problems of their own are left out."""
    recipe = _Recipe(
        document,
        components,
        registry,
        _section(document, ("data", "split"), SplitSection),
        _section(document, ("training",), Training),
    )
    checks = (
        _loss_fits_head,
        _metrics_fit_head,
        _metrics_differ,
        _augmentation_fits_image,
        _known_classes,
        _binary_head,
        _group_names,
        _watched_figures,
        _phase_names,
        _schedules,
    )
    return [problem for one in checks for problem in one(recipe)]


def known_classes(source: Resolved[Any] | None) -> tuple[str, ...] | None:
    """The class names that a dataset's parameters fix; None where the data decide."""
    if source is None:
        return None
    assert isinstance(source.spec, DatasetSpec)
    classes = source.spec.classes(source.parameters)
    return None if classes is None else tuple(map(composed, classes))


def _section(document: RecipeDocument, path: NodePath, model: type[ModelT]) -> ModelT | None:
    node = document.tree.at(path)
    return validate(model, node)[0] if node is not None and node.is_mapping else model()


def _loss_fits_head(recipe: _Recipe) -> Iterator[Problem]:
    head, loss = recipe.components.first(*HEAD), recipe.components.first(*LOSS)
    if head is None or loss is None:
        return
    assert isinstance(head.spec, HeadSpec)
    assert isinstance(loss.spec, LossSpec)
    if head.spec.decoding not in loss.spec.decodings:
        place = (*LOSS, "name") if recipe.document.tree.at((*LOSS, "name")) else HEAD
        yield recipe.document.problem(place, _misfit(recipe, head.spec, loss.spec))


def _metrics_fit_head(recipe: _Recipe) -> Iterator[Problem]:
    head = recipe.components.first(*HEAD)
    if head is None:
        return
    assert isinstance(head.spec, HeadSpec)
    for path, metric in recipe.components.of_kind("metric"):
        if head.spec.decoding not in metric.spec.decodings:
            yield recipe.document.problem((*path, "name"), _misfit(recipe, head.spec, metric.spec))


def _misfit(recipe: _Recipe, head: HeadSpec, spec: LossSpec | MetricSpec) -> str:
    """That a loss or a metric is none for the head's decoding, and which ones are."""
    fitting = [
        entry.spec.name
        for entry in recipe.registry.entries(spec.kind)
        if isinstance(entry.spec, LossSpec | MetricSpec) and head.decoding in entry.spec.decodings
    ]
    plural = "losses" if spec.kind == "loss" else f"{spec.kind}s"
    return (
        f"{spec.kind} {spec.name!r} does not fit head {head.name!r}, which decides {DECISIONS[head.decoding]}; "
        f"{plural} that do: {', '.join(dict.fromkeys(fitting)) or 'none'}"
    )


def _metrics_differ(recipe: _Recipe) -> Iterator[Problem]:
    """Figures are called by the metrics' names and parameters, so that no metric can stand twice with the same ones."""
    seen: dict[str, NodePath] = {}
    for path, name in _metric_names(recipe).items():
        if name in seen:
            first = recipe.document.tree.at(seen[name])
            where = f" in line {first.mark.line}" if first is not None and first.mark.line else ""
            message = f"would give the figure {name!r} a second time; another metric{where} has the same name"
            yield recipe.document.problem((*path, "name"), message)
        seen.setdefault(name, path)


def _metric_names(recipe: _Recipe) -> dict[NodePath, str]:
    """What the figures of the metrics that have no problems are called, by the metrics' places."""
    metrics = dict(recipe.components.of_kind("metric"))
    return dict(zip(metrics, metric_names(list(metrics.values())), strict=True))


def _augmentation_fits_image(recipe: _Recipe) -> Iterator[Problem]:
    channels = recipe.document.tree.at(("data", "image", "channels"))
    number = channels.value if channels is not None else 3
    for path, augmentation in recipe.components.of_kind("augmentation"):
        # Whatever else stands there is a problem of its own.
        if number in (1, 3) and number not in augmentation.spec.channels:
            kind = "coloured" if number == 1 else "grey"
            message = f"augmentation {augmentation.spec.name!r} is for {kind} images; data.image.channels is {number}"
            yield recipe.document.problem((*path, "name"), message)


def _known_classes(recipe: _Recipe) -> Iterator[Problem]:
    """Class names that the data will not have, where the recipe itself says which it will."""
    source, head = recipe.components.first("data", "source"), recipe.components.first(*HEAD)
    classes = known_classes(source)
    if classes is None:
        return
    named: list[tuple[NodePath, str]] = []
    for path in (("data", "labels", "names"), ("training", "class_weight")):
        node = recipe.document.tree.at(path)
        named += [((*path, key), key) for key in (node.entries if node else ())]
    for group, labels in _groups(head).items():
        named += [((*HEAD, "groups", group, index), label) for index, label in enumerate(labels)]
    several = head is not None and isinstance(head.spec, HeadSpec) and gives_several(head.spec)
    for place, name in named:
        # `classes` may be folders such as red_dress, which name several labels.
        if composed(name) not in classes and not (several and any(composed(name) in one for one in classes)):
            message = f"the source has no class {name!r}{suggestion(name, classes)}"
            yield recipe.document.problem(place, message, at_key=True)


def _binary_head(recipe: _Recipe) -> Iterator[Problem]:
    source, head = recipe.components.first("data", "source"), recipe.components.first(*HEAD)
    if head is None or not isinstance(head.spec, HeadSpec) or head.spec.decoding != "yes_or_no":
        return
    classes = known_classes(source)
    if classes is not None and len(classes) != 2:
        yield recipe.document.problem(
            HEAD, f"head {head.spec.name!r} decides between 2 classes; the source has {len(classes)}"
        )
    weights = recipe.training.class_weight if recipe.training else None
    if isinstance(weights, dict) and len(weights) > 2:
        message = f"weighs {len(weights)} classes, but head {head.spec.name!r} decides between 2"
        yield recipe.document.problem(("training", "class_weight"), message)


def _group_names(recipe: _Recipe) -> Iterator[Problem]:
    """Groups become columns of the label table, beside the table's own."""
    head = recipe.components.first(*HEAD)
    groups = _groups(head)
    probabilities = {f"{group}_prob" for group in groups}
    for group in groups:
        taken = group in _RESERVED_COLUMNS | probabilities or group.startswith("prob_")
        if taken or label_problem(group):
            message = f"group {group!r} cannot be a column of the label table; choose another name"
            yield recipe.document.problem((*HEAD, "groups", group), message, at_key=True)


def _watched_figures(recipe: _Recipe) -> Iterator[Problem]:
    """What is watched is a figure of this training; one of the validation split needs such a split."""
    figures = _figures(recipe)
    known = [f"{prefix}{figure}" for prefix in ("val_", "") for figure in figures]
    has_validation = recipe.split is None or recipe.split.validation != 0.0
    for path, monitor in _watched(recipe):
        if monitor not in known:
            metric = monitor.removeprefix("val_")
            if metric in recipe.registry.names("metric"):
                meant = f"; metric {metric!r} gives one, under 'training.metrics'"
            else:
                meant = suggestion(monitor, known, otherwise="")
            between = "" if meant.endswith("?") else ";"
            message = f"no figure is called {monitor!r}{meant}{between} there are: {', '.join(known)}"
            yield recipe.document.problem((*path, "monitor"), message)
        elif monitor.startswith("val_") and not has_validation:
            message = f"watches {monitor}, but data.split.validation is 0: there is nothing to measure it on"
            yield recipe.document.problem((*path, "monitor"), message)


def _watched(recipe: _Recipe) -> Iterator[tuple[NodePath, str]]:
    """The places of the recipe that wait for a figure, and the figure's name."""
    if recipe.training is not None:
        sections: list[tuple[NodePath, Training | Phase]] = [(("training",), recipe.training)]
        sections += [((*PHASES, index), phase) for index, phase in enumerate(recipe.training.phases)]
        for path, section in sections:
            if section.early_stopping is not None:
                yield (*path, "early_stopping"), section.early_stopping.monitor
    for path, schedule in recipe.components.of_kind("schedule"):
        if schedule.spec.monitor is not None:
            yield path, schedule.spec.monitor(schedule.parameters)


def _figures(recipe: _Recipe) -> list[str]:
    """The figures of an epoch: loss, accuracy and the metrics, those with problems of their own too."""
    metrics = recipe.document.tree.at(METRICS)
    names = _metric_names(recipe)
    figures = list(PLAIN_FIGURES)
    for index, item in enumerate(metrics.items if metrics else ()):
        written = item.child("name")
        if (*METRICS, index) in names:
            figures.append(names[*METRICS, index])
        elif written is not None and isinstance(written.value, str):
            figures.append(written.value.rpartition("/")[2])
    return figures


def _phase_names(recipe: _Recipe) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for index, phase in enumerate(recipe.training.phases if recipe.training else ()):
        name = phase_name(phase.name, index)
        if name in seen:
            message = f"phases {seen[name]} and {index} are both called {name!r}"
            yield recipe.document.problem((*PHASES, index, "name"), message)
        seen.setdefault(name, index)


def phase_name(name: str | None, index: int) -> str:
    """What a phase is called, by its index from 0."""
    return name or f"phase{index + 1}"


def _schedules(recipe: _Recipe) -> Iterator[Problem]:
    """What a schedule itself says of the number of epochs."""
    for path, schedule in recipe.components.of_kind("schedule"):
        epochs = _epochs_at(recipe.training, path)
        if epochs is not None:
            for parameter, message in schedule.spec.problems(schedule.parameters, epochs).items():
                yield recipe.document.problem((*path, parameter), message)


def _epochs_at(training: Training | None, path: tuple[PathPart, ...]) -> int | None:
    if training is None:
        return None
    index = path[len(PHASES)] if path[: len(PHASES)] == PHASES else None
    phase = training.phases[index] if isinstance(index, int) else None
    return (phase.epochs if phase else None) or training.epochs


def _groups(head: Resolved[Any] | None) -> Mapping[str, Iterable[str]]:
    """The head's groups: attribute -> the labels of which one wins."""
    if head is None:
        return {}
    assert isinstance(head.spec, HeadSpec)
    return head.spec.groups(head.parameters)
