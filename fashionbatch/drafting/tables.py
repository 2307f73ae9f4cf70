"""Which columns of a table hold paths, labels, splits and groups: by what stands in them, then by their names."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from fashionbatch import disk
from fashionbatch.csvtext import PATH_COLUMNS, CsvReader, PathFinder
from fashionbatch.drafting.asking import Ask, Question
from fashionbatch.errors import DataError
from fashionbatch.masking import mask_addresses
from fashionbatch.names import composed
from fashionbatch.specs import IMAGE_EXTENSIONS

TABLES: Final = (".csv", ".tsv")
"""Endings of tables, in lower case."""

_ROWS: Final = 5000
_PATHS: Final = 60
_FOUND: Final = 0.5
"""The share of a column's cells that are files where the column holds paths."""
_LONGEST_LABEL: Final = 80
_MOST_CLASSES: Final = 2000
_SEPARATORS: Final = ("|", ";", ",", "/")
_SPLIT_WORDS: Final = frozenset({"train", "training", "val", "valid", "validation", "test", "testing"})
_YES_OR_NO: Final = frozenset({"0", "1", "0.0", "1.0", "true", "false", "yes", "no"})
_NUMBER: Final = re.compile(r"[+-]?\d+([.,]\d+)?([eE][+-]?\d+)?")
_MEASURE: Final = re.compile(r"[+-]?\d+([.,]\d+([eE][+-]?\d+)?|[eE][+-]?\d+)")
_ADDRESS: Final = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_LABEL_NAMES: Final = (
    *("label", "labels", "class", "category", "tag", "tags", "articletype", "type", "kind", "target"),
    *("subcategory", "product", "name", "species", "breed"),
)
"""What columns of labels are called, the likeliest first; without `id` and `name` at their ends."""
_SURE_NAMES: Final = ("label", "labels", "class", "category", "target")
_GROUP_NAME: Final = re.compile(
    r"(product|group|item|sku|article|garment|model|object|user|person|patient|session|family|listing|style)"
    r"s?([ _-]?(id|no|nr|number|code|key))?|sku|gtin|ean"
)


@dataclass(frozen=True)
class Columns:
    """What the columns of a table were taken for.

    Attributes:
        parameters: of the dataset `csv_manifest`, without its `path`.
        root: the folder that image paths are relative to.
        said: what was taken for what, sentences for the user.
    """

    parameters: dict[str, Any]
    root: Path
    said: tuple[str, ...]


@dataclass(frozen=True)
class _Table:
    path: Path
    columns: dict[str, list[str]]

    def filled(self, name: str) -> list[str]:
        return [cell for cell in self.columns[name] if cell]


def guess_columns(path: Path, folder: Path, ask: Ask) -> Columns | None:
    """What the columns of a table are; None where none of them names images.

    Args:
        path: the table.
        folder: where the photos are looked for, beside the table's own folder.
        ask: chooses among several columns of labels.

    Raises:
        DataError: the table cannot be read, or has images and no labels.
    """
    table = _read(path)
    if _row_for_names(table) is not None:
        return None
    found = _find_paths(table, folder)
    if found is None:
        return None
    path_column, root = found
    parameters: dict[str, Any] = (
        {} if path_column.lower() == _usual_path(table.columns) else {"path_column": path_column}
    )
    said = [f"the paths stand in the column {path_column!r}"]
    rest = [name for name in table.columns if name != path_column]
    split = next((name for name in rest if _is_split(table.filled(name))), None)
    if split is not None:
        rest.remove(split)
        said.append(f"the splits stand in the column {split!r}")
        if split.lower() != "split":
            parameters["split_column"] = split
    elif "split" in (name.lower() for name in rest):
        parameters["split_column"] = None
    labels, words = _label_parameters(table, rest, ask)
    parameters |= labels
    said.append(words)
    taken = {parameters.get("label_column"), *parameters.get("label_columns", ())}
    group = next((name for name in rest if name not in taken and _is_group(name, table)), None)
    if group is not None:
        said.append(f"images with one {group!r} stay on one side of the split")
        if group.lower() != "group":
            parameters["group_column"] = group
    return Columns(parameters, root, tuple(said))


