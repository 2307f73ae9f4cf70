"""Folders of images: the folder's name says what is in them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pydantic import Field, field_validator

from fashionbatch.errors import DataError
from fashionbatch.specs import (
    IMAGE_EXTENSIONS,
    DatasetContext,
    Parameters,
    Samples,
    Split,
    alike,
    composed,
    is_left_behind,
)
from fashionbatch_plugins.datasets.misplaced import Sight, notes_on_place, refuse_folder_too_high, refuse_folder_too_low

_SPLIT_NAME: Final = re.compile(r"(train|training)|(val|valid|validation)|(test|testing)", re.IGNORECASE)
_SPLIT_ENDING: Final = re.compile(r"[ _-]?(set|data|images)$", re.IGNORECASE)
_READERS: Final = {".csv": "csv_manifest", ".tsv": "csv_manifest", ".npz": "npz"}
_NOT_AN_IMAGE: Final = "not the name of an image file"
_NO_FOLDERS: Final = "make a folder for each class and put its images there"


class _Folders(Parameters):
    path: str = Field(description="The folder that holds the class folders; data:NAME looks in FASHIONBATCH_DATA_DIR.")
    classes: tuple[str, ...] | None = Field(
        None, min_length=1, description="The class folders to use; all of them where omitted."
    )
    exclude: tuple[str, ...] = Field((), description="Class folders to leave out.")
    split_folders: bool | None = Field(
        None,
        description="Whether folders such as train, validation_set and test stand above the class folders; "
        "where omitted, they are recognised if no other folder stands beside them.",
    )

    @field_validator("classes", "exclude")
    @classmethod
    def _as_class_names(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return None if names is None else tuple(map(composed, names))


class ImageFolder(_Folders):
    """A folder for each class; images may lie deeper inside it."""


class MultilabelFolder(_Folders):
    """A folder for each combination of labels; images may lie deeper inside it."""

    separator: str = Field("_", min_length=1, description="What stands between the labels in a folder's name.")


def load_image_folder(parameters: ImageFolder, context: DatasetContext) -> Samples:
    """The images below a folder; each class is a folder's name."""
    return _load(parameters, context, lambda name: (name,))


def labels_of_folder(parameters: MultilabelFolder, name: str) -> tuple[str, ...]:
    """The parts of a folder's name, each once; none of a name that is nothing but separators."""
    return tuple(dict.fromkeys(part for part in name.split(parameters.separator) if part.strip()))


def load_multilabel_folder(parameters: MultilabelFolder, context: DatasetContext) -> Samples:
    """The images below a folder; the labels are the parts of a folder's name."""

    def split_name(name: str) -> tuple[str, ...]:
        labels = labels_of_folder(parameters, name)
        if not labels:
            raise DataError(f"the folder {name!r} names no label", hint="leave it out with `exclude`")
        return labels

    return _load(parameters, context, split_name)


