"""The recipes that come with fashionbatch, and the one that a user means by a name or a path."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

import fashionbatch
from fashionbatch.errors import Problem, RecipeError
from fashionbatch.names import path_alike, suggestion
from fashionbatch.recipe.nodes import read_yaml

RECIPE_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True)
class ShippedRecipe:
    """A recipe that comes with fashionbatch."""

    name: str
    path: Path
    description: str


def recipes_directory() -> Path:
    """Where the shipped recipes lie: inside the installed package, beside it in an editable installation."""
    package = Path(fashionbatch.__file__).parent
    inside = package / "recipes"
    return inside if inside.is_dir() else package.parent / "recipes"


def list_recipes() -> list[ShippedRecipe]:
    """Every shipped recipe, by name."""
    return [ShippedRecipe(name, path, _description(path)) for name, path in sorted(_shipped().items())]


def shipped_recipe(name: str) -> Path | None:
    """The shipped recipe of that name; None where there is none."""
    return _shipped().get(name)


def is_shipped(file: str) -> bool:
    """Whether a file is one of the shipped recipes."""
    return Path(os.path.abspath(file)).is_relative_to(os.path.abspath(recipes_directory()))


def find_recipe(name_or_path: str) -> Path:
    """The recipe that a user means: a file, or else a shipped recipe's bare name.

    Raises:
        RecipeError: there is neither.
    """
    path = Path(name_or_path)
    if os.path.isfile(path):  # Path.is_file raises where a name is too long
        return path
    if (shipped := shipped_recipe(name_or_path)) is not None:
        return shipped
    if os.path.isdir(path):
        message = f"is a folder; a recipe is a YAML file; {_what_of_folder(path)}"
    elif os.path.exists(path):
        return path  # a pipe, say
    else:
        hint = suggestion(path.stem, _shipped(), otherwise="`fashionbatch recipe list` shows the shipped ones")
        # A file of the user's comes first, as it does where both are there.
        alike = [path_alike(path), *(path_alike(Path(f"{path}{suffix}")) for suffix in RECIPE_SUFFIXES)]
        meant = next((one for one in alike if one is not None and one.suffix in RECIPE_SUFFIXES), None)
        hint = hint if meant is None else f"; did you mean {str(meant)!r}?"
        message = f"there is no such file, and no recipe of that name comes with fashionbatch{hint}"
    raise RecipeError([Problem(name_or_path, 0, 0, "", message)])


def _what_of_folder(path: Path) -> str:
    """Which recipe was most likely meant by a folder: that of a run or a bundle, or one that has yet to be written."""
    if (path / "recipe.yaml").is_file():
        return f"that of this run or bundle is {path / 'recipe.yaml'}"
    return f"`fashionbatch recipe new {shlex.quote(str(path))}` writes one for a folder of photos"


def _shipped() -> dict[str, Path]:
    directory = recipes_directory()
    return {path.stem: path for path in sorted(directory.rglob("*")) if path.suffix in RECIPE_SUFFIXES}


def _description(path: Path) -> str:
    """The recipe's own description; empty where it cannot be read."""
    try:
        tree, _ = read_yaml(path.read_text(encoding="utf-8"), name=str(path))
    except (RecipeError, OSError, UnicodeDecodeError):
        return ""
    node = tree.child("description")
    return node.value.strip() if node and isinstance(node.value, str) else ""