def why_not(path: Path) -> DataError | None:
    """Why a table of which `guess_columns` knows nothing is none of labels; None where it does not seem to be meant so.

    Args:
        path: the table.

    Raises:
        DataError: the table cannot be read.
    """
    table = _read(path)
    shown = os.fspath(path)
    first = _row_for_names(table)
    if first is not None:
        return DataError(
            f"{shown!r} begins with a photo, {first!r}, and not with the names of its columns",
            hint="put a line such as path,label before all others",
        )
    usual = _usual_path(table.columns)
    for name in table.columns:
        cells = table.filled(name)
        if not cells:
            if name.lower() == usual:
                return DataError(f"{shown!r} has names of columns and no line below them")
            continue
        if name.lower() != usual and not _is_image_name(cells[0]):
            continue
        address = next(filter(_ADDRESS.match, cells), None)
        if address is not None:
            return DataError(
                f"{shown!r} names photos by addresses in its column {name!r}, such as {mask_addresses(address)!r}, and "
                "those of this machine alone are looked at",
                hint="`csv_manifest` reads them: write a recipe for it, or fetch them by `fashionbatch data collect`",
            )
        return DataError(
            f"{shown!r} names photos in its column {name!r} that are not here, such as {cells[0]!r}",
            hint="write paths that begin where the table lies, or put the photos beside it",
        )
    return None


def _row_for_names(table: _Table) -> str | None:
    """The photo in the line that should name the columns; None where it names columns."""
    return next((name for name in table.columns if _is_image_name(name)), None)


def _is_image_name(cell: str) -> bool:
    return os.path.splitext(cell)[1].lower() in IMAGE_EXTENSIONS


def _read(path: Path) -> _Table:
    with disk.open_regular(path) as file:
        reader = CsvReader(path, file, option="`encoding`")
        names = [composed(name.strip()) for name in reader.header]
        rows = list(islice(iter(reader), _ROWS))
    return _Table(path, {name: [row[index].strip() for row in rows] for index, name in enumerate(names) if name})


def _usual_path(names: Iterable[str]) -> str | None:
    """The column that the dataset takes by itself."""
    lower = {name.lower() for name in names}
    return next((name for name in PATH_COLUMNS if name in lower), None)


