"""Reads a label table back: row by row in flat memory, or as a pandas DataFrame."""

from __future__ import annotations

import contextlib
import itertools
import warnings
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from fashionbatch.csvtext import AUTO
from fashionbatch.errors import DataError
from fashionbatch.labels.columns import type_of
from fashionbatch.labels.fetching import table_here
from fashionbatch.labels.files import open_unpacked
from fashionbatch.labels.formats import FORMATS, Wanted, format_of_name, read_csv, read_parquet
from fashionbatch.labels.parts import parts_of, read_parts
from fashionbatch.labels.sidecar import find_sidecar
from fashionbatch.names import path_alike
from fashionbatch.progress import OpenBar, no_bar
from fashionbatch.stores.address import Location, Url, as_location

if TYPE_CHECKING:
    import os

    import pandas as pd

    from fashionbatch.specs import Cell

_SHOWN_COLUMNS = 10
_BATCH = 10_000


class TableReader:
    """A label table, or any other one in its formats.

    Args:
        path: the table: a file, or a folder of parts, on this machine or in a store.
        format_: `csv`, `jsonl`, `parquet` or `xlsx`; None goes by the ending of the name.
        encoding: of a CSV file; `auto` finds out.
        bar: shows how far a table is fetched that lies in a store.

    Raises:
        DataError: it is missing, or cannot be read as a table.
        ScratchError: there is no room on this machine for one that lies in a store.
        FashionBatchError: something that is needed to read it is not installed.

    Attributes:
        path: the table, as it was given.
        place: where it lies on this machine, with its sidecar beside it: until the reader is closed, if it lies in a
            store.
        columns: their names; for JSON Lines those of the first row.
        notes: what a CSV file has that is not as usual, such as its encoding, each a sentence.

    Example:
        >>> with TableReader(Path("labels.csv")) as table:
        ...     label = table.column("label")
        ...     for row in table.rows():
        ...         print(row[label])
    """

    def __init__(
        self, path: Location, format_: str | None = None, *, encoding: str = AUTO, bar: OpenBar = no_bar
    ) -> None:
        self.path = path
        self.notes: list[str] = []
        self._wanted = Wanted()
        with contextlib.ExitStack() as stack:
            self.place = stack.enter_context(table_here(path, bar=bar))
            self._rows = self._opened(format_, encoding)
            stack.callback(self._rows.close)  # type: ignore[attr-defined]  # the formats are generators
            self.columns: Sequence[str] = self._header()
            self._stack = stack.pop_all()

    def _opened(self, format_: str | None, encoding: str) -> Iterator[list[Cell]]:
        """The names of the columns, then the rows."""
        parts = parts_of(self.place, shown=self.path) if self.place.is_dir() else None
        read = FORMATS[_format_of(self.path, format_, parts)]
        if read is read_csv:
            read = partial(read_csv, encoding=encoding, notes=self.notes)
        elif read is read_parquet:
            read = partial(read_parquet, wanted=self._wanted)
        if parts is not None:
            return read_parts(self.path, parts, read)
        try:
            return read(self.path, open_unpacked(self.place))
        except FileNotFoundError:
            meant = path_alike(self.place)
            hint = None if meant is None else f"did you mean {meant}?"
            raise DataError(f"{self.path}: there is no such file", hint=hint) from None

    def _header(self) -> list[str]:
        header = next(self._rows, None)
        if header is None:
            raise DataError(f"{self.path}: is empty")
        columns = [str(name) for name in header]
        named = [name for name in columns if name]
        if len(set(named)) != len(named):
            twice = next(name for name in named if named.count(name) > 1)
            raise DataError(f"{self.path}: two columns are called {twice!a}")
        return columns

    def column(self, *names: str) -> int:
        """Where the first of some columns stands that the table has.

        Args:
            names: of the column, and others that it may have. Blanks around the names in the table, and their case, do
                not matter where none is exactly so.

        Raises:
            DataError: it has none of them.
        """
        for columns in (list(self.columns), [column.strip().lower() for column in self.columns]):
            for name in names:
                if name in columns:
                    return columns.index(name)
        shown = ", ".join(name if name.isprintable() else ascii(name) for name in self.columns[:_SHOWN_COLUMNS])
        more = f" and {len(self.columns) - _SHOWN_COLUMNS:,} more" if len(self.columns) > _SHOWN_COLUMNS else ""
        raise DataError(f"{self.path}: needs a column {' or '.join(names)}; it has {shown}{more}")

    def rows(self, only: Iterable[int] | None = None) -> Iterator[list[Cell]]:
        """The rows, once. A path has the bytes of the disk, those that are no UTF-8 as lone surrogates.

        A cell is text, a number, or None where it is empty; in CSV it is always text, and empty text where it is empty.

        Args:
            only: the places of the columns whose cells are wanted; those of others may be empty. It saves time and
                memory where a format keeps columns apart.

        Raises:
            DataError: the table is damaged; the message names the line.
        """
        if only is not None:
            self._wanted.names = {self.columns[at] for at in only}
        return self._rows

    def close(self) -> None:
        """Close the file, and remove the copy of one that lies in a store."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _format_of(path: Location, format_: str | None, parts: Sequence[Path] | None) -> str:
    known = ", ".join(FORMATS)
    if format_ is not None and format_ not in FORMATS:
        raise DataError(f"{path}: tables of the format {format_} cannot be read back; {known} can")
    # The folder of a table may be called anything; each part has an ending.
    named = path if parts is None else parts[0]
    format_ = format_ or format_of_name(named.name)
    if format_ is None:
        if parts is not None:
            raise DataError(
                f"{path}: is a folder, and {named.name}, its first file, is no part of a table; {known} can be read"
            )
        raise DataError(
            f"{path}: the ending says no format that can be read; {known} can",
            hint="give it a name that ends in ." + ", .".join(FORMATS),
        )
    return format_


def read(
    path: str | os.PathLike[str] | Url,
    format: str | None = None,  # noqa: A002 - as pandas calls it
    *,
    encoding: str = AUTO,
) -> pd.DataFrame:
    """Read a label table into memory, as a pandas DataFrame.

    Args:
        path: a table that `classify` wrote, or any other one in its formats; it may be an address in a store.
        format: `csv`, `jsonl`, `parquet` or `xlsx`; None goes by the ending of the name.
        encoding: of a CSV file; `auto` finds out, and warns where it is not UTF-8.

    Returns:
        A row a file, in the table's order. Probabilities are float64, NaN where a row has none; all else is text (of
        the type object, since a path may have bytes that are no UTF-8, as lone surrogates), empty where there is none.
        So it is the same whatever the format.

    Raises:
        DataError: the table is missing or damaged; the message names the line.

    Example:
        >>> import fashionbatch.labels
        >>> table = fashionbatch.labels.read("labels.csv")
        >>> table[table.status == "ok"].groupby("label").prob.mean()
    """
    import pandas as pd

    with TableReader(as_location(path), format, encoding=encoding) as table:
        for note in table.notes:
            warnings.warn(note, stacklevel=2)
        columns: list[list[Cell]] = [[] for _ in table.columns]
        rows = table.rows()
        while batch := list(itertools.islice(rows, _BATCH)):
            for column, cells in zip(columns, zip(*batch, strict=True), strict=True):
                column.extend(cells)
        kept = _kept_columns(table.place)
    return pd.DataFrame(
        {
            name: _series(cells, may_be_numbers=name not in kept and type_of(name) == "probability")
            for name, cells in zip(table.columns, columns, strict=True)
        }
    )


def _kept_columns(path: Path) -> Sequence[str]:
    """The columns that came from the user's own list: what they are called says nothing about them."""
    try:
        sidecar = find_sidecar(path)
    except DataError:
        return ()
    return sidecar.options.keep if sidecar is not None else ()


def _series(cells: list[Cell], *, may_be_numbers: bool) -> pd.Series[Any]:
    import pandas as pd

    if may_be_numbers or (any(isinstance(cell, float) for cell in cells) and not any(map(_is_text, cells))):
        with contextlib.suppress(ValueError):
            return pd.Series(
                [float("nan") if cell in {None, ""} else float(cell or 0) for cell in cells], dtype="float64"
            )
    return pd.Series(["" if cell is None else str(cell) for cell in cells], dtype=object)


def _is_text(cell: Cell) -> bool:
    return isinstance(cell, str)
