"""Small tables for checks of writers, and readers of the formats that anybody can read."""

from __future__ import annotations

import contextlib
import csv
import datetime
import io
import itertools
import json
import os
import re
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

from fashionbatch.specs import Cell, Parameters, WriterSpec
from fashionbatch.testing.calling import assembled, encoded

Row: TypeAlias = tuple[Cell, ...]
Rows: TypeAlias = Sequence[Row]

COLUMNS = ("filepath", "status", "error", "label", "prob")
ROWS: Rows = (
    ("a, b\n한국어.jpg", "ok", "", "cat", 0.987654321),
    ('"quoted"|=1+1.png', "ok", "", "dog; hen", 0.5),
    ("caf\udce9.png", "error", "UnidentifiedImageError: no", None, None),
    ("tab\there.png", "ok", "", "it's \\ a 'dog'", 0.000123456),
    ("carriage\rreturn.png", "timeout", "took longer than 10 s", None, None),
    ("A <b> & c.png", "ok", "", "Ankle boot", 1.0),
    ("z/{0}/%s.png", "changed", "size was 3, is 4", None, None),
    (" blank .png", "ok", "", "dress", 0.0),
    ("a/0.png", "ok", "", "007", 1.23456e-07),
)
"""Names that break formats, rows with errors, and probabilities of every size; not in the order of their names."""

ALIKE: Sequence[tuple[str, str]] = (
    ("=1+1", "'=1+1"),
    ("a\\nb", "a\nb"),
    ("a\r\nb", "a\nb"),
    ("caf\udce9.png", "caf\udcea.png"),
    ("caf\udce9.png", "caf?.png"),
    ("caf\udce9.png", "caf\ufffd.png"),
    ("caf\udce9.png", "caf.png"),
    ("A.png", "a.png"),
    ("a/b.png", "c/b.png"),
    (" a.png", "a.png"),
    ("a ", "a"),
    ("é", "e\u0301"),
    ("007", "7"),
    ("x" * 5_000 + "1", "x" * 5_000 + "2"),
    ("a\nb", "a b"),
    ("a\tb", "a b"),
    ("\N{FULLWIDTH LATIN CAPITAL LETTER A}", "A"),
    ("a\N{ZERO WIDTH SPACE}b", "ab"),
    ("\N{ZERO WIDTH NO-BREAK SPACE}a", "a"),
    ("a\N{NO-BREAK SPACE}b", "a b"),
    ("a\N{LINE SEPARATOR}b", "a b"),
    ("\N{HIGH-HEELED SHOE}.png", "?.png"),
    ("\N{HIGH-HEELED SHOE}.png", "\N{ATHLETIC SHOE}.png"),
    ("\N{HIGH-HEELED SHOE}.png", ".png"),
    ("a\rb", "a\nb"),
    ("a\\b", "a/b"),
    ("a\x01b", "ab"),
    ("a\x00b", "ab"),
    ("a\x7fb", "ab"),
    ("x" * 40_000 + "1", "x" * 40_000 + "2"),
    ('a"b', "ab"),
    ("a'b", "ab"),
    ("a,b", "ab"),
    ("a\\b", "ab"),
    ("강", "?"),
)
"""Pairs of texts that a careless writer makes one of: by case, blanks, accents, length, control characters, bytes."""


def table(
    spec: WriterSpec,
    parameters: Parameters,
    rows: Rows = ROWS,
    columns: Sequence[str] = COLUMNS,
    cuts: Sequence[int] = (),
) -> bytes:
    """The whole table of some rows, cut into shards before the row numbers `cuts`."""
    edges = [0, *cuts, len(rows)]
    with tempfile.TemporaryDirectory() as folder:
        shards = []
        for number, (start, stop) in enumerate(itertools.pairwise(edges)):
            shard = Path(folder) / f"{number:06d}"
            shard.write_bytes(encoded(spec, columns, rows[start:stop], parameters))
            shards.append(shard)
        return assembled(spec, columns, shards, parameters)


# ------------------------------------------------------------------------------------------------------------ reading


def read_csv(content: bytes) -> list[dict[str, Any]]:
    """The rows of a CSV file by column; undecodable bytes become lone surrogates."""
    text = content.decode("utf-8-sig", "surrogateescape")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header, *rows = list(reader)
    for row in rows:
        if len(row) != len(header):
            raise ValueError(f"a row has {len(row)} cells and the header {len(header)}: {row}")
    return [dict(zip(header, row, strict=True)) for row in rows]