@dataclass
class _Found:
    images: list[Path] = field(default_factory=list)
    labels: list[tuple[str, ...]] = field(default_factory=list)
    splits: list[Split | None] = field(default_factory=list)
    skipped: list[tuple[Path, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def _load(parameters: _Folders, context: DatasetContext, labels_of: Callable[[str], tuple[str, ...]]) -> Samples:
    root = context.locate(parameters.path)
    if not root.is_dir():
        reader = _READERS.get(root.suffix.lower())
        raise DataError(
            f"{parameters.path!r} is a file, not a folder of class folders",
            hint=f"the dataset {reader} reads it" if reader else None,
        )
    found = _Found()
    refuse_folder_too_low(parameters.path, root, _SIGHT)
    tops = _split_roots(root, parameters.split_folders, found)
    if parameters.classes is None:
        refuse_folder_too_high(parameters.path, [top for top, _ in tops], _SIGHT)
    found.notes += notes_on_place(parameters.path, root, tops, _SIGHT)
    known: set[str] = set()
    for top, split in tops:
        known |= _collect(top, split, parameters, labels_of, found)
    _check_names([*(parameters.classes or ()), *parameters.exclude], known, parameters.path)
    for group in alike(sorted(known)):
        names = " and ".join(map(repr, group))
        found.notes.append(
            f"the class folders {names} differ by case, blanks or the writing of a number alone; they stay apart"
        )
    if not found.images:
        raise DataError(f"the folders in {parameters.path!r} hold no images", hint=_endings())
    return Samples(
        images=found.images,
        labels=found.labels,
        class_names=tuple(sorted({label for labels in found.labels for label in labels})),
        splits=found.splits if any(found.splits) else None,
        skipped=found.skipped,
        notes=found.notes,
    )


def _split_roots(root: Path, wished: bool | None, found: _Found) -> list[tuple[Path, Split | None]]:
    """The folders that hold class folders, each with the split that its name stands for."""
    folders = _folders(root)
    if not folders:
        loose = sum(1 for entry in _entries(root) if _is_image(entry.name))
        what = f"holds {loose} images but no folders" if loose else "is empty"
        raise DataError(f"{str(root)!r} {what}", hint=_NO_FOLDERS)
    named = [(folder, _split_of(folder.name)) for folder in folders]
    splits = {split for _, split in named if split}
    if wished is None:
        if "train" in splits and len(splits) > 1 and not all(split for _, split in named):
            others = [folder.name for folder, split in named if not split]
            raise DataError(
                f"{str(root)!r} holds folders that look like splits, and beside them {', '.join(others[:5])}",
                hint="write `split_folders: true` to use the splits alone, or `false` if all of them are classes",
            )
        # Without a train folder `test` may well be a class.
        wished = "train" in splits and all(split for _, split in named)
    if not wished:
        return [(root, None)]
    if "train" not in splits:
        raise DataError(
            f"{str(root)!r} has no train folder; it holds {', '.join(folder.name for folder in folders[:8])}",
            hint="leave `split_folders` out if these are classes",
        )
    found.skipped.extend((folder, "not a split folder") for folder, split in named if not split)
    return [(folder, split) for folder, split in named if split]


def _split_of(folder_name: str) -> Split | None:
    match = _SPLIT_NAME.fullmatch(_SPLIT_ENDING.sub("", folder_name))
    if match is None:
        return None
    return "train" if match[1] else "validation" if match[2] else "test"


def _collect(
    top: Path,
    split: Split | None,
    parameters: _Folders,
    labels_of: Callable[[str], tuple[str, ...]],
    found: _Found,
) -> set[str]:
    """Add the images of every class folder in `top`; returns the names of all class folders."""
    folders = _folders(top)
    if not folders:
        raise DataError(f"{str(top)!r} holds no class folders", hint=_NO_FOLDERS)
    found.skipped.extend((Path(entry), "not in a class folder") for entry in _entries(top) if not _is_folder(entry))
    names = set()
    for folder in folders:
        name = _class_name(folder.name)
        names.add(name)
        if name in parameters.exclude or (parameters.classes is not None and name not in parameters.classes):
            continue
        labels = labels_of(name)
        before = len(found.images)
        for path in _walk(folder, ()):
            if _is_image(path.name):
                found.images.append(path)
            else:
                found.skipped.append((path, _NOT_AN_IMAGE))
        added = len(found.images) - before
        judged = split or _split_of(Path(os.path.abspath(top)).name)
        if not added and judged in {"validation", "test"}:
            # A class that this split lacks; leaving the folder out would take the class from training, too.
            found.notes.append(
                f"the class folder {str(folder)!r} holds no images, so {judged} has none of class {name!r}"
            )
        elif not added:
            raise DataError(
                f"the class folder {str(folder)!r} holds no images",
                hint=f"{_endings()}; or leave it out with `exclude`",
            )
        found.labels.extend([labels] * added)
        found.splits.extend([split] * added)
    return names


def _class_name(folder_name: str) -> str:
    try:
        folder_name.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataError(
            f"the class folder {folder_name!r} has a name that is no UTF-8", hint="rename it; it becomes a class"
        ) from error
    return composed(folder_name)


def _check_names(wanted: Iterable[str], known: set[str], path: str) -> None:
    for name in wanted:
        if name not in known:
            raise DataError(
                f"there is no class folder {name!r} in {path!r}", hint=f"there are: {', '.join(sorted(known)[:12])}"
            )


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What lies in a folder, by name; hidden files and what systems leave behind are not there for us."""
    try:
        with os.scandir(folder) as found:
            seen = [entry for entry in found if not is_left_behind(entry.name)]
    except OSError as error:
        raise DataError(f"{str(folder)!r} cannot be read: {error.strerror}") from error
    return sorted(seen, key=lambda entry: os.fsencode(entry.name))


def _folders(folder: Path) -> list[Path]:
    return [Path(entry) for entry in _entries(folder) if _is_folder(entry)]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # A link to itself, for one: decoding it says why it is left out.
        return False


def _walk(folder: Path, above: tuple[tuple[int, int], ...]) -> Iterator[Path]:
    """Every file below a folder, in the order of names. Links are followed, but not in circles."""
    status = folder.stat()
    here = (status.st_dev, status.st_ino)
    if here in above:
        return
    for entry in _entries(folder):
        if _is_folder(entry):
            yield from _walk(Path(entry), (*above, here))
        else:
            yield Path(entry)


def _is_image(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in IMAGE_EXTENSIONS


def _count_images(folder: Path) -> int:
    return sum(_is_image(entry.name) and not _is_folder(entry) for entry in _entries(folder))


_SIGHT: Final = Sight(_folders, _count_images, _split_of)


def _endings() -> str:
    return f"image files end in {', '.join(sorted(IMAGE_EXTENSIONS))}"
