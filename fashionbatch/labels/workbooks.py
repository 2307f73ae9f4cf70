"""Reads a table from the first sheet of a workbook (`.xlsx`), of ours or of a spreadsheet."""

from __future__ import annotations

import contextlib
import datetime
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

from fashionbatch.errors import DataError, FashionBatchError
from fashionbatch.stores.address import Location

if TYPE_CHECKING:
    from fashionbatch.specs import Cell

_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")
_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, NotImplementedError, RuntimeError, MemoryError),
    *(SyntaxError, ValueError, LookupError, TypeError, AttributeError, AssertionError),
)
"""A workbook may be broken in every way that an archive, XML and what openpyxl makes of it can be."""

_LARGEST_PART = 1 << 29
"""Of what is taken into memory whole, such as the texts that all cells share, in bytes."""


def read_xlsx(path: Location, file: BinaryIO) -> Iterator[list[Cell]]:
    """The rows of the first sheet of a workbook, whose first row names the columns; empty rows are left out.

    Numbers are floats, truth values and dates are text, and of a formula the value counts that was saved with it.

    Raises:
        DataError: it is something else, or damaged.
        FashionBatchError: openpyxl is not installed.
    """
    with file:
        openpyxl = _openpyxl(path)
        try:
            _check_sizes(path, file)
            with warnings.catch_warnings():
                # Of what a sheet has beside its cells, such as drop-down lists.
                warnings.simplefilter("ignore")
                opened = openpyxl.load_workbook(file, read_only=True, data_only=True)
            with contextlib.closing(opened) as workbook:
                yield from _rows(workbook.worksheets[0].iter_rows(values_only=True))
        except DataError:
            raise
        except _DAMAGE as error:
            raise DataError(f"{path}: is no workbook, or damaged or cut short: {type(error).__name__}") from None


def _rows(rows: Iterator[tuple[Any, ...]]) -> Iterator[list[Cell]]:
    width = 0
    for row in rows:
        cells = [_cell(value) for value in row]
        while cells and cells[-1] is None:
            cells.pop()
        if not cells:
            continue
        if not width:
            width = len(cells)
            yield ["" if cell is None else str(cell) for cell in cells]
        else:
            # A sheet knows no end of a row; what stands beside the named columns belongs to none.
            yield cells[:width] + [None] * (width - len(cells))


def _cell(value: Any) -> Cell:
    if value is None or isinstance(value, str):
        return value and _ESCAPE.sub(lambda match: chr(int(match[1], 16)), value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return float(value)
    return value.isoformat() if isinstance(value, datetime.date | datetime.time) else str(value)


def _check_sizes(path: Location, file: BinaryIO) -> None:
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            if entry.file_size > _LARGEST_PART and not entry.filename.startswith("xl/worksheets/"):
                raise DataError(f"{path}: its part {entry.filename!a} is too large", hint="save the table as CSV")
    file.seek(0)


def _openpyxl(path: Location) -> Any:
    try:
        import openpyxl
    except ImportError as error:
        raise FashionBatchError(
            f"{path}: reading workbooks needs openpyxl, which cannot be imported ({error})",
            hint="pip install 'fashionbatch[xlsx]'",
        ) from None
    return openpyxl
