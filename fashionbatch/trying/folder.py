"""What a try has to know of labeled photos before it chooses networks: what `recipe new` finds out about them."""

from __future__ import annotations

import os
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fashionbatch import disk
from fashionbatch.data.originals import originals_of
from fashionbatch.drafting.run import draft_recipe
from fashionbatch.errors import DataError, FashionBatchError, ImageError
from fashionbatch.images import view_image
from fashionbatch.progress import OpenBar, no_bar
from fashionbatch.recipe.load import parse_recipe
from fashionbatch.registry import Registry
from fashionbatch.specs import Samples

_LOOKED_AT = 16
"""Photos of which the size is looked at."""
_LARGEST_SIDE = 256
"""Larger photos need not be told apart by their size."""


@dataclass(frozen=True)
class PhotoFolder:
    """Labeled photos as recipes name them.

    Attributes:
        name: what recipes and results are called.
        source: `data.source` of a recipe.
        image: `data.image` of a recipe, whose size each network replaces by its own.
        head: the head that fits the labels, with its parameters.
        photo_side: the longer side of a typical photo in pixels, at most 256.
        split: `data.split` of a recipe; empty leaves everything to its defaults.
        said: how the photos were understood, sentences.
        class_weight: `training.class_weight` of a recipe; None leaves it out.
        table: a table of labels that has to lie beside the recipe, and its text; None where none has to.
    """

    name: str
    source: Mapping[str, Any]
    image: Mapping[str, Any]
    head: Mapping[str, Any]
    photo_side: int
    split: Mapping[str, Any] = field(default_factory=dict)
    said: tuple[str, ...] = ()
    class_weight: str | None = None
    table: tuple[Path, str] | None = None


def look_at_folder(place: Path, recipe: Path, registry: Registry, bar: OpenBar = no_bar) -> PhotoFolder:
    """Find out how labeled photos are laid out, as `recipe new` does without asking anything.

    Args:
        place: the folder, or a table of photos.
        recipe: where the recipe of the best will stand, which its paths are relative to; its folder is made.
        registry: the components.
        bar: shows how far it is.

    Raises:
        DataError: there are no labeled photos, or they cannot be split.
        OutputError: the folder cannot be made.
    """
    is_new = not recipe.parent.exists()
    with disk.output_errors(recipe.parent):
        # Paths of the recipe go through it, and lead nowhere before it is there.
        disk.make_directory(recipe.parent)
    try:
        draft = draft_recipe(place, registry, output=recipe, bar=bar)
    except FashionBatchError:
        if is_new:
            disk.remove_tree(recipe.parent)
        raise
    tree = parse_recipe(draft.text, name="the draft", base=recipe.absolute().parent).data
    data, layout = tree["data"], draft.choice.layout
    return PhotoFolder(
        name=Path(os.path.abspath(place)).stem or "photos",
        source=data["source"],
        image=data["image"],
        head=tree["head"],
        photo_side=typical_side(layout.samples),
        split=data.get("split", {}),
        said=(*layout.said, *draft.choice.said),
        class_weight=tree["training"].get("class_weight"),
        table=draft.table,
    )


def typical_side(samples: Samples) -> int:
    """The longer side of a typical photo in pixels, at most 256: the median of some of them.

    Raises:
        DataError: none of those that were looked at can be read.
    """
    chosen = [round(place) for place in _places(len(samples))]
    originals = originals_of(samples, chosen)
    sides, reasons = [], []
    for position in range(len(originals)):
        try:
            stored = originals.fetch(position)
            shown = view_image(stored, _LARGEST_SIDE) if isinstance(stored, bytes) else stored
        except ImageError as error:
            reasons.append(error.message)
            continue
        sides.append(max(shown.shape[:2]))
    if not sides:
        raise DataError(f"none of {len(chosen)} photos that were looked at can be read: {reasons[0]}")
    return int(statistics.median(sides))


def _places(count: int) -> list[float]:
    """Positions that are spread evenly over so many photos."""
    looked_at = min(count, _LOOKED_AT)
    return [number * (count - 1) / max(1, looked_at - 1) for number in range(looked_at)]
