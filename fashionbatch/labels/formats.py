"""Reads the rows of CSV, JSON Lines and Parquet: each function gives the names of the columns, then row by row.

A file may be anybody's: whatever is wrong with it is one DataError that names the file and the line.
"""

from __future__ import annotations

import base64
import json
import math
import os
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

from fashionbatch.csvtext import AUTO, CsvReader
from fashionbatch.csvtext.encodings import UTF_8, marked_encoding, unmarked_utf16
from fashionbatch.errors import DataError, FashionBatchError
from fashionbatch.labels.columns import PATH, PATH_BYTES
from fashionbatch.labels.files import PACKED
from fashionbatch.labels.workbooks import read_xlsx
from fashionbatch.stores.address import Location

if TYPE_CHECKING:
    from fashionbatch.specs import Cell

_LARGEST_LINE = 1 << 25
_HEAD = 4096
_BATCH_ROWS, _BATCH_CELLS = 2000, 100_000
"""Of Parquet, that are taken into memory at once."""
_READ_BYTES = 1 << 16
_CELLS = frozenset({str, float, type(None)})


def read_csv(
    path: Location, file: BinaryIO, *, encoding: str = AUTO, notes: list[str] | None = None
) -> Iterator[list[Cell]]:
    """CSV with a header, as people have it. Empty lines are left out; a cell is always text.

    Args:
        path: of the file, for messages.
        file: its bytes.
        encoding: of the text; `auto` finds out.
        notes: what is not as usual is added to it, when the header is asked for.

    Raises:
        DataError: it is something else, a row has more or fewer cells than the header, or quotes are broken.
    """
    with _reading(path, file):
        reader = CsvReader(str(path), file, encoding=encoding)
        if notes is not None:
            notes.extend(reader.notes)
        if reader.header:
            yield list(reader.header)
            yield from reader  # type: ignore[misc]  # a copy, for the type's sake, would cost a third of the time


def read_jsonl(path: Location, file: BinaryIO) -> Iterator[list[Cell]]:
    """JSON Lines in UTF-8: an object a line, all with the keys of the first, whose order is that of the columns.

    Numbers are floats, `true` and `false` are text, `filepath_b64` takes the place of `filepath`.

    Raises:
        DataError: a line is something else, or an object has other keys or holds a list or an object.
    """
    decode = json.JSONDecoder(parse_constant=_refuse_constant).decode
    columns: list[str] = []
    with _reading(path, file):
        _require_text(path, file)
        for number, line in enumerate(iter(partial(file.readline, _LARGEST_LINE), b""), 1):
            try:
                row = decode(line.decode("utf-8"))
            except (ValueError, RecursionError) as error:
                if not line.strip():
                    continue
                raise DataError(f"{path}: line {number}: {_json_problem(line, error)}") from None
            if not isinstance(row, dict) or not row:
                raise DataError(f"{path}: line {number} holds no object with keys, as each line of JSON Lines does")
            if PATH_BYTES in row:
                _take_path_bytes(row, f"{path}: line {number}")
            if not columns:
                columns = list(row)
                yield list(columns)
            if list(row) != columns:
                row = _in_order(row, columns, f"{path}: line {number}")
            cells = list(row.values())
            if not _CELLS.issuperset(map(type, cells)):
                cells = [_cell(row[name], name, f"{path}: line {number}") for name in columns]
            yield cells


@dataclass
class Wanted:
    """Of which columns cells are wanted, as far as a format can leave out others.

    Attributes:
        names: of them; None for all. It may be set until the first row is asked for.
    """

    names: Collection[str] | None = None

    def has(self, name: str) -> bool:
        """Whether the cells of a column are wanted."""
        return self.names is None or name in self.names or (name == PATH_BYTES and PATH in self.names)


