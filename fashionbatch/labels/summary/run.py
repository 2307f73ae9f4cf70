"""Summarizes a label table: one pass over its rows, in flat memory."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Sequence

from fashionbatch import disk
from fashionbatch.csvtext import AUTO
from fashionbatch.errors import DataError
from fashionbatch.labels.columns import ERROR, LABEL, LABELS, PATHS, STATUS, without_apostrophe
from fashionbatch.labels.parts import digest_of_table
from fashionbatch.labels.reader import TableReader
from fashionbatch.labels.sidecar import Sidecar, find_sidecar
from fashionbatch.labels.summary.columns import LabelColumn, label_columns_of
from fashionbatch.labels.summary.figures import MadeBy, TableSummary
from fashionbatch.labels.summary.folders import Folders
from fashionbatch.labels.summary.tallies import LabelTally
from fashionbatch.progress import Reporter, silent
from fashionbatch.specs import Cell
from fashionbatch.stores.address import Location

_PART, _CELLS = 20_000, 200_000
"""Rows that are counted at once, and how many cells they have at most."""
_OK = "ok"
_MOST_STATUSES = 100
_MOST_ERRORS = 1000
_NUMBER = re.compile(r"\d+")


def summarize_table(
    path: Location, *, depth: int = 1, least: int = 10, encoding: str = AUTO, reporter: Reporter | None = None
) -> TableSummary:
    """Count what is in a label table.

    Args:
        path: a table that `classify` wrote, or any other one with the columns `filepath` and `label` or `labels`, on
            this machine or in a store.
        depth: how many folders of a path count; 0 for none.
        least: how many of the least sure rows are named.
        encoding: of a CSV file; `auto` finds out.
        reporter: shows how far it is.

    Raises:
        DataError: it is missing or damaged, or lacks the columns, or a cell is no probability.
    """
    reporter = reporter or silent()
    notes: list[str] = []
    with TableReader(path, encoding=encoding, bar=reporter.bar) as table:
        sidecar = _sidecar_of(table, notes)
        counting = _Counting(table, sidecar.options.keep if sidecar else (), depth=depth, least=least)
        rows, done = table.rows(only=counting.columns), 0
        at_once = min(max(_CELLS // len(table.columns), 1), _PART)
        with reporter.bar(f"reading {path.name}", sidecar.rows if sidecar else None, "row") as advance:
            while part := list(itertools.islice(rows, at_once)):
                counting.add(list(zip(*part, strict=True)), done + 1)
                done += len(part)
                advance(done)
        made_by = None
        if sidecar is not None:
            with reporter.waiting("checking the digest of the table"):
                made_by = _made_by(table, sidecar)
    return counting.summary(path, done, made_by, [*table.notes, *notes])


class _Counting:
    """What has been counted so far.

    Attributes:
        columns: the places of those that are looked at.
    """

    def __init__(self, table: TableReader, kept: Sequence[str], *, depth: int, least: int) -> None:
        self._table, self._depth = table.path, depth
        self._path_at = table.column(*PATHS)
        self._status_at, self._error_at = (
            table.columns.index(name) if name in table.columns else None for name in (STATUS, ERROR)
        )
        columns = label_columns_of(table.columns, kept)
        if not columns:
            at = table.column(LABEL, LABELS)
            name = table.columns[at]
            columns = [LabelColumn(name, at, several=name.strip().lower() == LABELS)]
        self._tallies = [LabelTally(column, table.path, table.columns, least=least) for column in columns]
        self._folders = Folders(depth)
        of_rows = [self._path_at, *(at for at in (self._status_at, self._error_at) if at is not None)]
        self.columns = {*of_rows, *(at for column in columns for at in column.places)}
        self._status: Counter[str] = Counter()
        self._errors: Counter[str] = Counter()
        self._other_errors = self._noted = 0

    def add(self, part: Sequence[Sequence[Cell]], first_row: int) -> None:
        """Count some rows, given as columns."""
        paths = [str(path) for path in part[self._path_at]]
        if self._status_at is None:
            is_ok = [True] * len(paths)
        else:
            status = part[self._status_at]
            is_ok = [one == _OK for one in status]
            self._count_status(status, part[self._error_at] if self._error_at is not None else [None] * len(paths))

        def path_of(at: int) -> str:
            return without_apostrophe(paths[at])

        counted = [tally.add(part, first_row, is_ok, path_of) for tally in self._tallies]
        self._folders.add(paths, is_ok, *counted[0])

    def summary(self, path: Location, rows: int, made_by: MadeBy | None, notes: Sequence[str]) -> TableSummary:
        """All that was counted."""
        return TableSummary(
            table=path,
            rows=rows,
            status=dict(_most_first(self._status)),
            errors=dict(_most_first(self._errors)),
            other_errors=self._other_errors,
            noted=self._noted,
            columns=tuple(tally.summary() for tally in self._tallies),
            depth=self._depth,
            folders=self._folders.counts(),
            other_folders=self._folders.others(),
            made_by=made_by,
            notes=tuple(notes),
        )

    def _count_status(self, status: Sequence[Cell], errors: Sequence[Cell]) -> None:
        for (cell, error), rows in Counter(zip(status, errors, strict=True)).items():
            name = str(cell or "")
            self._status[name] += rows
            if name == _OK:
                self._noted += rows if error else 0
            else:
                self._count_error(_NUMBER.sub("N", str(error or "")), rows)
        if len(self._status) > _MOST_STATUSES:
            raise DataError(
                f"{self._table}: the column {STATUS!a} has more than {_MOST_STATUSES} different texts, so it is none "
                "that classify wrote"
            )

    def _count_error(self, error: str, rows: int) -> None:
        if error in self._errors or len(self._errors) < _MOST_ERRORS:
            self._errors[error] += rows
        else:
            self._other_errors += rows


def _most_first(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _sidecar_of(table: TableReader, notes: list[str]) -> Sidecar | None:
    """What stands beside the table; a damaged one is a note, since the table can be read all the same."""
    try:
        return find_sidecar(table.place, shown=table.path)
    except DataError as error:
        notes.append(str(error))
        return None


def _made_by(table: TableReader, sidecar: Sidecar) -> MadeBy:
    # A pass of its own: Parquet is not read from its beginning to its end.
    try:
        digest = digest_of_table(table.place)
    except OSError as error:
        raise DataError(f"{table.path}: {disk.why_unreadable(error)}") from None
    return MadeBy(
        bundles={bundle.name: bundle.digest for bundle in sidecar.bundles},
        folder=sidecar.folder,
        precision=tuple(sidecar.compute.precision),
        finished=sidecar.times.finished,
        seconds=sidecar.times.seconds,
        version=sidecar.versions.fashionbatch,
        is_unchanged=digest == sidecar.sha256,
    )
