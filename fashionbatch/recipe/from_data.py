"""A recipe as Python's own dicts, lists and scalars -> the tree that a recipe file becomes, without lines."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any

from fashionbatch.errors import Problem, RecipeError
from fashionbatch.recipe.nodes import MAX_DEPTH, MAX_NODES, MappingEntry, Mark, Node, NodePath, Scalar, dotted


def tree_of(data: Mapping[str, Any], *, name: str) -> Node:
    """The tree of a recipe that was never a file; problems of it name the path of a key alone.

    Args:
        data: mappings with keys of text or whole numbers, sequences, paths, and scalars of Python or NumPy.
        name: what to call it in problems.

    Raises:
        RecipeError: it holds what no recipe can, or more than a recipe may be.
    """
    return _Builder(Mark(name)).node(data, ())


class _Builder:
    def __init__(self, mark: Mark) -> None:
        self._mark = mark
        self._count = 0

    def node(self, value: Any, path: NodePath) -> Node:
        self._count += 1
        # A list that holds itself has no end.
        if len(path) > MAX_DEPTH or self._count > MAX_NODES:
            raise RecipeError([self._problem(f"is deeper or larger than a recipe may be: {MAX_NODES:,} values", ())])
        if isinstance(value, Mapping):
            return Node(self._entries(value, path), self._mark)
        if isinstance(value, Sequence) and not isinstance(value, str | bytes):
            return Node(tuple(self.node(item, (*path, index)) for index, item in enumerate(value)), self._mark)
        scalar = self._scalar(value, path)
        return Node(scalar, self._mark, _written(scalar))

    def _entries(self, mapping: Mapping[Any, Any], path: NodePath) -> dict[str, MappingEntry]:
        entries: dict[str, MappingEntry] = {}
        for key, value in mapping.items():
            if not isinstance(key, str | int) or isinstance(key, bool):
                raise RecipeError([self._problem(f"has the key {key!r}; keys are text", path)])
            entries[str(key)] = MappingEntry(self._mark, self.node(value, (*path, str(key))))
        return entries

    def _scalar(self, value: Any, path: NodePath) -> Scalar:
        if value is None or isinstance(value, str | bool):
            return value
        if isinstance(value, Integral):
            return int(value)
        if isinstance(value, Real):
            return float(value)
        if isinstance(value, os.PathLike):
            return os.fsdecode(value)
        raise RecipeError([self._problem(f"is of the type {type(value).__name__}, which no recipe can hold", path)])

    def _problem(self, message: str, path: NodePath) -> Problem:
        return self._mark.problem(message, dotted(path))


def _written(scalar: Scalar) -> str:
    """A scalar as a recipe file would have it."""
    if isinstance(scalar, bool):
        return "true" if scalar else "false"
    return "null" if scalar is None else str(scalar)
