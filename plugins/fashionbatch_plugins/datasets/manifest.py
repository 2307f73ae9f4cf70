"""A CSV file that names images and their labels."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pydantic import Field

from fashionbatch.errors import DataError
from fashionbatch.specs import DatasetContext, Parameters, Samples, Split

_SPLIT_NAMES: Final[dict[str, Split | None]] = {
    "": None,
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}


class CsvManifest(Parameters):
    """A CSV file, in UTF-8, with a header line; one image a line."""

    path: str = Field(description="The CSV file; data:NAME looks in FASHIONBATCH_DATA_DIR.")
    root: str | None = Field(
        None, description="The folder that image paths are relative to; the CSV file's own where omitted."
    )
    path_column: str = Field("path", description="The column of image paths.")
    label_column: str | None = Field(
        None, description="The column of labels; `labels` (several an image) or else `label` where omitted."
    )
    separator: str = Field("|", min_length=1, description="What stands between the labels in a `labels` column.")
    several: bool | None = Field(
        None, description="Whether a cell may hold several labels; where omitted, only a column `labels` does."
    )
    split_column: str | None = Field(
        "split", description="The column that says train, validation or test; ignored where it is not there."
    )
    classes: tuple[str, ...] | None = Field(
        None, min_length=1, description="Every class, in the order of the network's outputs; sorted where omitted."
    )
    delimiter: str = Field(",", min_length=1, max_length=1, description="What stands between cells.")


@dataclass(frozen=True)
class _Columns:
    """Where in a line things stand; every other column may group images."""

    header: list[str]
    path: int
    label: int
    several: bool
    split: int | None
    others: list[int]


@dataclass
class _Table:
    """What the lines say."""

    root: Path
    columns: _Columns
    parameters: CsvManifest
    images: list[Path] = field(default_factory=list)
    labels: list[tuple[str, ...]] = field(default_factory=list)
    splits: list[Split | None] = field(default_factory=list)
    groups: dict[str, list[str]] = field(default_factory=dict)

    def add(self, cells: list[str], where: str) -> None:
        """Take in one line; `where` is its file and number."""
        columns = self.columns
        if len(cells) != len(columns.header):
            raise DataError(
                f"{where}: {len(cells)} cells, the header has {len(columns.header)}",
                hint=f"a cell that holds {self.parameters.delimiter!r} is put in double quotes",
            )
        name = cells[columns.path]
        if not name or "\0" in name:
            raise DataError(f"{where}: there is no image path")
        self.images.append(self.root / name)
        self.labels.append(self._labels(cells[columns.label].strip(), where))
        self.splits.append(None if columns.split is None else _split(cells[columns.split], where))
        for index in columns.others:
            self.groups.setdefault(columns.header[index], []).append(cells[index])

    def _labels(self, cell: str, where: str) -> tuple[str, ...]:
        several, classes = self.columns.several, self.parameters.classes
        parts = cell.split(self.parameters.separator) if several else [cell]
        labels = tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))
        if not labels and not several:
            raise DataError(f"{where}: there is no label")
        for label in labels:
            if classes is not None and label not in classes:
                raise DataError(f"{where}: label {label!r} is not among `classes`: {', '.join(classes[:12])}")
        return labels


def _split(cell: str, where: str) -> Split | None:
    word = cell.strip().lower()
    if word not in _SPLIT_NAMES:
        raise DataError(f"{where}: split {cell!r} is none of train, validation and test")
    return _SPLIT_NAMES[word]


def load_csv_manifest(parameters: CsvManifest, context: DatasetContext) -> Samples:
    """The images and labels that a CSV file lists; columns that are nothing else can group images."""
    path = context.locate(parameters.path)
    if not path.is_file():
        raise DataError(f"{parameters.path!r} is not a file")
    root = path.parent if parameters.root is None else context.locate(parameters.root)
    lines = _read(path, parameters)
    _, header = next(lines, (1, []))
    table = _Table(root, _find_columns(header, parameters, path), parameters)
    seen: dict[Path, int] = {}
    for line, cells in lines:
        if any(cells):
            table.add(cells, f"{path}:{line}")
            first = seen.setdefault(table.images[-1], line)
            if first != line:
                raise DataError(
                    f"{path}:{line}: {cells[table.columns.path]!r} stands on line {first} already",
                    hint=f"several labels stand in one cell of a column `labels`, joined by {parameters.separator!r}",
                )
    if not table.images:
        raise DataError(f"{path} lists no images")
    used = sorted({label for labels in table.labels for label in labels})
    return Samples(
        images=table.images,
        labels=table.labels,
        class_names=parameters.classes or tuple(used),
        splits=table.splits if any(table.splits) else None,
        groups=table.groups,
    )


def _read(path: Path, parameters: CsvManifest) -> Iterator[tuple[int, list[str]]]:
    """Each record with the number of its last line."""
    try:
        # utf-8-sig: spreadsheets begin a file with a byte order mark. File names need not be UTF-8.
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            reader = csv.reader(file, delimiter=parameters.delimiter, strict=True)
            try:
                for cells in reader:
                    yield reader.line_num, cells
            except csv.Error as error:
                raise DataError(f"{path}:{reader.line_num}: {error}") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error


def _find_columns(header: Sequence[str], parameters: CsvManifest, path: Path) -> _Columns:
    names = [name.strip() for name in header]
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise DataError(f"{path}:1: two columns are called {min(repeated)!r}")

    def find(name: str) -> int:
        if name not in names:
            hint = f"the header is: {', '.join(names)}"
            raise DataError(f"{path}:1: there is no column {name!r}", hint=hint)
        return names.index(name)

    label_name = parameters.label_column or ("labels" if "labels" in names else "label")
    several = label_name == "labels" if parameters.several is None else parameters.several
    split = names.index(parameters.split_column) if parameters.split_column in names else None
    if split is None and parameters.split_column not in {None, "split"}:
        find(str(parameters.split_column))
    taken = {find(parameters.path_column), find(label_name), split}
    others = [index for index, name in enumerate(names) if index not in taken and name]
    return _Columns(names, find(parameters.path_column), find(label_name), several, split, others)
