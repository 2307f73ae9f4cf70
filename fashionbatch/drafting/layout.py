"""How the data are laid out: class folders, splits, a table, or names of files; and which dataset plugin reads that."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from fashionbatch.data.prepare import load_samples
from fashionbatch.drafting.asking import Ask, Question
from fashionbatch.drafting.names import Attributes, attributes_of, labels_in_file_names
from fashionbatch.drafting.tables import TABLES, guess_columns, why_not
from fashionbatch.errors import DataError
from fashionbatch.labels.sidecar import sidecar_path
from fashionbatch.left_behind import PROVENANCE
from fashionbatch.names import path_alike
from fashionbatch.plan import plan_from_text
from fashionbatch.recipe.dump import to_yaml
from fashionbatch.registry import Registry
from fashionbatch.specs import IMAGE_EXTENSIONS, Samples, is_left_behind

_SPLIT_LIKE: Final = re.compile(
    r"(train|training|val|valid|validation|test|testing|dev|eval|evaluation|holdout)([ _-]?(set|data|images))?",
    re.IGNORECASE,
)
_EACH_A_CLASS: Final = "each folder is a class"
_GIVEN: Final = "these labels are those that a network gave, as far as nobody has corrected them"
_WANTED: Final = (
    "make a folder for each class and put its photos there, such as photos/dress/1.jpg; or write a table labels.csv "
    "with the columns path and label beside them"
)


@dataclass(frozen=True)
class Layout:
    """How the data are read.

    Attributes:
        source: the dataset and its parameters, as a recipe has them.
        samples: what it gives.
        said: how the place was understood, sentences without full stops.
        attributes: what names of folders are made of, where they stand for several labels.
        table: lines of path and label that have to be written beside the recipe, since no plugin reads labels in names
            of files; empty where nothing has to be.
    """

    source: Mapping[str, Any]
    samples: Samples
    said: tuple[str, ...] = ()
    attributes: Attributes | None = None
    table: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class _Place:
    """What lies in a folder; hidden files and what systems leave behind are not there for us."""

    folder: Path
    folders: list[Path] = field(default_factory=list)
    images: list[Path] = field(default_factory=list)
    tables: list[Path] = field(default_factory=list)


@dataclass(frozen=True)
class Reader:
    """Reads data by the dataset plugins.

    Attributes:
        base: the folder of the recipe, which its paths are relative to.
        registry: where the plugins are.
        ask: what the user is asked by.
    """

    base: Path
    registry: Registry
    ask: Ask

    def path_of(self, place: Path) -> str:
        """A place as the recipe writes it."""
        text = os.path.relpath(place, self.base)
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise DataError(
                f"{text!r} is a name that is no UTF-8, which no recipe can hold", hint="rename it"
            ) from error
        return text

    def load(self, source: Mapping[str, Any]) -> Samples:
        """What a dataset plugin finds.

        Raises:
            DataError: as the plugin says.
        """
        recipe = {
            "version": 1,
            "name": "draft",
            "data": {"source": dict(source), "image": {"size": [32, 32]}},
            "architecture": "cnn",
        }
        return load_samples(plan_from_text(to_yaml(recipe), self.registry, self.base))


def read_layout(place: Path, reader: Reader) -> Layout:
    """Find out how the data in a folder, or in a table, are laid out.

    Args:
        place: a folder or a table; absolute.
        reader: reads the data.

    Raises:
        DataError: there is nothing that can be read, or no labels.
    """
    if not place.exists():
        meant = path_alike(place)
        hint = _WANTED if meant is None else f"did you mean {os.fspath(meant)!r}?"
        raise DataError(f"there is nothing at {os.fspath(place)!r}", hint=hint)
    if not place.is_dir():
        if place.suffix.lower() not in TABLES:
            raise DataError(f"{os.fspath(place)!r} is neither a folder nor a table", hint=_WANTED)
        found = _by_table(place, place.parent, reader)
        if found is None:
            raise why_not(place) or DataError(f"no column of {os.fspath(place)!r} names images that are here")
        if _is_of_classify(place):
            return replace(found, said=(*found.said, _GIVEN))
        return found
    here, said = _step_in(_look(place))
    layout = _of_folder(here, reader)
    return replace(layout, said=(*said, *layout.said))


def _look(folder: Path) -> _Place:
    found = _Place(folder)
    try:
        with os.scandir(folder) as entries:
            seen = sorted((entry for entry in entries if not is_left_behind(entry.name)), key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(f"{os.fspath(folder)!r} cannot be read: {error.strerror}") from error
    for entry in seen:
        ending = os.path.splitext(entry.name)[1].lower()
        if entry.is_dir():
            found.folders.append(Path(entry))
        elif ending in IMAGE_EXTENSIONS:
            found.images.append(Path(entry))
        elif ending in TABLES and entry.name != PROVENANCE and not _is_of_classify(Path(entry)):
            found.tables.append(Path(entry))
    return found


def _is_of_classify(table: Path) -> bool:
    """Whether `classify` wrote the table: a network's labels are no truth, unless the user names the table."""
    return os.path.lexists(sidecar_path(table))


