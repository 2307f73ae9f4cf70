"""A CSV file that names images and their labels."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Final
from urllib.parse import quote, urljoin

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from fashionbatch.errors import DataError
from fashionbatch.specs import (
    AUTO,
    IMAGE_EXTENSIONS,
    PATH_COLUMNS,
    CsvReader,
    DatasetContext,
    EncodedImages,
    Parameters,
    PathFinder,
    Samples,
    Split,
    composed,
    foreign_path,
    is_address,
    require_address,
    western_path,
)
from fashionbatch_plugins.datasets.label_cells import LabelCells, ManyColumns, OneColumn, label_notes

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
_DELIMITERS: Final = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}


def _one_character(delimiter: str) -> str:
    if delimiter != AUTO and len(delimiter) != 1:
        raise ValueError(f"is {AUTO}, {', '.join(_DELIMITERS)}, or one character")
    return delimiter


def _by_name(delimiter: Any) -> Any:
    return _DELIMITERS.get(delimiter, delimiter) if isinstance(delimiter, str) else delimiter


def _composed_names(names: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return None if names is None else tuple(map(composed, names))


class CsvManifest(Parameters):
    """A CSV file with a header line; one image a line."""

    path: str = Field(description="The CSV file; data:NAME looks in FASHIONBATCH_DATA_DIR.")
    root: str | None = Field(
        None, description="The folder that image paths are relative to; the CSV file's own where omitted."
    )
    path_column: str | None = Field(
        None, description=f"The column of image paths; where omitted, the first of {', '.join(PATH_COLUMNS)}."
    )
    label_column: str | None = Field(
        None, description="The column of labels; `labels` (several an image) or else `label` where omitted."
    )
    label_columns: tuple[str, ...] | None = Field(
        None,
        min_length=1,
        description="Several columns of labels: each a label with cells of 0 and 1, or each an attribute such as "
        "colour, whose cells are labels and which becomes a group.",
    )
    separator: str = Field("|", min_length=1, description="What stands between the labels in a `labels` column.")
    several: bool | None = Field(
        None, description="Whether a cell may hold several labels; where omitted, only a column `labels` does."
    )
    split_column: str | None = Field(
        "split", description="The column that says train, validation or test; ignored where it is not there."
    )
    group_column: str | None = Field(
        "group",
        description="The column whose images with one value stay on one side of every split; ignored where it is not "
        "there.",
    )
    classes: Annotated[tuple[str, ...] | None, AfterValidator(_composed_names)] = Field(
        None, min_length=1, description="Every class, in the order of the network's outputs; sorted where omitted."
    )
    delimiter: Annotated[str, BeforeValidator(_by_name), AfterValidator(_one_character)] = Field(
        AUTO,
        description="What stands between cells: one character, or comma, semicolon, tab or bar; `auto` finds out.",
    )
    encoding: str = Field(
        AUTO, description="Of the text, such as utf-8, utf-16, cp1252 or cp949; `auto` finds out, or asks for it."
    )

    @model_validator(mode="after")
    def _labels_are_said_once(self) -> CsvManifest:
        if self.label_column is not None and self.label_columns is not None:
            raise ValueError("label_column and label_columns do not go together")
        return self


@dataclass(frozen=True)
class _Columns:
    """Where in a line things stand; every other column may group images."""

    path: int
    labels: LabelCells
    split: int | None
    together: str | None
    others: dict[str, int]


@dataclass
class _Table:
    """What the lines say.

    Attributes:
        name: of the file, for messages.
        beside: the address that paths are relative to, of a file of the web; else empty.
    """

    name: str
    reader: CsvReader
    columns: _Columns
    finder: PathFinder
    images: list[Path | str] = field(default_factory=list)
    labels: list[tuple[str, ...]] = field(default_factory=list)
    splits: list[Split | None] = field(default_factory=list)
    groups: dict[str, list[str]] = field(default_factory=dict)
    line_of_image: dict[Path | str, int] = field(default_factory=dict)
    line_of_label: dict[str, int] = field(default_factory=dict)
    first_missing: int = 0
    beside: str = ""

    def add(self, cells: list[str], line: int) -> None:
        """Take in one line."""
        where = f"{self.name}:{line}"
        columns = self.columns
        image = self._image(cells[columns.path], where, line)
        first = self.line_of_image.setdefault(image, line)
        if first != line:
            raise DataError(
                f"{where}: {cells[columns.path]!r} stands on line {first} already",
                hint="several labels stand in one cell of a column `labels`, joined by `separator`",
            )
        labels = columns.labels.of(cells, where)
        for label in labels:
            self.line_of_label.setdefault(label, line)
        self.images.append(image)
        self.labels.append(labels)
        self.splits.append(None if columns.split is None else _split(cells[columns.split], where))
        for name, index in columns.others.items():
            self.groups.setdefault(name, []).append(cells[index])

    def _image(self, name: str, where: str, line: int) -> Path | str:
        if not name.strip() or "\0" in name:
            raise DataError(f"{where}: there is no image path")
        address = name.strip()
        if is_address(address) and not os.path.lexists(os.path.join(self.finder.root, name)):
            require_address(address, where)
            return address
        if self.beside:
            return urljoin(f"{self.beside}/", quote(address))
        if not self.finder.root:
            raise _NotAloneError
        found = self.finder.find(name, western_path(name))
        if found is None:
            foreign = foreign_path(name.strip())
            if foreign:
                raise DataError(f"{where}: {name!r} {foreign}", hint=self.hint(name))
            self.first_missing = self.first_missing or line
        return Path(self.finder.root) / (found or name)

    def hint(self, name: str) -> str | None:
        """What to write for a path of another machine whose end is a file here."""
        end = self.finder.end_that_is_there(name)
        return None if end is None else f"{self.finder.root!r} holds {end!r}: leave out what stands before that"

    def names(self) -> list[str]:
        """For each image its address, or its path below the folder that paths are relative to, if it lies there."""
        root = Path(self.finder.root)
        return [
            image if isinstance(image, str) else os.fspath(image.relative_to(root) if root in image.parents else image)
            for image in self.images
        ]

    def notes(self) -> Iterator[str]:
        """What there is to say about the lines."""
        yield from self.reader.notes
        for note in self.finder.notes():
            yield f"{self.name}: {note}"
        if self.finder.missing:
            place = self.finder.place(self.finder.first_missing)
            lacking = "1 of its files is" if self.finder.missing == 1 else f"{self.finder.missing:,} of its files are"
            yield f"{self.name}:{self.first_missing}: there is no file {place}; {lacking} not there"
        if self.columns.together is not None:
            yield f"{self.name}: images with one {self.columns.together!r} stay on one side of every split"
        yield from label_notes(self.name, self.line_of_label, self.columns.labels)


def _split(cell: str, where: str) -> Split | None:
    word = cell.strip().lower()
    if word not in _SPLIT_NAMES:
        raise DataError(f"{where}: split {cell!r} is none of train, validation and test")
    return _SPLIT_NAMES[word]


def load_csv_manifest(parameters: CsvManifest, context: DatasetContext) -> Samples:
    """The images and labels that a CSV file lists; columns that are nothing else can group images."""
    table = _read(parameters, context)
    images, notes = _images(table, context)
    labels = table.columns.labels
    return Samples(
        images=images,
        labels=table.labels,
        class_names=parameters.classes or labels.class_names(table.line_of_label),
        splits=table.splits if any(table.splits) else None,
        groups=table.groups,
        notes=[*table.notes(), *notes],
        label_groups=labels.groups(),
        keep_together=table.columns.together,
    )


def look_at_csv_manifest(parameters: CsvManifest, context: DatasetContext) -> list[str]:
    """What is odd about the lines, such as labels that differ by case alone; no image is opened or fetched."""
    table = _read(parameters, context)
    # Two attributes with one label are an error, which stands in the lines alone.
    table.columns.labels.groups()
    return list(table.notes())


class _NotAloneError(Exception):
    """A file of a store names images by their paths, so what lies beside it is needed, too."""


def _read(parameters: CsvManifest, context: DatasetContext) -> _Table:
    if is_address(parameters.path):
        with contextlib.suppress(_NotAloneError):
            return _read_alone(parameters, context)
    path = context.locate(parameters.path)
    if not path.is_file():
        raise DataError(f"{parameters.path!r} is not a file")
    root = path.parent if parameters.root is None else context.locate(parameters.root)
    return _lines(path, parameters, str(path), root)


def _read_alone(parameters: CsvManifest, context: DatasetContext) -> _Table:
    """What the lines of a file of a store or of the web say, of which nothing else is fetched.

    Raises:
        _NotAloneError: it lies in a store, and has paths that are relative to its place.
        DataError: as the others.
    """
    name = parameters.path
    require_address(name, "the path of csv_manifest")
    (file,) = context.fetch([name])
    if file.path is None:
        raise DataError(f"{name}: {file.reason}", hint="is the address right?")
    if parameters.root is not None:
        return _lines(file.path, parameters, name, context.locate(parameters.root))
    is_web = name.lower().startswith(("http://", "https://"))
    return _lines(file.path, parameters, name, None, name.partition("?")[0].rpartition("/")[0] if is_web else "")


def _lines(path: Path, parameters: CsvManifest, name: str, root: Path | None, beside: str = "") -> _Table:
    """Read the lines.

    Args:
        path: the file.
        parameters: how it is read.
        name: what it is called in messages.
        root: the folder that paths are relative to; None where there is none.
        beside: the address that they are relative to, if they are.

    Raises:
        _NotAloneError: there are paths, and nothing that they are relative to.
        DataError: a line is not what it should be, or none names an image that is there.
    """
    with _open(path) as file:
        reader = CsvReader(
            name,
            file,
            encoding=parameters.encoding,
            delimiter=parameters.delimiter,
            paths=PATH_COLUMNS if parameters.path_column is None else (parameters.path_column,),
            option="`encoding`",
        )
        finder = PathFinder("" if root is None else os.fspath(root), IMAGE_EXTENSIONS)
        table = _Table(name, reader, _find_columns(reader, parameters, name), finder, beside=beside)
        for cells in reader:
            table.add(cells, reader.line)
    if not table.images:
        raise DataError(f"{name} lists no images")
    if finder.missing == len(table.images):
        place = finder.place(finder.first_missing)
        raise DataError(
            f"{name}:{table.first_missing}: there is no file {place}{_nor_the_others(table)}",
            hint=table.hint(finder.first_missing) or "`root` names the folder that the paths are relative to",
        )
    return table


def _nor_the_others(table: _Table) -> str:
    return f", and none of the other {len(table.images) - 1:,} either" if len(table.images) > 1 else ""


def _images(table: _Table, context: DatasetContext) -> tuple[Sequence[Path] | EncodedImages, list[str]]:
    """The images of a table, and what there is to say of those that are fetched.

    Raises:
        DataError: there is none of them.
    """
    paths = [image for image in table.images if isinstance(image, Path)]
    if len(paths) == len(table.images):
        return paths, []
    files = context.fetch(table.images)
    lacking = [(image, file) for image, file in zip(table.images, files, strict=True) if file.path is None]
    images = EncodedImages.of_files(table.names(), files)
    if not lacking:
        return images, []
    first, file = lacking[0]
    what = f"{table.name}:{table.line_of_image[first]}: {first} cannot be had: {file.reason}"
    if len(lacking) + table.finder.missing == len(table.images):
        raise DataError(f"{what}{_nor_the_others(table)}", hint="are the addresses right, and may you read them?")
    number = "1 of its addresses gives" if len(lacking) == 1 else f"{len(lacking):,} of its addresses give"
    return images, [f"{what}; {number} no photo"]


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error


def _find_columns(reader: CsvReader, parameters: CsvManifest, path: str) -> _Columns:
    names = [composed(name.strip()) for name in reader.header]
    if not names:
        raise DataError(f"{path} is empty")
    repeated = {name for name in names if name and names.count(name) > 1}
    if repeated:
        raise DataError(f"{path}:1: two columns are called {min(repeated)!r}")
    lower = [name.lower() for name in names]

    def has(name: str) -> bool:
        return composed(name) in names or composed(name).lower() in lower

    def find(name: str, parameter: str) -> int:
        if not has(name):
            raise DataError(
                f"{path}:1: there is no column {name!r}",
                hint=f"the header is: {', '.join(names)}; `{parameter}` says another name",
            )
        exact = composed(name)
        return names.index(exact) if exact in names else lower.index(exact.lower())

    def optional(name: str | None, usual: str) -> int | None:
        if name is None or (name == usual and not has(usual)):
            return None
        return find(name, f"{usual}_column")

    usual = next(filter(has, PATH_COLUMNS), "path")
    at = find(parameters.path_column or usual, "path_column")
    labels = _label_cells(parameters, has, find)
    split, together = optional(parameters.split_column, "split"), optional(parameters.group_column, "group")
    taken = {at, *labels.columns, split}
    others = {name: index for index, name in enumerate(names) if index not in taken and name}
    return _Columns(at, labels, split, None if together is None else names[together], others)


def _label_cells(parameters: CsvManifest, has: Callable[[str], bool], find: Callable[[str, str], int]) -> LabelCells:
    if parameters.label_columns is not None:
        columns = {composed(name): find(name, "label_columns") for name in parameters.label_columns}
        return ManyColumns(columns, parameters.classes)
    name = parameters.label_column or ("labels" if has("labels") else "label")
    several = name == "labels" if parameters.several is None else parameters.several
    return OneColumn((find(name, "label_column"),), parameters.separator if several else None, parameters.classes)
