"""Every component that a recipe names: found, and its parameters checked by the model of whoever provides it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from fashionbatch.errors import FashionBatchError, PluginError, Problem, UnknownNameError
from fashionbatch.plan.meaning import meaning
from fashionbatch.plan.model import Resolved
from fashionbatch.plugins import Origin, describe, is_a_plugins
from fashionbatch.recipe.find import is_shipped
from fashionbatch.recipe.forms import DEFAULT_COMPONENTS, ONE_COMPONENT, slots
from fashionbatch.recipe.load import RecipeDocument
from fashionbatch.recipe.nodes import Mark, Node, NodePath, dotted
from fashionbatch.recipe.places import KnownPlaces
from fashionbatch.recipe.validate import validate
from fashionbatch.registry import Entry, OurName, Registry
from fashionbatch.specs import HeadSpec

HEAD: NodePath = ("head",)
LOSS: NodePath = ("loss",)
OPTIMIZER: NodePath = ("training", "optimizer")


@dataclass
class Components:
    """The components of one recipe by their place in it; those with problems are absent."""

    resolved: dict[NodePath, Resolved[Any]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def first(self, *path: str | int) -> Resolved[Any] | None:
        """The component at a place."""
        return self.resolved.get(path)

    def of_kind(self, kind: str) -> Iterator[tuple[NodePath, Resolved[Any]]]:
        """Every component of a kind, with its place."""
        return ((path, found) for path, found in self.resolved.items() if found.spec.kind == kind)


def resolve_components(document: RecipeDocument, registry: Registry) -> Components:
    """Resolve every component of the recipe, and the ones that it leaves to their defaults."""
    components = Components()
    resolver = _Resolver(registry, KnownPlaces(document.tree, registry), components)
    for slot in slots(document.tree):
        node = document.tree.at(slot.path)
        if node is not None and node.is_mapping:
            resolver.resolve(node, slot.kind, slot.path)
    for path, name in DEFAULT_COMPONENTS.items():
        if document.tree.at(path) is None:
            resolver.resolve(_default(name, document.tree.mark), ONE_COMPONENT[path], path)
    loss = document.tree.at(LOSS)
    if loss is None or loss.value is None:
        _resolve_default_loss(document, registry, components)
    return components


@dataclass(frozen=True)
class _Resolver:
    registry: Registry
    places: KnownPlaces
    components: Components

    def resolve(self, node: Node, kind: str, path: NodePath) -> None:
        name = node.child("name")
        if name is None or not isinstance(name.value, str):
            return  # a problem of shape, reported with the others
        written = OurName(name.value) if _is_ours(name) else name.value
        try:
            entry = self.registry.entry(kind, written)
        except FashionBatchError as error:
            # Where a plugin failed, the name may be one of its own.
            unknown = isinstance(error, UnknownNameError) and not error.traceback
            meant = meaning(kind, name.value, self.registry) if unknown else None
            message = f"unknown {kind} {name.value!r}; {meant}" if meant else _one_line(error)
            self.components.problems.append(name.mark.problem(message, dotted((*path, "name"))))
            return
        own = node.without_entry("name")
        try:
            parameters, problems = validate(
                entry.spec.parameters, own, path=path, key_mark=name.mark, places=self.places
            )
        except BaseException as error:  # a plugin's own validator, which should raise ValueError alone
            if not is_a_plugins(error):
                raise
            origin = Origin(entry.provider, kind, entry.spec.name)
            message = f"{origin} could not check its parameters: {describe(error)}"
            parameters, problems = None, [node.mark.problem(message, dotted(path))]
        self.components.problems += problems
        if parameters is not None:
            self.components.resolved[path] = Resolved(entry.spec, parameters, entry.provider)


def _resolve_default_loss(document: RecipeDocument, registry: Registry, components: Components) -> None:
    head = components.first(*HEAD)
    if head is None or not isinstance(head.spec, HeadSpec):
        return
    # The head's own package first: another one may have a loss of the same name.
    names = (f"{head.provider.distribution}/{head.spec.default_loss}", OurName(head.spec.default_loss))
    entries: list[Entry] = []
    for name in names:
        try:
            entries.append(registry.entry("loss", name))
        except (UnknownNameError, PluginError) as error:
            reason = _one_line(error)
    if not entries:
        message = f"the loss that head {head.spec.name!r} asks for cannot be used: {reason}"
        components.problems.append(document.problem(HEAD, message))
        return
    parameters, _ = validate(entries[0].spec.parameters, _default("", document.tree.mark).without_entry("name"))
    if parameters is None:
        message = (
            f"the loss of head {head.spec.name!r}, {entries[0].spec.name!r}, needs parameters; write it under 'loss'"
        )
        components.problems.append(document.problem(HEAD, message))
        return
    components.resolved[LOSS] = Resolved(entries[0].spec, parameters, entries[0].provider)


def _default(name: str, mark: Mark) -> Node:
    return Node({}, mark).with_entry("name", Node(OurName(name), mark, name))


def _is_ours(name: Node) -> bool:
    """Whether a name is a default, or stands in a recipe that comes with fashionbatch."""
    return isinstance(name.value, OurName) or (bool(name.mark.line) and is_shipped(name.mark.file))


def _one_line(error: FashionBatchError) -> str:
    return f"{error.message}; {error.hint}" if error.hint else error.message
