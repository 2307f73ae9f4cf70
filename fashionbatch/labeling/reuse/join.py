"""Finds each file of a job in an earlier table, by path. Neither side has to fit into memory, or to be in any order."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

from fashionbatch.errors import OutputError
from fashionbatch.labeling.job.manifest import ScannedFile
from fashionbatch.labeling.job.paths import SCRATCH_DATABASE
from fashionbatch.specs import Cell

OldRow: TypeAlias = tuple[ScannedFile, str, Sequence[Cell]]
"""A row of the earlier table: its file, its status, and the cells that can be reused."""

Decide: TypeAlias = Callable[[ScannedFile, ScannedFile | None, str], bool]
"""Whether a file's row is reused, from the file now, the file then, and the status of its row."""

_CACHE_KIB = 32_768
_FILES = "path BLOB NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, sha256 BLOB NOT NULL"
_TABLES = (
    f"CREATE TABLE old (row INTEGER PRIMARY KEY, {_FILES}, status TEXT NOT NULL, cells BLOB NOT NULL)",
    f"CREATE TABLE new (row INTEGER PRIMARY KEY, {_FILES})",
)
# Made after the rows are there: sorting once is faster than keeping order.
_INDEXES = "CREATE INDEX old_path ON old (path)", "CREATE INDEX new_path ON new (path)"
# Of a path that comes several times in the earlier table the first row counts.
_MATCHES = """
    SELECT new.path, new.size, new.mtime_ns, new.sha256,
           old.path, old.size, old.mtime_ns, old.sha256, old.status, old.cells
    FROM new LEFT JOIN old ON old.row = (SELECT min(row) FROM old AS one WHERE one.path = new.path)
    ORDER BY new.row
"""
_GONE = "SELECT count(*) FROM old WHERE NOT EXISTS (SELECT 1 FROM new WHERE new.path = old.path)"


class Join:
    """One pass over both sides.

    Args:
        old: the earlier table's rows.
        new: the job's files.
        decide: says what is reused.
        in_order: whether both sides ascend by path, each path once. Then they are merged as they come, which takes a
            ninth of the time; else a database on the disk finds the paths.
        scratch: a folder for the database.

    Attributes:
        gone: rows of the earlier table whose paths the job does not have; final when `cells` has ended.
    """

    def __init__(
        self, old: Iterator[OldRow], new: Iterator[ScannedFile], decide: Decide, *, in_order: bool, scratch: Path
    ) -> None:
        self.gone = 0
        self._old = old
        self._new = new
        self._decide = decide
        self._in_order = in_order
        self._scratch = scratch

    def cells(self) -> Iterator[Sequence[Cell] | None]:
        """For each file of the job, in its order, the cells to reuse, or None.

        Raises:
            OutputError: the folder for the database cannot be written, or is full.
        """
        return self._merged() if self._in_order else self._looked_up()

    def _merged(self) -> Iterator[Sequence[Cell] | None]:
        before = next(self._old, None)
        for file in self._new:
            while before is not None and before[0].path < file.path:
                self.gone += 1
                before = next(self._old, None)
            if before is None or before[0].path != file.path:
                self._decide(file, None, "")
                yield None
            else:
                then, status, cells = before
                yield cells if self._decide(file, then, status) else None
                before = next(self._old, None)
        self.gone += (before is not None) + sum(1 for _ in self._old)

    def _looked_up(self) -> Iterator[Sequence[Cell] | None]:
        with _database(self._scratch / SCRATCH_DATABASE) as database:
            for table in _TABLES:
                database.execute(table)
            database.executemany(
                "INSERT INTO old (path, size, mtime_ns, sha256, status, cells) VALUES (?, ?, ?, ?, ?, ?)",
                ((*file[:4], status, json.dumps(cells).encode("ascii")) for file, status, cells in self._old),
            )
            database.executemany(
                "INSERT INTO new (path, size, mtime_ns, sha256) VALUES (?, ?, ?, ?)", (file[:4] for file in self._new)
            )
            for index in _INDEXES:
                database.execute(index)
            for found in database.execute(_MATCHES):
                now, (status, cells) = ScannedFile(*found[:4]), found[8:]
                then = None if cells is None else ScannedFile(*found[4:8])
                reused = self._decide(now, then, status or "")
                yield json.loads(cells) if reused and cells is not None else None
            (self.gone,) = database.execute(_GONE).fetchone()


@contextlib.contextmanager
def _database(path: Path) -> Iterator[sqlite3.Connection]:
    """A database for this process alone, which is gone in the end; what a killed run left of one is replaced."""
    path.unlink(missing_ok=True)
    try:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
            database.executescript(
                f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -{_CACHE_KIB};"
            )
            # One transaction, which never ends: nobody needs the file after that.
            database.execute("BEGIN")
            yield database
    except sqlite3.OperationalError as error:
        raise OutputError(f"{path}: cannot be written: {error}", hint="make room, then start again") from error
    finally:
        path.unlink(missing_ok=True)