def _find_paths(table: _Table, folder: Path) -> tuple[str, Path] | None:
    """The column of paths, and the folder that they are relative to."""
    best: tuple[float, str, Path] | None = None
    for root in _roots(table.path, folder):
        for name in table.columns:
            cells = table.filled(name)
            cells = cells[:: max(1, len(cells) // _PATHS)][:_PATHS]
            finder = PathFinder(os.fspath(root), IMAGE_EXTENSIONS)
            share = sum(_is_image(finder, cell) for cell in cells) / len(cells) if cells else 0.0
            if share >= _FOUND and (best is None or share > best[0]):
                best = share, name, root
    return None if best is None else best[1:]


def _is_image(finder: PathFinder, cell: str) -> bool:
    found = finder.find(cell)
    return found is not None and os.path.isfile(os.path.join(finder.root, found))


def _roots(table: Path, folder: Path) -> Iterator[Path]:
    places = [table.parent, folder]
    for place in dict.fromkeys(places):
        yield place
    for place in dict.fromkeys(places):
        with os.scandir(place) as entries:
            yield from sorted(Path(entry) for entry in entries if entry.is_dir() and not entry.name.startswith("."))


def _is_split(cells: Sequence[str]) -> bool:
    words = {cell.lower() for cell in cells}
    return bool(words) and words <= _SPLIT_WORDS and bool(words & {"train", "training"})


def _label_parameters(table: _Table, names: Sequence[str], ask: Ask) -> tuple[dict[str, Any], str]:
    """The parameters that say where labels stand, and the same in words."""
    marks = [name for name in names if _is_mark(table.filled(name))]
    columns = sorted(
        (
            name
            for name in names
            if name not in marks and _may_be_labels(table.filled(name), numbers=_is_called_so(name))
        ),
        key=lambda name: (_rank(name), names.index(name)),
    )
    if not columns and len(marks) > 1:
        return {"label_columns": marks}, f"each of the columns {_listed(marks)} is a label, with 0 and 1"
    columns = columns or marks
    only = next((name for name in names if _is_called_so(name) and len(set(table.filled(name))) == 1), None)
    if not columns and only is not None:
        raise DataError(
            f"{table.path} holds one class, {table.filled(only)[0]!r}, and nothing to tell it from",
            hint=f"add photos of another class, with its name in the column {only!r}",
        )
    if not columns:
        raise DataError(
            f"{table.path} names images, but none of its columns looks like labels: {', '.join(names) or 'none'}",
            hint="add a column `label` with one class on each line, or `labels` with several, joined by `|`",
        )
    chosen = 0
    if len(columns) > 1 and _rank(columns[0]) == _rank(columns[1]):
        chosen = ask(Question(f"Which column of {table.path.name} holds the labels?", tuple(columns)))
    name = columns[chosen]
    parameters: dict[str, Any] = {"label_column": name}
    separator = _separator(table.filled(name))
    if separator is None:
        if name.lower() == "labels":
            parameters["several"] = False
        return parameters, f"the labels stand in the column {name!r}, one on each line"
    return parameters | {"several": True, "separator": separator}, (
        f"the labels stand in the column {name!r}, several in a cell, parted by {separator!r}"
    )


def _rank(name: str) -> int:
    """How much a column's name speaks for labels; less is more."""
    plain = re.sub(r"[^a-z]", "", name.lower())
    plain = plain.removesuffix("name").removesuffix("id") or plain
    return _LABEL_NAMES.index(plain) if plain in _LABEL_NAMES else len(_LABEL_NAMES)


def _is_called_so(name: str) -> bool:
    """Whether a column is called as columns of classes are, so that numbers in it are classes and no measures."""
    return _rank(name) in map(_LABEL_NAMES.index, _SURE_NAMES)


def _is_mark(cells: Sequence[str]) -> bool:
    return bool(cells) and {cell.lower() for cell in cells} <= _YES_OR_NO


def _may_be_labels(cells: Sequence[str], *, numbers: bool) -> bool:
    """Whether cells repeat as labels do, and are neither measures nor sentences.

    Args:
        cells: of a column, without empty ones.
        numbers: whether whole numbers may be labels, as numbers of classes are.
    """
    different = len(set(cells))
    if different < 2 or different > _MOST_CLASSES or max(map(len, cells)) > _LONGEST_LABEL:
        return False
    repeated = 2 * different <= len(cells) or _separator(cells) is not None
    return repeated and not all((_MEASURE if numbers else _NUMBER).fullmatch(cell) for cell in cells)


def _separator(cells: Sequence[str]) -> str | None:
    """What parts several labels in a cell: the parts then stand in other cells, too."""
    for separator in _SEPARATORS:
        joined = [cell for cell in cells if separator in cell]
        if not joined:
            continue
        parts = Counter(part.strip() for cell in cells for part in cell.split(separator))
        of_joined = {part.strip() for cell in joined for part in cell.split(separator)}
        if all(of_joined) and all(parts[part] > 1 for part in of_joined) and len(parts) < len(set(cells)) + 2:
            return separator
    return None


def _is_group(name: str, table: _Table) -> bool:
    """Whether images that share a value of the column belong together, such as photos of one product."""
    cells = table.filled(name)
    different = len(set(cells))
    if not _GROUP_NAME.fullmatch(name.lower()) or different < 2:
        return False
    return name.lower() == "group" or (different < len(cells) and different * 20 > len(cells))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:6])) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
