"""Reads label tables back, row by row, in the formats that FashionBatch itself writes."""

from __future__ import annotations

import base64
import csv
import itertools
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from fashionbatch.errors import DataError, FashionBatchError
from fashionbatch.specs import Cell

_ENDINGS = {".csv": "csv", ".jsonl": "jsonl", ".parquet": "parquet"}
_PATH, _PATH_BYTES = "filepath", "filepath_b64"
_BATCH = 10_000


class TableReader:
    """A label table.

    Args:
        path: the table.
        format_: `csv`, `jsonl` or `parquet`; None goes by the ending, and takes CSV where that says nothing.

    Raises:
        DataError: it cannot be read as a table.

    Attributes:
        columns: the names; for JSON Lines those of the first row.
    """

    def __init__(self, path: Path, format_: str | None = None) -> None:
        self._path = path
        format_ = format_ or _ENDINGS.get(path.suffix.lower(), "csv")
        readers = {"csv": _read_csv, "jsonl": _read_jsonl, "parquet": _read_parquet}
        if format_ not in readers:
            raise DataError(f"{path}: tables of the format {format_} cannot be read back; csv, jsonl and parquet can")
        self._rows = readers[format_](path)
        try:
            self.columns: Sequence[str] = [str(name) for name in next(self._rows)]
        except StopIteration:
            raise DataError(f"{path}: is empty") from None
        except _UNREADABLE as error:
            raise self._unreadable(error) from None

    def rows(self) -> Iterator[list[Cell]]:
        """The rows, once; empty text stands for an empty cell of a CSV file.

        Raises:
            DataError: the table is damaged.
        """
        for number in itertools.count(2):
            try:
                row = next(self._rows, None)
            except _UNREADABLE as error:
                raise self._unreadable(error) from None
            if row is None:
                return
            if len(row) != len(self.columns):
                raise DataError(f"{self._path}: row {number} has {len(row)} cells where there are {len(self.columns)}")
            yield row

    def _unreadable(self, error: Exception) -> DataError:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return DataError(f"{self._path}: cannot be read as a table: {reason}")


_UNREADABLE = (OSError, ValueError, csv.Error, KeyError, RecursionError, AttributeError)


def _read_csv(path: Path) -> Iterator[list[Cell]]:
    with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        csv.field_size_limit(1 << 24)
        yield from csv.reader(file, strict=True)


def _read_jsonl(path: Path) -> Iterator[list[Cell]]:
    columns: list[str] = []
    with open(path, encoding="utf-8") as file:
        for line in file:
            row: dict[str, Any] = json.loads(line)
            encoded = row.pop(_PATH_BYTES, None)
            if encoded is not None:
                row[_PATH] = os.fsdecode(base64.b64decode(encoded))
            if not columns:
                columns = list(row)
                yield list(columns)
            yield [float(cell) if isinstance(cell, int) else cell for cell in (row[name] for name in columns)]


def _read_parquet(path: Path) -> Iterator[list[Cell]]:
    try:
        from pyarrow import parquet as pq
    except ImportError as error:
        raise FashionBatchError("reading parquet needs pyarrow", hint="pip install 'fashionbatch[parquet]'") from error
    file = pq.ParquetFile(path)
    columns = [name for name in file.schema_arrow.names if name != _PATH_BYTES]
    yield list(columns)
    for batch in file.iter_batches(_BATCH):
        for row in batch.to_pylist():
            encoded = row.pop(_PATH_BYTES, None)
            if encoded is not None:
                row[_PATH] = os.fsdecode(base64.b64decode(encoded))
            yield [row[name] for name in columns]
