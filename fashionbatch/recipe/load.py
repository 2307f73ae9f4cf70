"""A recipe file -> a document: all that it says in long form, where each value stands, and what is wrong with it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fashionbatch import disk
from fashionbatch.errors import Problem, RecipeError
from fashionbatch.recipe.find import RECIPE_SUFFIXES, shipped_recipe
from fashionbatch.recipe.forms import long_form, without_empty_sections
from fashionbatch.recipe.from_data import tree_of
from fashionbatch.recipe.layering import merged, overridden
from fashionbatch.recipe.nodes import MAX_BYTES, Mark, Node, NodePath, dotted, read_yaml
from fashionbatch.recipe.places import KnownPlaces
from fashionbatch.recipe.schema import VERSION, Recipe
from fashionbatch.recipe.validate import validate
from fashionbatch.registry import Registry
from fashionbatch.versions import UPDATE, is_later

MAX_EXTENDS = 10
_OUTER_KEY = re.compile(
    r"^(?:\{[ \t]*)?(?P<quote>['\"]?)(?P<key>[A-Za-z_][\w.-]*)(?P=quote)[ \t]*:(?=[ \t\r\n]|$)", re.MULTILINE
)


@dataclass(frozen=True)
class RecipeDocument:
    """A recipe that has been read. Whether its components exist is not known yet: `plan.make_plan` says.

    Attributes:
        name: the file as the user gave it.
        base: the absolute folder that relative paths in the recipe are relative to.
        tree: what it says, in long form, with what it inherits and the overrides; every value with its position.
        recipe: the same, validated; None where there are problems of shape.
        unread: what could not be read of it, such as a second entry of one key.
    """

    name: str
    base: Path
    tree: Node
    recipe: Recipe | None
    unread: tuple[Problem, ...]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with it, as far as that can be said without knowing any component."""
        return self.problems_with(None)

    def problems_with(self, registry: Registry | None) -> tuple[Problem, ...]:
        """What is wrong with it; the components say where a key belongs that stands in the wrong place."""
        _, wrong = validate(Recipe, self.tree, places=KnownPlaces(self.tree, registry))
        return (*self.unread, *wrong)

    @property
    def data(self) -> dict[str, Any]:
        """The recipe as plain data, in long form."""
        plain = self.tree.plain()
        return plain if isinstance(plain, dict) else {}

    def problem(self, path: NodePath, message: str, *, at_key: bool = False) -> Problem:
        """A problem at the value (or key) at this path, or at the nearest place above it that the recipe has."""
        for length in range(len(path), 0, -1):
            parent, part = self.tree.at(path[: length - 1]), path[length - 1]
            if (node := parent.child(part) if parent else None) is None:
                continue
            entry = parent.entries.get(str(part)) if parent and at_key else None
            return (entry.key_mark if entry else node.mark).problem(message, dotted(path))
        return self.tree.mark.problem(message, dotted(path))


def load_recipe(path: Path, *, overrides: Sequence[str] = ()) -> RecipeDocument:
    """Read a recipe file with everything that it inherits.

    Args:
        path: the file.
        overrides: `training.epochs=5` and the like, as `--set` takes them.

    Raises:
        RecipeError: a file that cannot be read, is not YAML, or was written for a later version of recipes. Every
            other problem is in the document.
    """
    text = yaml_text(path, str(path))
    if path.suffix not in RECIPE_SUFFIXES and text.strip() and not looks_like_recipe(text):
        raise RecipeError([Mark(str(path)).problem("is no recipe: few or none of its keys are those of one")])
    tree, problems = _inherited(text, str(path), path, (), may_extend=True)
    return _document(tree, problems, name=str(path), base=path.absolute().parent, overrides=overrides)


def parse_recipe(
    text: str, *, name: str, base: Path, overrides: Sequence[str] = (), may_extend: bool = False
) -> RecipeDocument:
    """Read a recipe from its text.

    Args:
        text: the YAML.
        name: what to call it in problems.
        base: the folder that relative paths are relative to.
        overrides: as in `load_recipe`.
        may_extend: whether `extends` may make this read other files; not for a stranger's text.

    Raises:
        RecipeError: as `load_recipe`.
    """
    tree, problems = _inherited(text, name, base / "recipe.yaml", (), may_extend=may_extend)
    return _document(tree, problems, name=name, base=base.absolute(), overrides=overrides)


def recipe_from_data(
    data: Mapping[str, Any], *, base: Path, name: str = "recipe", overrides: Sequence[str] = ()
) -> RecipeDocument:
    """Read a recipe from Python's own dicts, lists and scalars; problems name the path of a key and no line.

    Args:
        data: what the file would hold. `extends` may name a file.
        base: the folder that relative paths are relative to.
        name: what to call it in problems.
        overrides: as in `load_recipe`.

    Raises:
        RecipeError: it holds what no recipe can. Every other problem is in the document.
    """
    tree, problems = _with_inherited(tree_of(data, name=name), [], name, base / "recipe.yaml", (), may_extend=True)
    return _document(tree, problems, name=name, base=base.absolute(), overrides=overrides)


