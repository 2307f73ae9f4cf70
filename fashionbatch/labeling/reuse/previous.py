"""Takes over rows of an earlier table for files that have not changed since."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeAlias

from fashionbatch import disk
from fashionbatch.errors import DataError
from fashionbatch.labeling.job.cells import CellWriter
from fashionbatch.labeling.job.manifest import UNKNOWN, FileRecord, Manifest
from fashionbatch.labeling.job.paths import JobPaths
from fashionbatch.labeling.job.record import differences
from fashionbatch.labeling.reuse.join import Join
from fashionbatch.labels.columns import FIRST_COLUMNS
from fashionbatch.labels.reader import TableReader
from fashionbatch.specs import Cell

_ROW_OPTIONS = ("format", "topk", "probabilities", "threshold", "spreadsheet_safe")
# A file that was away or changing had a bad moment; what cannot be decoded cannot be decoded again.
_FINAL = {"ok", "error", "timeout", "crashed"}


@dataclass
class Reuse:
    """How the files of a job compare with an earlier table.

    Attributes:
        reused: rows that are taken over.
        new: files that the earlier table does not have.
        changed: files of another size or time, or of another content.
        retried: files that are the same but had no label, or were not read.
        gone: rows of the earlier table whose files are no more.
        compared: files of the same size whose content decides, when they are looked at.
    """

    reused: int = 0
    new: int = 0
    changed: int = 0
    retried: int = 0
    gone: int = 0
    compared: int = 0

    def __str__(self) -> str:
        content = f", {self.compared:,} of the same size, whose content decides" if self.compared else ""
        return (
            f"{self.reused:,} rows reused, {self.new:,} files new, {self.changed:,} changed, "
            f"{self.retried:,} tried again, {self.gone:,} gone{content}"
        )


def settled(reuse: dict[str, int], same: int) -> dict[str, int]:
    """The numbers of a Reuse when all files were looked at, so many of which were the same."""
    rest = {name: number for name, number in reuse.items() if name != "compared"}
    return {**rest, "reused": reuse["reused"] + same, "changed": reuse["changed"] + reuse["compared"] - same}


def reuse_rows(
    previous: Path, paths: JobPaths, description: dict[str, Any], *, match: Match, retry_errors: bool
) -> dict[str, int]:
    """Freeze what is reused of an earlier table in the job directory.

    Args:
        previous: the earlier table, with its sidecar and its list of files beside it.
        paths: of the new output; its manifest is there.
        description: of the new job.
        match: what makes a file the same. By `sha256` a row is reused under the condition that its file, when a worker
            looks at it, has the digest that stands before the row's cells.
        retry_errors: take over only rows that have the status `ok`.

    Returns:
        The numbers of a Reuse.

    Raises:
        DataError: the earlier table was changed, or made by another bundle or with other options, or its files have no
            digests though they are needed.
        OutputError: the job directory cannot be written.
    """
    old = JobPaths(previous)
    meta = _read_meta(old)
    _require_same_making(previous, meta, description)
    _require_digest(previous, meta["sha256"], "the table was changed after it was written")
    _require_digest(old.files, meta["files"]["digest"], "the list of files is not the table's")
    rules = _Rules(by_content=match == "sha256", final=frozenset({"ok"} if retry_errors else _FINAL))
    with contextlib.closing(Manifest(old.files)) as before, contextlib.closing(Manifest(paths.manifest)) as now:
        if rules.by_content and not before.has_digests:
            raise DataError(
                f"{previous}: was made without --match sha256, so the digests of its files are not known",
                hint="label once with --match sha256 and without --previous, or compare by --match time",
            )
        join = Join(
            _rows(previous, meta, before, by_content=rules.by_content),
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
    rules.counts.gone = join.gone
    return asdict(rules.counts)


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
    counts: Reuse = field(default_factory=Reuse)

    def decide(self, now: FileRecord, then: FileRecord | None, status: str) -> bool:
        """Whether the row of a file is reused, by content: whether it will be if the content is the same."""
        counts = self.counts
        if then is None:
            counts.new += 1
        elif now.size == UNKNOWN or now.size != then.size or (not self.by_content and now.mtime_ns != then.mtime_ns):
            counts.changed += 1
        elif status not in self.final or (self.by_content and not then.sha256):
            counts.retried += 1
        elif self.by_content:
            counts.compared += 1
            return True
        else:
            counts.reused += 1
            return True
        return False


def _rows(
    previous: Path, meta: dict[str, Any], files: Manifest, *, by_content: bool
) -> Iterator[tuple[FileRecord, str, Sequence[Cell]]]:
    """Each row's file, its status, and what is reused of it: digest or nothing, status, error, label cells."""
    table = TableReader(previous, meta["options"]["format"])
    labels = len(FIRST_COLUMNS) + len(meta["options"].get("keep") or ())
    for file, cells in zip(files.rows(0, len(files)), table.rows(), strict=True):
        digest = file.sha256.hex() if by_content else ""
        yield file, str(cells[1]), [digest, *cells[1 : len(FIRST_COLUMNS)], *cells[labels:]]


def _read_meta(old: JobPaths) -> dict[str, Any]:
    try:
        meta = json.loads(old.meta.read_bytes())
        assert isinstance(meta["options"], dict)
        assert isinstance(meta["files"]["digest"], str)
        assert isinstance(meta["sha256"], str)
        return dict(meta)
    except FileNotFoundError:
        raise DataError(
            f"{old.output}: {old.meta.name} is not beside it",
            hint="--previous needs what classify wrote beside the table",
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AssertionError, RecursionError):
        raise DataError(f"{old.meta}: not the sidecar of a table of this version") from None


def _require_same_making(previous: Path, meta: dict[str, Any], description: dict[str, Any]) -> None:
    before, now = (
        {
            "bundles": [bundle["digest"] for bundle in one["bundles"]],
            "options": {name: one["options"].get(name) for name in _ROW_OPTIONS},
            "compute": one["compute"],
            "decoding": one["decoding"],
        }
        for one in (meta, description)
    )
    found = differences(before, now)
    if _label_columns(meta) != _label_columns(description) and not found:
        found = ["the columns differ"]
    if found:
        raise DataError(
            f"{previous}: its rows cannot be reused: {'; '.join(found).replace('in the job', 'there')}",
            hint="leave out --previous to label all files",
        )


def _label_columns(description: dict[str, Any]) -> list[str]:
    """The columns without those that come from the user's own list, which may be others than before."""
    first, kept = len(FIRST_COLUMNS), len(description["options"].get("keep") or ())
    return [*description["columns"][:first], *description["columns"][first + kept :]]


def _require_digest(path: Path, expected: str, problem: str) -> None:
    try:
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}", hint="leave out --previous to label all files") from None
    if digest != expected:
        raise DataError(f"{path}: {problem}", hint="leave out --previous to label all files")


Match: TypeAlias = Literal["time", "sha256"]
