"""Which labeled images a bundle is judged by: a folder, a recipe's data, or those that it was trained with."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fashionbatch.api.settings import as_data
from fashionbatch.errors import DataError, RecipeError

if TYPE_CHECKING:
    from fashionbatch.bundle.open import Bundle
    from fashionbatch.evaluation.truth import Truth
    from fashionbatch.plan import Plan
    from fashionbatch.progress import OpenBar
    from fashionbatch.registry import Registry
    from fashionbatch.specs import Split

_RECIPE_ENDINGS = (".yaml", ".yml")


class SplitWithoutRecipeError(DataError):
    """A split is asked for, and no recipe says how the data are split."""


def find_truth(
    bundle: Bundle, data: str | None, split: Split | None, registry: Registry, *, as_text: bool, bar: OpenBar
) -> tuple[Truth, Path | None]:
    """What a bundle is judged by, and the folder that names are relative to.

    Args:
        bundle: the opened bundle.
        data: a folder of labeled images, or a recipe whose data to take; None for the data that it was trained with.
        split: which part of a recipe's data; None takes the test split, else that of validation; of a folder, all.
        registry: the components that recipes can name.
        as_text: whether labels that are only written otherwise are right, such as 1.0 for 1.
        bar: shows how far unpacking an archive is.

    Raises:
        DataError: there are no such data.
        RecipeError: the recipe cannot be used.
        SplitWithoutRecipeError: a split is asked for, and no recipe says how the data are split.
    """
    from fashionbatch.evaluation.truth import truth_of_folder, truth_of_split
    from fashionbatch.plan import load_plan

    if data is not None and is_recipe(data):
        return truth_of_split(load_plan(data, registry), bundle.manifest, split, as_text=as_text, bar=bar), None
    if data is None:
        plan = plan_of(bundle, registry)
        if plan is None:
            raise DataError(
                f"{bundle.path}: the bundle has no recipe that says what data it was trained with",
                hint="give a folder of labeled images, or a recipe, with --data",
            )
        with hinted("if the data lie somewhere else now, give the place with --data PATH --split test"):
            return truth_of_split(plan, bundle.manifest, split, as_text=as_text, bar=bar), None
    path = as_data(data, bar=bar) or Path(data)
    root = path if path.is_dir() else None
    plan = usable_plan_of(bundle, registry)
    if split is None:
        return truth_of_folder(path, bundle.manifest, registry, plan, as_text=as_text, bar=bar), root
    if plan is None:
        raise SplitWithoutRecipeError("--split needs a recipe that says how the data are split; give one with --data")
    with hinted("without --split all labeled images there are judged"):
        return truth_of_split(plan, bundle.manifest, split, data_path=path, as_text=as_text, bar=bar), root


def is_recipe(data: str) -> bool:
    """Whether `data` names a recipe, and not a folder or file of images."""
    from fashionbatch.recipe.find import shipped_recipe

    if os.path.exists(data):
        return data.lower().endswith(_RECIPE_ENDINGS) and not os.path.isdir(data)
    return data.lower().endswith(_RECIPE_ENDINGS) or shipped_recipe(data) is not None


def plan_of(bundle: Bundle, registry: Registry) -> Plan | None:
    """The recipe that a bundle was trained by; None for an imported one."""
    from fashionbatch.plan import plan_from_text

    text = bundle.recipe_text()
    # Where the recipe lay is not part of a bundle: its relative paths are looked for where the user stands.
    return None if text is None else plan_from_text(text, registry, Path.cwd(), name=str(bundle.recipe))


def usable_plan_of(bundle: Bundle, registry: Registry) -> Plan | None:
    """The same, and None where it cannot be used here."""
    # A plugin that the recipe needs may be missing here; a folder of images can be read all the same.
    try:
        return plan_of(bundle, registry)
    except RecipeError:
        return None


@contextmanager
def hinted(text: str) -> Iterator[None]:
    """Add a hint to what is wrong with data."""
    try:
        yield
    except DataError as error:
        raise type(error)(error.message, hint=f"{error.hint}; {text}" if error.hint else text) from error


def labels_of_folders(plan: Plan | None) -> Callable[[str], tuple[str, ...]] | None:
    """What the names of folders say, as the dataset of the bundle's recipe reads them; None where it does not say."""
    if plan is None or plan.source.spec.labels_of_folder is None:
        return None
    return partial(plan.source.spec.labels_of_folder, plan.source.parameters)