def _document(
    tree: Node, problems: list[Problem], *, name: str, base: Path, overrides: Sequence[str]
) -> RecipeDocument:
    tree, found = overridden(tree, overrides)
    tree = without_empty_sections(tree, Recipe)
    unread = (*problems, *found)
    recipe, _ = validate(Recipe, tree)
    return RecipeDocument(name, base, tree, None if unread else recipe, unread)


def _inherited(
    text: str, name: str, path: Path, seen: tuple[str, ...], *, may_extend: bool
) -> tuple[Node, list[Problem]]:
    tree, problems = read_yaml(text, name=name)
    if tree.value is None:
        raise RecipeError([Mark(name).problem("is empty; a recipe begins with 'version: 1'")])
    if not tree.is_mapping:
        raise RecipeError([tree.mark.problem("must be a mapping of keys and values, such as 'version: 1'")])
    return _with_inherited(tree, problems, name, path, seen, may_extend=may_extend)


def _with_inherited(
    tree: Node, problems: list[Problem], name: str, path: Path, seen: tuple[str, ...], *, may_extend: bool
) -> tuple[Node, list[Problem]]:
    refuse_later(tree, VERSION, "recipes")
    tree = long_form(tree)
    extends = tree.child("extends")
    if extends is None:
        return tree, problems
    tree = tree.without_entry("extends")
    here = (*seen, os.path.realpath(path))
    if problem := _cannot_extend(extends, path, here, may_extend=may_extend):
        return tree, [*problems, problem]
    base_path = _base_path(str(extends.value), path)
    # As near to what the user typed as can be: the given folder and the file's own words.
    beside = os.path.normpath(os.path.join(os.path.dirname(name), str(extends.value)))
    base_name = beside if base_path == path.parent / str(extends.value) else str(base_path)
    try:
        text = yaml_text(base_path, base_name)
    except RecipeError as error:
        return tree, [*problems, extends.mark.problem(f"{base_name!r} {error.problems[0].message}", "extends")]
    if not looks_like_recipe(text):
        # A recipe may be a stranger's, and name a file that is not theirs to read: nothing of it is shown.
        told = f"{extends.value!r} is no recipe: few or none of its keys are those of one"
        return tree, [*problems, extends.mark.problem(told, "extends")]
    base, base_problems = _inherited(text, base_name, base_path, here, may_extend=True)
    return merged(base, tree), [*problems, *base_problems]


def looks_like_recipe(text: str) -> bool:
    """Whether most keys of a text's outermost level are those of a recipe, whatever is wrong with the rest.

    Such a text may be quoted in errors. Keys are looked for by eye, since what is wrong may be the YAML itself.
    """
    keys = {match["key"] for match in _OUTER_KEY.finditer(text)}
    known = keys & {*Recipe.model_fields, "extends"}
    return 2 * len(known) > len(keys)


def refuse_later(tree: Node, readable: int, what: str) -> None:
    """Refuse a file that was written for a later version, whose keys would be told as unknown ones.

    Args:
        tree: of the file.
        readable: the version that is read.
        what: such files are called, in the plural.

    Raises:
        RecipeError: its `version` comes after that one.
    """
    version = tree.child("version")
    if version is not None and is_later(version.value, readable):
        told = f"was written for version {version.value} of {what}; this FashionBatch reads {readable}"
        raise RecipeError([version.mark.problem(f"{told}: {UPDATE}", "version")])


def _cannot_extend(extends: Node, path: Path, seen: tuple[str, ...], *, may_extend: bool) -> Problem | None:
    def problem(message: str) -> Problem:
        return extends.mark.problem(message, "extends")

    if not may_extend:
        return problem("a recipe from a bundle cannot inherit another")
    if not isinstance(extends.value, str) or not extends.value:
        return problem("must be the path of one recipe file")
    base = _base_path(extends.value, path)
    if os.path.realpath(base) in seen:
        return problem(f"{extends.value!r} inherits this recipe; that is a circle")
    if len(seen) > MAX_EXTENDS:
        return problem(f"more than {MAX_EXTENDS} recipes inherit each other")
    if not os.path.exists(base):
        return problem(f"there is no file {str(base)!r}, and no recipe of that name comes with fashionbatch")
    return None


def _base_path(extends: str, path: Path) -> Path:
    beside = path.parent / extends
    if os.path.isfile(beside):  # Path.is_file raises where a name is too long
        return beside
    return shipped_recipe(extends) or beside


def yaml_text(path: Path, name: str, *, what: str = "a recipe") -> str:
    """The text of a YAML file that a user names.

    Args:
        path: the file.
        name: what to call it in problems.
        what: such a file is.

    Raises:
        RecipeError: it cannot be read, or is no UTF-8.
    """

    def error(message: str) -> RecipeError:
        return RecipeError([Mark(name).problem(message)])

    try:
        content = disk.read_regular(path, MAX_BYTES)
    except OSError as reason:
        raise error(f"{disk.why_unreadable(reason)}; {what} is a YAML file") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as reason:
        line = content.count(b"\n", 0, reason.start) + 1
        raise error(f"is not UTF-8 text: byte 0x{content[reason.start]:02x} in line {line}") from None