def _step_in(place: _Place) -> tuple[_Place, list[str]]:
    """Through folders that hold nothing but one other folder, as archives have them."""
    said = []
    while len(place.folders) == 1 and not place.images and not place.tables:
        inside = _look(place.folders[0])
        # A single folder of photos alone is a class without others.
        if not inside.folders and not inside.tables:
            break
        said.append(f"{place.folder.name!r} holds nothing but {inside.folder.name!r}, which is taken in its place")
        place = inside
    return place, said


def _of_folder(here: _Place, reader: Reader) -> Layout:
    """The class folders, a table, or the names of files; the user is asked where several of them say labels."""
    by_folders, no_classes = _by_folders(here, reader)
    tables = [found for table in here.tables if (found := _by_table(table, here.folder, reader)) is not None]
    if by_folders is not None and tables:
        answers = (f"the class folders: {_counted(by_folders.samples)}", *map(_table_words, tables))
        question = Question(f"{here.folder.name!r} holds class folders and a table. Which says the labels?", answers)
        return (by_folders, *tables)[reader.ask(question)]
    if by_folders is not None:
        return by_folders
    if not tables and (here.images or here.folders):
        beside = _look(here.folder.parent).tables
        tables = [found for table in beside if (found := _by_table(table, here.folder, reader)) is not None]
    if len(tables) > 1:
        question = Question("Which table says the labels?", tuple(map(_table_words, tables)))
        return tables[reader.ask(question)]
    if tables:
        return tables[0]
    meant = next((error for table in here.tables if (error := why_not(table)) is not None), None)
    if meant is not None:
        raise meant
    if here.images and not here.folders:
        return _by_file_names(here, reader)
    if no_classes is not None:
        raise no_classes
    raise DataError(f"{os.fspath(here.folder)!r} holds no photos", hint=_WANTED)


def _by_folders(here: _Place, reader: Reader) -> tuple[Layout | None, DataError | None]:
    """The folders as classes, or splits of them; or why they are not."""
    if not here.folders:
        return None, None
    source: dict[str, Any] = {"name": "image_folder", "path": reader.path_of(here.folder)}
    said: list[str] = []
    try:
        samples = _load_folders(source, here, reader, said)
    except DataError as error:
        return None, error
    if len(samples.class_names) < 2:
        only = samples.class_names[0] if samples.class_names else "none"
        return None, DataError(
            f"{os.fspath(here.folder)!r} holds one class, {only!r}, and nothing to tell it from", hint=_WANTED
        )
    like_splits = [name for name in samples.class_names if _SPLIT_LIKE.fullmatch(name)]
    if len(like_splits) > 1 or any(name.lower().startswith("train") for name in like_splits):
        return None, DataError(
            f"{os.fspath(here.folder)!r} holds folders that are called as splits are: {', '.join(like_splits)}",
            hint="splits are called train, validation and test, and hold a folder for each class",
        )
    named = sorted({split for split in samples.splits or () if split}, key=["train", "validation", "test"].index)
    said.append(f"{_EACH_A_CLASS}, below the splits {', '.join(named)}" if named else _EACH_A_CLASS)
    layout = Layout(source, samples, tuple(said))
    attributes = attributes_of(samples.class_names)
    return (layout if attributes is None else _perhaps_several(layout, attributes, reader)), None


