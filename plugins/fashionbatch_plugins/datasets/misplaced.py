"""Paths that name a folder beside the one that is meant: one too high, or one split of several."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fashionbatch.errors import DataError
from fashionbatch.specs import Split

_SHOWN = 5


@dataclass(frozen=True)
class Sight:
    """What a dataset sees in a folder.

    Attributes:
        folders: the folders in it, by name.
        images: how many images lie in it, not deeper.
        split_of: the split that a folder's name stands for; None for none.
    """

    folders: Callable[[Path], Sequence[Path]]
    images: Callable[[Path], int]
    split_of: Callable[[str], Split | None]


def refuse_folder_too_high(path: str, tops: Sequence[Path], sight: Sight) -> None:
    """Refuse a folder that holds nothing but one folder, in which the class folders lie.

    Args:
        path: as the recipe has it.
        tops: the folders that should hold class folders: the path's own, or one for each split.
        sight: what is in a folder.

    Raises:
        DataError: there would be one class; the message names the path to use.
    """
    inside = [_inside(top, sight) for top in tops]
    found = next((one for one in inside if one is not None), None)
    if found is None or None in inside:
        return
    top, classes = tops[0], found
    only = sight.folders(top)[0].name
    listed = _listed(folder.name for folder in sight.folders(classes))
    if len(tops) > 1:
        raise DataError(
            f"{str(top)!r} holds one folder, {only!r}, and no other split holds more: in it lie {listed}",
            hint=f"move the folders out of {only!r}, so that those of the classes stand right below the splits",
        )
    raise DataError(
        f"{path!r} holds one folder, {only!r}, and in it lie {listed}: the path is one folder too high",
        hint=f"write `path: {os.path.join(path, classes.relative_to(top))}`",
    )


def refuse_folder_too_low(path: str, root: Path, sight: Sight) -> None:
    """Refuse the folder of one class, beside which those of the others lie.

    Args:
        path: as the recipe has it.
        root: the folder.
        sight: what is in a folder.

    Raises:
        DataError: images lie in it, no folder does, and beside it are folders of images.
    """
    if sight.folders(root) or not sight.images(root):
        return
    here = Path(os.path.abspath(root))
    beside = [folder.name for folder in sight.folders(here.parent) if folder != here and sight.images(folder)]
    if beside:
        raise DataError(
            f"{str(root)!r} holds images but no folders; beside it lies {_listed(beside)}",
            hint=f"make a folder for each class in it; if these are the classes, give the one above: {_above(path)}",
        )


def notes_on_place(path: str, root: Path, tops: Sequence[tuple[Path, Split | None]], sight: Sight) -> Iterator[str]:
    """What is told where a path may be meant as it is, but most likely is not.

    Args:
        path: as the recipe has it.
        root: the folder.
        tops: the folders that hold class folders, each with its split.
        sight: what is in a folder.
    """
    here = Path(os.path.abspath(root))
    # The other splits are given alone to be judged by; only training needs several.
    split = sight.split_of(here.name)
    if split == "train" and all(named is None for _, named in tops):
        beside = [
            folder.name for folder in sight.folders(here.parent) if sight.split_of(folder.name) not in {None, split}
        ]
        if beside:
            yield (
                f"{path!r} is one split of several: beside it lies {_listed(beside)}; "
                f"`path: {_above(path)}` takes them as splits"
            )
    if all(named is None for _, named in tops):
        classes = sight.folders(root)
        parted = [folder for folder in classes if _is_parted(folder, sight)]
        if parted and len(parted) == len(classes):
            inner = _listed(folder.name for folder in sight.folders(parted[0]))
            yield (
                f"each class folder of {path!r} holds {inner}, which are not taken for splits: "
                "splits stand above the classes"
            )


def _inside(top: Path, sight: Sight) -> Path | None:
    """The folder below a single one that holds several; None where it is otherwise."""
    folders = sight.folders(top)
    if len(folders) != 1:
        return None
    while len(folders) == 1:
        only = folders[0]
        if sight.images(only):
            return None
        folders = sight.folders(only)
    return only if len(folders) > 1 else None


def _is_parted(folder: Path, sight: Sight) -> bool:
    splits = [sight.split_of(inner.name) for inner in sight.folders(folder)]
    return "train" in splits and len(splits) > 1 and None not in splits


def _above(path: str) -> str:
    text = path.rstrip("/")
    return os.path.join(text, "..") if os.path.basename(text) in {"", ".", ".."} else os.path.dirname(text) or "."


def _listed(names: Iterator[str] | Sequence[str]) -> str:
    every = list(names)
    return ", ".join(every[:_SHOWN]) + (f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else "")
