"""Reads a table that `classify` wrote: CSV, JSON Lines or Parquet, one row at a time."""

from __future__ import annotations

import base64
import csv
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fashionbatch.errors import DataError

PATH, STATUS = "filepath", "status"
_PATH_BYTES = "filepath_b64"
_ROWS_AT_ONCE = 10_000


def read_label_table(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a label table, as column -> cell; empty cells are "" or None.

    Args:
        path: its ending says the format: `.jsonl`, `.parquet`, anything else is CSV.

    Yields:
        Rows; `filepath` has the bytes of the disk, undecodable ones as lone surrogates.

    Raises:
        DataError: it is missing or cannot be read, or is no label table.
    """
    for number, row in enumerate(read_rows(path)):
        if number == 0 and not {PATH, STATUS} <= row.keys():
            raise DataError(f"{path}: no label table: it has no column {PATH!r} or no column {STATUS!r}")
        yield row


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """As `read_label_table`, of a table with any columns."""
    kind = path.suffix.lower()
    rows = _jsonl(path) if kind == ".jsonl" else _parquet(path) if kind == ".parquet" else _csv(path)
    with _reading(path):
        for row in rows:
            encoded = row.pop(_PATH_BYTES, None)
            if encoded:
                row[PATH] = os.fsdecode(base64.b64decode(encoded))
            yield row


def read_sidecar(table: Path) -> Mapping[str, Any]:
    """What `TABLE.meta.json` says; empty where there is none, or it cannot be read."""
    try:
        meta = json.loads(table.with_name(f"{table.name}.meta.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return meta if isinstance(meta, dict) else {}


def _csv(path: Path) -> Iterator[dict[str, Any]]:
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
        yield from csv.DictReader(file, strict=True)


def _jsonl(path: Path) -> Iterator[dict[str, Any]]:
    with open(path, encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            if not isinstance(row, dict):
                raise DataError(f"{path}: a line is no object")
            yield row


def _parquet(path: Path) -> Iterator[dict[str, Any]]:
    try:
        import pyarrow.parquet as pq
    except ImportError as error:
        raise DataError(f"{path}: reading Parquet needs pyarrow", hint="pip install 'fashionbatch[parquet]'") from error
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_ROWS_AT_ONCE):
            yield from batch.to_pylist()


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except DataError:
        raise
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (csv.Error, ValueError) as error:  # pyarrow's errors are ValueErrors, too
        raise DataError(f"{path}: cannot be read as a table: {error}") from error
