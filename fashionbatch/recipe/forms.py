"""Where components stand in a recipe, and how its short forms become the long ones."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import BaseModel

from fashionbatch.recipe.nodes import MappingEntry, Node, NodePath
from fashionbatch.recipe.schema import Component, Recipe, Training

ONE_COMPONENT: dict[NodePath, str] = {
    ("data", "source"): "dataset",
    ("architecture",): "architecture",
    ("head",): "head",
    ("loss",): "loss",
    ("training", "optimizer"): "optimizer",
    ("training", "schedule"): "schedule",
}
"""The places of a single component, and its kind."""

DEFAULT_COMPONENTS: dict[NodePath, str] = {
    ("head",): Recipe.model_fields["head"].default.name,
    ("training", "optimizer"): Training.model_fields["optimizer"].default.name,
}
"""The places of components that a recipe may leave out, and what stands there then."""

AUGMENTATION: NodePath = ("augmentation",)
METRICS: NodePath = ("training", "metrics")
CALLBACKS: NodePath = ("training", "callbacks")
LISTS: dict[NodePath, str] = {AUGMENTATION: "augmentation", METRICS: "metric", CALLBACKS: "callback"}
"""The places of lists of components, and their kind."""
PHASES: NodePath = ("training", "phases")
WHOLE_VALUES: frozenset[NodePath] = frozenset({("data", "split", "validation"), ("data", "split", "test")})
"""Mappings that stand for one value: a recipe that inherits replaces them and does not add to them."""


@dataclass(frozen=True)
class Slot:
    """A place in a recipe that holds a component."""

    path: NodePath
    kind: str


def slots(recipe: Node) -> Iterator[Slot]:
    """Every place of this recipe that holds a component, in the order of the schema."""
    for path, kind in ONE_COMPONENT.items():
        if recipe.at(path) is not None:
            yield Slot(path, kind)
    for path, kind in LISTS.items():
        yield from _items(recipe, path, kind)
    phases = recipe.at(PHASES)
    for index in range(len(phases.items) if phases else 0):
        phase = (*PHASES, index)
        for key in ("optimizer", "schedule"):
            if recipe.at((*phase, key)) is not None:
                yield Slot((*phase, key), key)
        yield from _items(recipe, (*phase, "augmentation"), "augmentation")


def long_form(recipe: Node) -> Node:
    """The recipe with every bare component name as a mapping, at the same place in its file."""
    for slot in slots(recipe):
        node = recipe.at(slot.path)
        if node is not None and (mapping := _as_component(node, slot.kind)) is not None:
            recipe = replaced(recipe, slot.path, mapping)
    return recipe


def without_empty_sections(recipe: Node, model: type[BaseModel]) -> Node:
    """The recipe without keys that have no value and mean their default: a section whose lines are commented out."""
    for name, field in model.model_fields.items():
        key = field.alias or name
        child = recipe.child(key)
        if child is None:
            continue
        if child.value is None and not field.is_required() and field.get_default(call_default_factory=True) is not None:
            recipe = recipe.without_entry(key)
        elif (section := _section(field.annotation)) is not None and child.is_mapping:
            recipe = recipe.with_entry(key, without_empty_sections(child, section))
    return recipe


def replaced(node: Node, path: NodePath, value: Node) -> Node:
    """The tree with another value at a place that exists."""
    if not path:
        return value
    part, rest = path[0], path[1:]
    child = node.child(part)
    assert child is not None
    new = replaced(child, rest, value)
    return node.with_entry(part, new) if isinstance(part, str) else node.with_item(part, new)


def _items(recipe: Node, path: NodePath, kind: str) -> Iterator[Slot]:
    items = recipe.at(path)
    for index in range(len(items.items) if items else 0):
        yield Slot((*path, index), kind)


def _as_component(node: Node, kind: str) -> Node | None:
    if isinstance(node.value, str):
        return Node({"name": MappingEntry(node.mark, node)}, node.mark)
    if kind == "schedule" and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        name = Node("constant", node.mark, "constant")
        return Node({"name": MappingEntry(node.mark, name), "learning_rate": MappingEntry(node.mark, node)}, node.mark)
    return None


def _section(annotation: object) -> type[BaseModel] | None:
    """The model of a section of the recipe; None for components, whose parameters are their plugin's."""
    for choice in (annotation, *typing.get_args(annotation)):
        if isinstance(choice, type) and issubclass(choice, BaseModel) and not issubclass(choice, Component):
            return choice
    return None