def read_parquet(path: Location, file: BinaryIO, *, wanted: Wanted | None = None) -> Iterator[list[Cell]]:
    """Parquet with columns of text, numbers and truth values; NaN is an empty cell.

    Memory grows with the number of columns that are wanted, and with neither rows nor row groups.

    Args:
        path: of the file, for messages.
        file: its bytes.
        wanted: of other columns than these no cell is read: they are all empty.

    Raises:
        DataError: it is something else, is damaged, or has a column of lists or structures.
        FashionBatchError: pyarrow is not installed.
    """
    with _reading(path, file):
        pa, pq = _pyarrow(path)
        try:
            # By itself pyarrow would hold all that it has read of the file, until the last row.
            table = pq.ParquetFile(file, pre_buffer=False, buffer_size=_READ_BYTES)
            names = [str(name) for name in table.schema_arrow.names]
            yield [name for name in names if name != PATH_BYTES]
            chosen = [name for name in names if wanted is None or wanted.has(name)]
            rows = min(max(_BATCH_CELLS // max(len(chosen), 1), 1), _BATCH_ROWS)
            for batch in table.iter_batches(rows, columns=chosen, use_threads=False):
                # Of a name with dots pyarrow also gives columns whose names begin so.
                given = dict(zip(batch.schema.names, batch.columns, strict=True))
                empty: list[Cell] = [None] * len(batch)
                values = [_parquet_cells(pa, path, name, given[name]) if name in chosen else empty for name in names]
                yield from map(list, zip(*_with_path_bytes(path, names, values), strict=True))
        except (pa.ArrowException, OSError, ValueError) as error:
            reason = str(error).partition("\n")[0]
            raise DataError(f"{path}: is no Parquet file, or damaged or cut short: {reason}") from None


FORMATS = {"csv": read_csv, "jsonl": read_jsonl, "parquet": read_parquet, "xlsx": read_xlsx}
"""The formats that can be read. Each is the ending of a file's name, too."""

ENDINGS = {**{name: name for name in FORMATS}, "tsv": "csv", "txt": "csv", "ndjson": "jsonl"}
"""Endings of files' names -> the format."""

_MAY_BE_PACKED = frozenset({"csv", "jsonl"})


def format_of_name(name: str) -> str | None:
    """The format that a file's name says; None where it says none.

    Example:
        >>> format_of_name("labels.CSV"), format_of_name("part-0.jsonl.gz"), format_of_name("a.parquet.gz")
        ('csv', 'jsonl', None)
    """
    plain = name.lower().removesuffix(PACKED)
    found = ENDINGS.get(PurePosixPath(plain).suffix.removeprefix("."))
    return found if plain == name.lower() or found in _MAY_BE_PACKED else None


# ------------------------------------------------------------------------------------------------------- every format


@contextmanager
def _reading(path: Location, file: BinaryIO) -> Iterator[None]:
    """Close the file at the end, and say what a disk that cannot be read means."""
    with file:
        try:
            yield
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None
        except (EOFError, zlib.error):
            raise DataError(f"{path}: what is compressed in it is damaged or cut short") from None


def _require_text(path: Location, file: BinaryIO) -> None:
    """Refuse what is no UTF-8 text by its first bytes, and skip the mark that some programs put before it."""
    head = file.read(_HEAD)
    encoding, mark = marked_encoding(head) or (unmarked_utf16(head) if b"\0" in head else None, 0)
    if encoding not in {None, UTF_8}:
        raise DataError(
            f"{path}: is text in UTF-16, where UTF-8 is needed",
            hint=f"save it as UTF-8, or `iconv -f UTF-16 -t UTF-8 {path.name} > other{path.suffix}`",
        )
    if head.startswith(b"PAR1"):
        raise DataError(f"{path}: is a Parquet file", hint="give it a name that ends in .parquet")
    if b"\0" in head:
        raise DataError(f"{path}: is no text, since it holds NUL bytes")
    file.seek(mark)


# -------------------------------------------------------------------------------------------------------------- JSON


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number in JSON")


def _json_problem(line: bytes, error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if len(line) == _LARGEST_LINE:
        return f"is longer than {_LARGEST_LINE >> 20} MiB"
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8: {error.reason} at byte {error.start + 1}"
    if isinstance(error, json.JSONDecodeError):
        return f"no JSON: {error.msg} at character {error.colno}"
    return str(error)


def _take_path_bytes(row: dict[str, Any], where: str) -> None:
    encoded = row.pop(PATH_BYTES)
    if encoded is not None:
        row[PATH] = _path_of(encoded, where)


def _path_of(encoded: object, where: str) -> str:
    try:
        if isinstance(encoded, str):
            return os.fsdecode(base64.b64decode(encoded, validate=True))
    except ValueError:
        pass
    raise DataError(f"{where}: {PATH_BYTES} holds no path in base64")


def _in_order(row: dict[str, Any], columns: list[str], where: str) -> dict[str, Any]:
    for name in columns:
        if name not in row:
            raise DataError(f"{where} lacks the key {name!a}, which the first line has")
    for name in row:
        if name not in columns:
            raise DataError(f"{where} has the key {name!a}, which the first line lacks")
    return {name: row[name] for name in columns}


def _cell(value: Any, name: str, where: str) -> Cell:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        try:
            return float(value)
        except OverflowError:
            raise DataError(f"{where}: the number in {name!a} is too large") from None
    if isinstance(value, dict | list):
        raise DataError(f"{where}: {name!a} holds {'an object' if isinstance(value, dict) else 'a list'}, no cell")
    cell: Cell = value
    return cell


# ----------------------------------------------------------------------------------------------------------- Parquet


def _pyarrow(path: Location) -> tuple[Any, Any]:
    try:
        import pyarrow as pa
        from pyarrow import parquet as pq
    except ImportError as error:
        raise FashionBatchError(
            f"{path}: reading Parquet needs pyarrow, which cannot be imported ({error})",
            hint="pip install 'fashionbatch[parquet]'",
        ) from None
    return pa, pq


def _with_path_bytes(path: Location, names: list[str], columns: list[list[Cell]]) -> list[list[Cell]]:
    """The columns without that of the paths' bytes, which take the place of the paths that have any."""
    if PATH_BYTES not in names:
        return columns
    encoded = columns[names.index(PATH_BYTES)]
    if PATH in names:
        shown = names.index(PATH)
        paths = zip(encoded, columns[shown], strict=True)
        columns[shown] = [_path_of(odd, str(path)) if odd is not None else plain for odd, plain in paths]
    return [column for name, column in zip(names, columns, strict=True) if name != PATH_BYTES]


def _parquet_cells(pa: Any, path: Location, name: str, column: Any) -> list[Cell]:
    """The cells of a part of a column."""
    types = pa.types
    type_ = column.type.value_type if types.is_dictionary(column.type) else column.type
    if types.is_nested(type_):
        raise DataError(f"{path}: the column {name!a} holds {type_}, no cells")
    if types.is_boolean(type_):
        return [None if value is None else "true" if value else "false" for value in column.to_pylist()]
    if types.is_floating(type_) or types.is_integer(type_) or types.is_decimal(type_):
        numbers = column.cast(pa.float64()).to_pylist()
        return [None if number is None or math.isnan(number) else number for number in numbers]
    if not (types.is_null(type_) or types.is_string(type_) or types.is_large_string(type_)):
        column = column.cast(pa.string())
    texts: list[Cell] = column.to_pylist()
    return texts
