"""Recipe + registry -> plan, or every problem of both at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fashionbatch.errors import Problem, RecipeError
from fashionbatch.plan.checks import check, phase_name
from fashionbatch.plan.components import Components, resolve_components
from fashionbatch.plan.model import Plan, PlannedPhase, Resolved
from fashionbatch.recipe.find import find_recipe
from fashionbatch.recipe.forms import AUGMENTATION, CALLBACKS, METRICS, PHASES
from fashionbatch.recipe.load import RecipeDocument, load_recipe, parse_recipe
from fashionbatch.recipe.nodes import NodePath
from fashionbatch.recipe.schema import Phase, Recipe
from fashionbatch.registry import Registry
from fashionbatch.specs import AugmentationSpec

_TRAINING: NodePath = ("training",)


def load_plan(name_or_path: str, registry: Registry, *, overrides: Sequence[str] = ()) -> Plan:
    """The plan of a recipe file, or of a shipped recipe by its name.

    Args:
        name_or_path: as users give it.
        registry: the components that recipes can name.
        overrides: `training.epochs=5` and the like, as `--set` takes them.

    Raises:
        RecipeError: every problem of the recipe.
    """
    return make_plan(load_recipe(find_recipe(name_or_path), overrides=overrides), registry)


def plan_from_text(text: str, registry: Registry, base: Path, *, name: str = "recipe.yaml") -> Plan:
    """The plan of a resolved recipe, such as a bundle's `recipe.yaml`. It cannot make other files be read.

    Args:
        text: the YAML.
        registry: the components that recipes can name.
        base: the folder that relative paths in it are relative to.
        name: what to call the text in problems.

    Raises:
        RecipeError: every problem of the recipe.
    """
    return make_plan(parse_recipe(text, name=name, base=base), registry)


def make_plan(document: RecipeDocument, registry: Registry) -> Plan:
    """Resolve every name and check every parameter of a recipe.

    Raises:
        RecipeError: every problem of the recipe, those of its shape too, in the order of their positions.
    """
    components = resolve_components(document, registry)
    problems = [*document.problems_with(registry), *components.problems, *check(document, components, registry)]
    if problems or document.recipe is None:
        raise RecipeError(_in_order(problems, document.name))
    return _plan(document, document.recipe, components)


def _plan(document: RecipeDocument, recipe: Recipe, components: Components) -> Plan:
    resolved = components.resolved
    source, architecture = resolved["data", "source"], resolved["architecture",]
    head, loss = resolved["head",], resolved["loss",]
    augmentation = _listed(recipe.augmentation, AUGMENTATION, components)
    metrics = _listed(recipe.training.metrics, METRICS, components)
    callbacks = _listed(recipe.training.callbacks, CALLBACKS, components)
    optimizer, schedule = resolved[*_TRAINING, "optimizer"], resolved.get((*_TRAINING, "schedule"))
    phases = tuple(
        _phase(index, phase, recipe, components, augmentation) for index, phase in enumerate(recipe.training.phases)
    )
    normal = _written(recipe)
    normal["data"]["source"] = source.resolved()
    normal |= {
        "augmentation": [one.resolved() for one in augmentation],
        "architecture": architecture.resolved(),
        "head": head.resolved(),
        "loss": loss.resolved(),
    }
    normal["training"] |= {
        "optimizer": optimizer.resolved(),
        "schedule": schedule.resolved() if schedule else None,
        "metrics": [metric.resolved() for metric in metrics],
        "callbacks": [callback.resolved() for callback in callbacks],
        "phases": [phase.resolved() for phase in phases],
    }
    training = recipe.training
    only = PlannedPhase(
        name="training",
        train="all",
        epochs=training.epochs,
        batch_size=training.batch_size,
        optimizer=optimizer,
        schedule=schedule,
        augmentation=augmentation,
        early_stopping=training.early_stopping,
    )
    return Plan(
        recipe=Recipe.model_validate_json(json.dumps(normal), strict=True),
        document=document,
        base=document.base,
        source=source,
        architecture=architecture,
        head=head,
        loss=loss,
        augmentation=augmentation,
        metrics=metrics,
        callbacks=callbacks,
        phases=phases or (only,),
    )


def _phase(
    index: int,
    phase: Phase,
    recipe: Recipe,
    components: Components,
    augmentation: tuple[Resolved[AugmentationSpec], ...],
) -> PlannedPhase:
    here = (*PHASES, index)
    training = recipe.training
    # `schedule: null` says that there is none; without the key it is as in `training`.
    given = phase.model_fields_set
    return PlannedPhase(
        name=phase_name(phase.name, index),
        train=phase.train,
        epochs=phase.epochs or training.epochs,
        batch_size=phase.batch_size or training.batch_size,
        optimizer=components.resolved[*(here if phase.optimizer else _TRAINING), "optimizer"],
        schedule=components.resolved.get((*(here if "schedule" in given else _TRAINING), "schedule")),
        augmentation=_listed(phase.augmentation or (), (*here, "augmentation"), components)
        if "augmentation" in given
        else augmentation,
        early_stopping=phase.early_stopping if "early_stopping" in given else training.early_stopping,
        keeps_batch_norm=phase.batch_norm == "keep",
        place=here,
    )


def _listed(named: Sequence[object], path: NodePath, components: Components) -> tuple[Resolved[Any], ...]:
    """The components of a list."""
    return tuple(components.resolved[*path, index] for index in range(len(named)))


def _written(recipe: Recipe) -> dict[str, Any]:
    return recipe.model_dump(mode="json", by_alias=True)


def _in_order(problems: Sequence[Problem], first_file: str) -> list[Problem]:
    """By file, the user's own first and the options last, then by line and column; each once."""

    def key(problem: Problem) -> tuple[bool, bool, str, int, int]:
        return (problem.line == 0, problem.file != first_file, problem.file, problem.line, problem.column)

    return sorted(dict.fromkeys(problems), key=key)