def read_jsonl(content: bytes) -> list[dict[str, Any]]:
    """The objects of a JSON Lines file."""
    return [json.loads(line) for line in content.decode("utf-8").split("\n") if line]


def read_parquet(content: bytes) -> list[dict[str, Any]]:
    """The rows of a Parquet file by column."""
    import pyarrow as pa
    from pyarrow import parquet

    rows: list[dict[str, Any]] = parquet.read_table(pa.BufferReader(content)).to_pylist()
    return rows


def read_xlsx(content: bytes) -> list[dict[str, Any]]:
    """The rows of a workbook's first sheet by column; what XML cannot hold is escaped there."""
    import openpyxl

    sheet = openpyxl.load_workbook(io.BytesIO(content), read_only=True).worksheets[0]
    header, *rows = (list(map(_unescaped, row)) for row in sheet.iter_rows(values_only=True))
    return [dict(zip(header, row, strict=True)) for row in rows]


def _unescaped(cell: Any) -> Any:
    return re.sub("_x([0-9A-F]{4})_", lambda found: chr(int(found[1], 16)), cell) if isinstance(cell, str) else cell


READERS: Mapping[str, Callable[[bytes], list[dict[str, Any]]]] = {
    ".csv": read_csv,
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
    ".parquet": read_parquet,
    ".xlsx": read_xlsx,
}
"""By the ending of a file name: what reads it."""


def is_cell(written: Any, cell: Cell, record: Mapping[str, Any], column: str) -> bool:
    """Whether what was read from a file stands for a cell: numbers by six digits, nothing as empty or absent."""
    if cell is None or cell == "":
        return written in {None, ""}
    if isinstance(cell, float):
        try:
            return abs(float(written) - cell) <= 1e-5 * abs(cell)
        except (TypeError, ValueError):
            return False
    if column == "filepath" and any("\ud800" <= character <= "\udfff" for character in cell):
        # A format of Unicode text gives the bytes of such a name beside it.
        return written == cell or record.get("filepath_b64") == b64encode(os.fsencode(cell)).decode()
    return bool(written == cell)


# -------------------------------------------------------------------------------------------------------------- time


@contextlib.contextmanager
def another_day(module: str) -> Iterator[None]:
    """Let a plugin's code see a date two years ahead, however it imported the clock.

    Args:
        module: the plugin's module; what it and its package imported by name is exchanged, too.
    """
    ahead = 2 * 366 * 86_400 + 3_723

    class Later(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Any:
            return datetime.datetime.fromtimestamp(clock.time() + ahead, tz)

        @classmethod
        def utcnow(cls) -> Any:
            return datetime.datetime.fromtimestamp(clock.time() + ahead, datetime.UTC).replace(tzinfo=None)

        @classmethod
        def today(cls) -> Any:
            return cls.now()

    class LaterDate(datetime.date):
        @classmethod
        def today(cls) -> Any:
            return Later.now().date()

    clock = ModuleType("clock")
    names = ("time", "time_ns", "localtime", "gmtime", "strftime", "ctime", "asctime")
    for name in names:
        setattr(clock, name, getattr(time, name))
    moved: dict[int, Any] = {
        id(time.time): lambda: clock.time() + ahead,
        id(time.time_ns): lambda: clock.time_ns() + ahead * 10**9,
        id(time.localtime): lambda seconds=None: clock.localtime(clock.time() + ahead if seconds is None else seconds),
        id(time.gmtime): lambda seconds=None: clock.gmtime(clock.time() + ahead if seconds is None else seconds),
        id(time.ctime): lambda seconds=None: clock.ctime(clock.time() + ahead if seconds is None else seconds),
        id(time.asctime): lambda moment=None: clock.asctime(moment or clock.localtime(clock.time() + ahead)),
        id(time.strftime): lambda form, moment=None: clock.strftime(
            form, moment or clock.localtime(clock.time() + ahead)
        ),
        id(datetime.datetime): Later,
        id(datetime.date): LaterDate,
    }
    package = module.partition(".")[0]
    modules = [
        time,
        datetime,
        *(found for name, found in list(sys.modules.items()) if name.partition(".")[0] == package),
    ]
    changed: list[tuple[ModuleType, str, Any]] = []
    try:
        for place in modules:
            for name, value in list(vars(place).items()):
                if id(value) in moved and not name.startswith("__"):
                    changed.append((place, name, value))
                    setattr(place, name, moved[id(value)])
        yield
    finally:
        for place, name, value in changed:
            setattr(place, name, value)
