"""Takes over rows of an earlier table for files that have not changed since."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from fashionbatch import disk
from fashionbatch.errors import DataError
from fashionbatch.labeling.job.cells import CellWriter
from fashionbatch.labeling.job.manifest import UNKNOWN, Manifest, ScannedFile
from fashionbatch.labeling.job.paths import JobPaths
from fashionbatch.labeling.job.record import JobDescription, differences
from fashionbatch.labeling.reuse.join import Join
from fashionbatch.labels.columns import FIRST_COLUMNS
from fashionbatch.labels.fetching import FILES_ENDING, table_here
from fashionbatch.labels.parts import digest_of_table
from fashionbatch.labels.reader import TableReader
from fashionbatch.labels.records import Compute, DecodingRecord, Match, Record, ReuseCounts
from fashionbatch.labels.sidecar import SIDECAR_ENDING, Sidecar, sidecar_of
from fashionbatch.progress import OpenBar, no_bar
from fashionbatch.specs import Cell
from fashionbatch.stores.address import Location

_ROW_OPTIONS = (
    "format",
    "format_parameters",
    "topk",
    "probabilities",
    "threshold",
    "spreadsheet_safe",
    "accept_truncated",
)
_HINT = "leave out --previous to label all files"
# A file that was away or changing had a bad moment; what cannot be decoded cannot be decoded again.
_FINAL = {"ok", "error", "timeout", "crashed"}


def reuse_rows(
    previous: Location,
    paths: JobPaths,
    job: JobDescription,
    *,
    match: Match,
    retry_errors: bool,
    bar: OpenBar = no_bar,
) -> ReuseCounts:
    """Freeze what is reused of an earlier table in the job directory.

    Args:
        previous: the earlier table, with its sidecar and its list of files beside it, on this machine or in a store.
        paths: of the new output; its manifest is there.
        job: the new one.
        match: what makes a file the same. By `sha256` a row is reused under the condition that its file, when a worker
            looks at it, has the digest that stands before the row's cells.
        retry_errors: take over only rows that have the status `ok`.
        bar: shows how far a table is fetched that lies in a store.

    Returns:
        How the files compare.

    Raises:
        DataError: the earlier table was changed, or made by another bundle or with other options, or its files have no
            digests though they are needed.
        OutputError: the job directory cannot be written.
    """
    sidecar = _sidecar_of(previous)
    _require_same_making(previous, sidecar, job)
    rules = _Rules(by_content=match == "sha256", final=frozenset({"ok"} if retry_errors else _FINAL))
    with contextlib.ExitStack() as stack:
        old = JobPaths(stack.enter_context(table_here(previous, beside=(FILES_ENDING,), bar=bar)))
        _require_digest(previous, old.output, sidecar.sha256, "the table was changed after it was written")
        files = f"{previous}{FILES_ENDING}"
        _require_digest(files, old.files, sidecar.files.digest, "the list of files is not the table's")
        before = stack.enter_context(contextlib.closing(Manifest(old.files)))
        now = stack.enter_context(contextlib.closing(Manifest(paths.manifest)))
        if rules.by_content and not before.has_digests:
            raise DataError(
                f"{previous}: was made without --match sha256, so the digests of its files are not known",
                hint="label once with --match sha256 and without --previous, or compare by --match time",
            )
        join = Join(
            _rows(previous, old.output, sidecar, before, by_content=rules.by_content),
            now.rows(0, len(now)),
            rules.decide,
            in_order=before.is_ordered and now.is_ordered,
            scratch=paths.directory,
        )

        def write(file: BinaryIO) -> None:
            writer = CellWriter(file)
            for cells in join.cells():
                writer.add_cells(cells)
            writer.finish()

        disk.write_file(paths.reused, write)
    return ReuseCounts(gone=join.gone, **rules.counts)


@dataclass
class _Rules:
    """Says for each file whether its row is reused, and counts.

    Attributes:
        by_content: whether a digest decides; else size and time do.
        final: the statuses of rows that can be reused.
        counts: so far.
    """

    by_content: bool
    final: frozenset[str]
    counts: Counter[str] = field(default_factory=Counter)

    def decide(self, now: ScannedFile, then: ScannedFile | None, status: str) -> bool:
        """Whether the row of a file is reused, by content: whether it will be if the content is the same."""
        counts = self.counts
        if then is None:
            counts["new"] += 1
        elif now.size == UNKNOWN or now.size != then.size or (not self.by_content and now.mtime_ns != then.mtime_ns):
            counts["changed"] += 1
        elif status not in self.final or (self.by_content and not then.sha256):
            counts["retried"] += 1
        elif self.by_content:
            counts["compared"] += 1
            return True
        else:
            counts["reused"] += 1
            return True
        return False


def _rows(
    previous: Location, place: Path, sidecar: Sidecar, files: Manifest, *, by_content: bool
) -> Iterator[tuple[ScannedFile, str, Sequence[Cell]]]:
    """Each row's file, its status, and what is reused of it: digest or nothing, status, error, label cells."""
    labels = len(FIRST_COLUMNS) + len(sidecar.options.keep)
    with TableReader(place, sidecar.options.format) as table:
        if list(table.columns) != list(sidecar.columns):
            raise DataError(f"{previous}: its columns are not those that its sidecar names", hint=_HINT)
        try:
            for file, cells in zip(files.rows(0, len(files)), table.rows(), strict=True):
                digest = file.sha256.hex() if by_content else ""
                yield file, str(cells[1]), [digest, *cells[1 : len(FIRST_COLUMNS)], *cells[labels:]]
        except ValueError:
            raise DataError(f"{previous}: has more or fewer rows than its list of files", hint=_HINT) from None


def _sidecar_of(previous: Location) -> Sidecar:
    sidecar = sidecar_of(previous)
    if sidecar is None:
        raise DataError(
            f"{previous}: {previous.name}{SIDECAR_ENDING} is not beside it",
            hint="--previous needs what classify wrote beside the table",
        )
    return sidecar


class _Making(Record):
    """What two tables must have in common for a row of one to stand in the other."""

    bundles: Sequence[str]
    options: Mapping[str, object]
    compute: Compute
    decoding: DecodingRecord


def _require_same_making(previous: Location, sidecar: Sidecar, job: JobDescription) -> None:
    before, now = (
        _Making(
            bundles=[bundle.digest for bundle in one.bundles],
            options={name: one.options.as_json().get(name) for name in _ROW_OPTIONS},
            compute=one.compute,
            decoding=one.decoding,
        )
        for one in (sidecar, job)
    )
    found = differences(before, now)
    if _label_columns(sidecar) != _label_columns(job) and not found:
        found = ["the columns differ"]
    if found:
        raise DataError(
            f"{previous}: its rows cannot be reused: {'; '.join(found).replace('in the job', 'there')}",
            hint=_HINT,
        )


def _label_columns(table: Sidecar | JobDescription) -> list[str]:
    """The columns without those that come from the user's own list, which may be others than before."""
    first, kept = len(FIRST_COLUMNS), len(table.options.keep)
    return [*table.columns[:first], *table.columns[first + kept :]]


def _require_digest(name: object, place: Path, expected: str, problem: str) -> None:
    try:
        digest = digest_of_table(place)
    except OSError as error:
        raise DataError(f"{name}: {disk.why_unreadable(error)}", hint=_HINT) from None
    if digest != expected:
        raise DataError(f"{name}: {problem}", hint=_HINT)
