"""What a recipe says and training does not use: told, since its writer believes that it matters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fashionbatch.errors import Problem
from fashionbatch.plan.model import Plan, PlannedPhase
from fashionbatch.recipe.forms import AUGMENTATION, PHASES
from fashionbatch.recipe.layering import SET_OPTION
from fashionbatch.recipe.nodes import Node, NodePath
from fashionbatch.recipe.schema import Phase, SplitFrom, SplitLast

TAKEN_OVER: tuple[NodePath, ...] = (
    ("training", "epochs"),
    ("training", "batch_size"),
    ("training", "optimizer"),
    ("training", "schedule"),
    AUGMENTATION,
    ("training", "early_stopping"),
)
"""What phases take over where they say nothing of it themselves."""


def unused(plan: Plan) -> list[Problem]:
    """Everything in the recipe that nothing reads, each with its place in the file."""
    given = [*_of_phases(plan), *_rates(plan), *_of_split(plan), *_class_weights(plan)]
    return [plan.document.problem(path, message, at_key=True) for path, message in given]


def _of_phases(plan: Plan) -> Iterator[tuple[NodePath, str]]:
    """What every phase has of its own; what was set by an option, also where a single one has."""
    recipe = plan.document.recipe
    phases = recipe.training.phases if recipe is not None else ()
    if not phases:
        return
    for path in TAKEN_OVER:
        node = plan.document.tree.at(path)
        if node is None or node.value is None:
            continue
        key = str(path[-1])
        own = [planned.name for planned, phase in zip(plan.phases, phases, strict=True) if _has_its_own(phase, key)]
        others = [phase.name for phase in plan.phases if phase.name not in own]
        places = _set_by_option(node, path)
        if own and not others:
            whose = f"{own[0]!r} has" if len(own) == 1 else "each of them has"
            message = f"is used by no phase: {whose} {_article(key)} of its own, under {_example(own, plan, key)!r}"
        elif own and places:
            message = (
                f"holds for {_listed(others)} only; {_listed(own)} {'has its' if len(own) == 1 else 'have their'} own"
            )
        else:
            continue
        yield from ((place, message) for place in places or [path])


def _has_its_own(phase: Phase, key: str) -> bool:
    # `schedule: null` says that there is none; without the key it is as in `training`.
    if key in {"schedule", "augmentation", "early_stopping"}:
        return key in phase.model_fields_set
    return getattr(phase, key) is not None


def _set_by_option(node: Node, path: NodePath) -> list[NodePath]:
    """The values at or below a place that `--set` gave; one for each option."""
    places = [
        (place, inner.mark.file)
        for place, inner in node.walk(path)
        if inner.mark.file.startswith(SET_OPTION) and not isinstance(inner.value, dict | tuple)
    ]
    # The name of a component comes first, and may have been added to its parameter.
    return list({option: place for place, option in places}.values())


def _article(key: str) -> str:
    return key if key in {"epochs", "augmentation", "early_stopping"} else f"{'an' if key[0] in 'aeiou' else 'a'} {key}"


def _example(own: Sequence[str], plan: Plan, key: str) -> str:
    index = next(index for index, phase in enumerate(plan.phases) if phase.name == own[0])
    return ".".join(str(part) for part in (*PHASES, index, key))


def _listed(names: Sequence[str]) -> str:
    quoted = [repr(name) for name in names]
    return f"phase{'s' if len(quoted) != 1 else ''} {', '.join(quoted)}"


def _rates(plan: Plan) -> Iterator[tuple[NodePath, str]]:
    """A learning rate of an optimizer whose schedule has rates of its own."""
    using: dict[NodePath, list[PlannedPhase]] = {}
    for phase in plan.phases:
        own = (*phase.place, "optimizer", "learning_rate")
        path = own if plan.document.tree.at(own[:-1]) is not None else ("training", "optimizer", "learning_rate")
        using.setdefault(path, []).append(phase)
    for path, phases in using.items():
        if plan.document.tree.at(path) is None or not all(_ignores_rate(phase) for phase in phases):
            continue
        schedule = phases[0].schedule
        assert schedule is not None
        yield path, f"is not used: schedule {schedule.spec.name!r} says the rate itself"


def _ignores_rate(phase: PlannedPhase) -> bool:
    schedule = phase.schedule
    return schedule is not None and len({schedule.spec.rate(schedule.parameters, rate) for rate in (1e-3, 2e-3)}) == 1


def _of_split(plan: Plan) -> Iterator[tuple[NodePath, str]]:
    """How images are drawn, where none are."""
    split = plan.recipe.data.split
    fixed = isinstance(split.validation, SplitLast | SplitFrom) or split.validation == 0
    drawn_for_test = isinstance(split.test, float) and split.test > 0
    if not fixed or drawn_for_test:
        return
    for key in ("seed", "stratify", "group_by"):
        path = ("data", "split", key)
        if (node := plan.document.tree.at(path)) is not None and node.value is not None:
            yield path, "is not used: no part of the data is drawn by a fraction"


def _class_weights(plan: Plan) -> Iterator[tuple[NodePath, str]]:
    weights = plan.recipe.training.class_weight
    if isinstance(weights, dict) and weights and set(weights.values()) == {1.0}:
        yield ("training", "class_weight"), "changes nothing: each weight is 1, which classes have anyway"
