"""A tree against a pydantic model: the instance, or every problem at its own line in plain words.

Validation is strict and goes through JSON, so that what is accepted is what the JSON schema for editors says: a quoted
number is text, `true` is no number, a list is a list.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from fashionbatch import names
from fashionbatch.errors import Problem
from fashionbatch.recipe.mending import suggestion
from fashionbatch.recipe.nodes import Mark, Node, NodePath, dotted
from fashionbatch.recipe.places import KnownPlaces
from fashionbatch.recipe.words import accepted, json_schema_of, property_names, received, schemas_at

ModelT = TypeVar("ModelT", bound=BaseModel)


def validate(
    model: type[ModelT],
    node: Node,
    *,
    path: NodePath = (),
    key_mark: Mark | None = None,
    places: KnownPlaces | None = None,
) -> tuple[ModelT | None, list[Problem]]:
    """Check a tree.

    Args:
        model: what the tree should be.
        node: the tree.
        path: where the tree stands in its recipe; problems name the whole path.
        key_mark: where the key stands whose value the tree is.
        places: where a key that does not belong here may belong; None where the tree is no part of a recipe.

    Returns:
        The instance, None where there are problems; and the problems.
    """
    checker = _Checker(model, node, path, key_mark or node.mark, places)
    try:
        instance = model.model_validate_json(json.dumps(node.plain()), strict=True)
    except ValidationError as error:
        return None, checker.problems(error)
    problems = list(checker.booleans())
    return (None if problems else instance), problems


@dataclass(frozen=True)
class _Located:
    """One error of pydantic's, and where in the tree it belongs.

    Attributes:
        path: the path in the tree.
        rest: the segments of pydantic's path that the tree does not have: branches of unions, a missing key.
        union: the length of `path` where the first branch was named; None outside unions.
    """

    error: Any
    path: NodePath
    rest: tuple[str | int, ...]
    union: int | None

    @property
    def kind(self) -> str:
        return str(self.error["type"])

    @property
    def branch(self) -> str | int:
        return self.error["loc"][self.union] if self.union is not None else ""


class _Checker:
    def __init__(
        self, model: type[BaseModel], node: Node, path: NodePath, key_mark: Mark, places: KnownPlaces | None
    ) -> None:
        self.node = node
        self.prefix = path
        self.key_mark = key_mark
        self.places = places
        self.schema = json_schema_of(model)

    def problems(self, error: ValidationError) -> list[Problem]:
        located = [self._locate(one) for one in error.errors(include_url=False)]
        problems = [self._problem(one) for one in self._without_branches(located) if not self._misspelt(one)]
        return list(dict.fromkeys(problems))

    def booleans(self) -> list[Problem]:
        """True and false where a literal 1 or 0 is wanted: equal for Python, and so for pydantic."""
        found = []
        for path, node in self.node.walk():
            schemas = schemas_at(self.schema, path) if isinstance(node.value, bool) else []
            values = [value for schema in schemas for value in schema.get("enum", [schema.get("const")])]
            wanted = any(value is node.value for value in values) or "boolean" in {s.get("type") for s in schemas}
            if not wanted and any(value is not None for value in values):
                found.append(self._wrong_value(path))
        return found

    def _locate(self, error: Any) -> _Located:
        node, path, rest, union = self.node, [], [], None
        segments = error["loc"]
        for index, part in enumerate(segments):
            child = node.child(part)
            absent = index == len(segments) - 1 and error["type"] in {"missing", "extra_forbidden"}
            if child is not None and not (absent and error["type"] == "missing"):
                node = child
                path.append(part)
                continue
            rest.append(part)
            if not absent and union is None:
                union = len(path)
        return _Located(error, tuple(path), tuple(rest), union)

    def _without_branches(self, located: Sequence[_Located]) -> list[_Located]:
        """One error, or those of the one branch that was meant, for each union."""
        kept = [one for one in located if one.union is None]
        unions = dict.fromkeys(one.path[: one.union] for one in located if one.union is not None)
        for place in unions:
            group = [one for one in located if one.union == len(place) and one.path[: one.union] == place]
            names = dict.fromkeys(one.branch for one in group)
            branches = {name: [one for one in group if one.branch == name] for name in names}
            meant = [errors for errors in branches.values() if not any(_wrong_type(one, place) for one in errors)]
            if len(meant) > 1:
                meant = [errors for errors in meant if not any(_wrong_keys(one, place) for one in errors)]
            if len(meant) == 1:
                kept += meant[0]
            else:
                kept.append(_Located({"type": "no_branch", "loc": place, "msg": ""}, place, (), len(place)))
        return kept

    def _problem(self, one: _Located) -> Problem:
        if one.kind == "missing" and one.rest and isinstance(one.rest[-1], str):
            return self._missing(one.path, one.rest[-1])
        if one.kind == "extra_forbidden":
            return self._unknown_key(one.path)
        if "[key]" in one.rest:
            mark = self._key_mark(one.path)
            return mark.problem(f"key {one.path[-1]!r}: {one.error['msg']}", self._where(one.path))
        if one.kind in {"value_error", "assertion_error"}:
            message = str(one.error.get("ctx", {}).get("error", one.error["msg"]))
            return self._mark(one.path).problem(message, self._where(one.path))
        return self._wrong_value(one.path, one.error)

    def _wrong_value(self, path: NodePath, error: Any = None) -> Problem:
        node = self.node.at(path) or self.node
        schemas = schemas_at(self.schema, path)
        words = "a finite number" if error and error["type"] == "finite_number" else accepted(schemas)
        if words:
            message = f"must be {words}; got {received(node)}{suggestion(node, schemas)}"
        else:
            message = f"{_uncapitalised(error['msg'])}; got {received(node)}" if error else "is not accepted"
        return self._mark(path).problem(message, self._where(path))

    def _missing(self, path: NodePath, key: str) -> Problem:
        node = self.node.at(path) or self.node
        words = accepted(schemas_at(self.schema, (*path, key)))
        message = f"is missing; it must be {words}" if words else "is missing"
        if close := self._misspelling_of(path, key):
            message += f"; is {close!r} a misspelling?"
        elif key == "name" and path and self.places is not None:
            message += self.places.missing_name(node, (*self.prefix, *path))
        # A block mapping begins at its first entry; the key above it is what a person calls by that name.
        mark = self._key_mark(path)
        mark = node.mark if mark.line == node.mark.line else mark
        return mark.problem(message, self._where((*path, key)))

    def _unknown_key(self, path: NodePath) -> Problem:
        key = str(path[-1])
        allowed = property_names(schemas_at(self.schema, path[:-1]))
        if self.places is not None:
            hint = self.places.hint(key, (*self.prefix, *path[:-1]), allowed)
        else:
            hint = names.suggestion(key, allowed, otherwise=None if allowed else "there are no parameters")
        return self._key_mark(path).problem(f"unknown key {key!r}{hint}", self._where(path))

    def _misspelt(self, one: _Located) -> bool:
        """Whether a key is missing because of a misspelling that is reported as an unknown key already."""
        if one.kind != "missing" or not isinstance(one.rest[-1], str):
            return False
        mappings = [schema for schema in schemas_at(self.schema, one.path) if schema.get("type") == "object"]
        closed = all(schema.get("additionalProperties") is False for schema in mappings)
        return closed and self._misspelling_of(one.path, one.rest[-1]) is not None

    def _misspelling_of(self, path: NodePath, key: str) -> str | None:
        node = self.node.at(path) or self.node
        known = property_names(schemas_at(self.schema, path))
        written = [name for name in node.entries if name not in known]
        return (self.places and self.places.misspelling_of(key, written)) or names.closest(key, written)

    def _where(self, path: NodePath) -> str:
        return dotted((*self.prefix, *path))

    def _mark(self, path: NodePath) -> Mark:
        return (self.node.at(path) or self.node).mark

    def _key_mark(self, path: NodePath) -> Mark:
        if not path:
            return self.key_mark
        parent = self.node.at(path[:-1])
        entry = parent.entries.get(str(path[-1])) if parent else None
        return entry.key_mark if entry else self._mark(path)


def _wrong_type(one: _Located, place: NodePath) -> bool:
    """Whether a branch was tried for a value of quite another shape, so that its complaint is noise."""
    return one.path == place and (one.kind.endswith("_type") or one.kind in {"literal_error", "enum"})


def _wrong_keys(one: _Located, place: NodePath) -> bool:
    """Whether a branch was tried for a mapping that has other keys."""
    return (one.kind == "missing" and one.path == place) or (one.kind == "extra_forbidden" and one.path[:-1] == place)


def _uncapitalised(text: str) -> str:
    return text[:1].lower() + text[1:]