def _load_folders(source: dict[str, Any], here: _Place, reader: Reader, said: list[str]) -> Samples:
    """The class folders; without empty ones, and without what stands beside splits."""
    try:
        return reader.load(source)
    except DataError as error:
        empty = _empty_folders(here)
        named = [folder for folder in here.folders if _SPLIT_LIKE.fullmatch(folder.name)]
        others = [folder.name for folder in here.folders if folder not in named]
        if empty:
            source["exclude"] = empty
            said.append(f"left out, since no file is in them: {', '.join(empty)}")
        elif len(named) > 1 and others:
            source["split_folders"] = True
            said.append(f"left out beside the splits: {', '.join(others)}")
        else:
            raise
        try:
            return reader.load(source)
        except DataError:
            raise error from None


def _empty_folders(here: _Place) -> list[str]:
    """Class folders, or those in splits, in which there is no file at any depth."""
    inner = [folder for top in here.folders for folder in _look(top).folders]
    names: dict[str, bool] = {}
    for folder in [*here.folders, *inner]:
        has_files = any(files for _, _, files in os.walk(folder))
        names[folder.name] = names.get(folder.name, False) or has_files
    return sorted(name for name, has_files in names.items() if not has_files)


def _perhaps_several(layout: Layout, attributes: Attributes, reader: Reader) -> Layout:
    """Names such as `red_dress`: a colour and a type, or classes that happen to be called so."""
    groups = "; ".join(f"{name}: {', '.join(labels)}" for name, labels in attributes.groups.items())
    question = Question(
        f"Names such as {layout.samples.class_names[0]!r}: one label each, or several?",
        (f"several labels ({groups})", f"one label each ({len(layout.samples.class_names)} classes)"),
    )
    if reader.ask(question) != 0:
        return layout
    source = {**layout.source, "name": "multilabel_folder", "separator": attributes.separator}
    said = f"names of folders hold several labels, parted by {attributes.separator!r}"
    earlier = tuple(sentence for sentence in layout.said if not sentence.startswith(_EACH_A_CLASS))
    return Layout(source, reader.load(source), (*earlier, said), attributes)


def _by_table(table: Path, folder: Path, reader: Reader) -> Layout | None:
    columns = guess_columns(table, folder, reader.ask)
    if columns is None:
        return None
    source: dict[str, Any] = {"name": "csv_manifest", "path": reader.path_of(table)}
    if columns.root != table.parent:
        source["root"] = reader.path_of(columns.root)
    source |= columns.parameters
    return Layout(source, reader.load(source), (f"the table {table.name!r} says the labels", *columns.said))


def _by_file_names(here: _Place, reader: Reader) -> Layout:
    labels = labels_in_file_names([path.stem for path in here.images])
    if labels is None:
        raise DataError(
            f"{os.fspath(here.folder)!r} holds {len(here.images):,} photos and nothing that says what is in them",
            hint=_WANTED,
        )
    names = [reader.path_of(path) for path in here.images]
    classes = tuple(sorted(set(labels)))
    samples = Samples(images=here.images, labels=[(label,) for label in labels], class_names=classes)
    said = f"the names of the files hold the labels, such as {here.images[0].name!r} for {labels[0]!r}"
    rows = tuple((os.path.basename(name), label) for name, label in zip(names, labels, strict=True))
    source = {"name": "csv_manifest", "root": reader.path_of(here.folder)}
    return Layout(source, samples, (said,), table=rows)


def _table_words(layout: Layout) -> str:
    return f"{layout.source['path']}: {_counted(layout.samples)}"


def _counted(samples: Samples) -> str:
    return f"{len(samples):,} photos of {len(samples.class_names)} classes"


def counts_by_class(samples: Samples, positions: Sequence[int] | None = None) -> dict[str, int]:
    """How many images each class has.

    Args:
        samples: the source.
        positions: of the images that count; all of them where omitted.
    """
    counts = dict.fromkeys(samples.class_names, 0)
    for position in range(len(samples)) if positions is None else positions:
        for label in samples.labels[position]:
            counts[label] += 1
    return counts
