"""Takes over rows of an earlier table for files that have not changed since."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from fashionbatch.errors import DataError
from fashionbatch.labeling import durable
from fashionbatch.labeling.cells import CellWriter
from fashionbatch.labeling.job import JobPaths, differences
from fashionbatch.labeling.manifest import UNKNOWN, FileRecord, Manifest
from fashionbatch.labeling.rows import FIRST_COLUMNS
from fashionbatch.labeling.tables import TableReader
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
        changed: files of another size or time.
        retried: files that are the same but had no label.
        gone: rows of the earlier table whose files are no more.
    """

    reused: int = 0
    new: int = 0
    changed: int = 0
    retried: int = 0
    gone: int = 0

    def __str__(self) -> str:
        return (
            f"{self.reused:,} rows reused, {self.new:,} files new, {self.changed:,} changed, "
            f"{self.retried:,} tried again, {self.gone:,} gone"
        )


def reuse_rows(previous: Path, paths: JobPaths, description: dict[str, Any], *, retry_errors: bool) -> dict[str, int]:
    """Freeze what is reused of an earlier table in the job directory.

    Args:
        previous: the earlier table, with its sidecar and its list of files beside it.
        paths: of the new output; its manifest is there.
        description: of the new job.
        retry_errors: take over only rows that have the status `ok`.

    Returns:
        The numbers of a Reuse.

    Raises:
        DataError: the earlier table was changed, or made by another bundle or with other options.
        OutputError: the job directory cannot be written.
    """
    old = JobPaths(previous)
    meta = _read_meta(old)
    _require_same_making(previous, meta, description)
    _require_digest(previous, meta["sha256"], "the table was changed after it was written")
    _require_digest(old.files, meta["files"]["digest"], "the list of files is not the table's")
    counts = Reuse()
    before, now = Manifest(old.files), Manifest(paths.manifest)
    try:
        table = TableReader(previous, meta["options"]["format"])
        rows = zip(before.rows(0, len(before)), table.rows(), strict=True)

        def write(file: BinaryIO) -> None:
            writer = CellWriter(file)
            for cells in _join(rows, now.rows(0, len(now)), counts, retry_errors=retry_errors):
                writer.add_cells(cells)
            writer.finish()

        durable.write_file(paths.reused, write)
    finally:
        before.close()
        now.close()
    return asdict(counts)


def _join(
    old: Iterator[tuple[FileRecord, list[Cell]]], new: Iterator[FileRecord], counts: Reuse, *, retry_errors: bool
) -> Iterator[Sequence[Cell] | None]:
    """For each new file the cells to reuse, or None. Both sides ascend by path."""
    final = {"ok"} if retry_errors else _FINAL
    before = next(old, None)
    for file in new:
        while before is not None and before[0].path < file.path:
            counts.gone += 1
            before = next(old, None)
        if before is None or before[0].path != file.path:
            counts.new += 1
            yield None
            continue
        record, cells = before
        before = next(old, None)
        if record != file or file.size == UNKNOWN:
            counts.changed += 1
            yield None
        elif cells[1] not in final:
            counts.retried += 1
            yield None
        else:
            counts.reused += 1
            yield cells[1 : len(FIRST_COLUMNS)] + cells[len(FIRST_COLUMNS) :]
    counts.gone += (before is not None) + sum(1 for _ in old)


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
    if list(meta["columns"]) != list(description["columns"]) and not found:
        found = ["the columns differ"]
    if found:
        raise DataError(
            f"{previous}: its rows cannot be reused: {'; '.join(found).replace('in the job', 'there')}",
            hint="leave out --previous to label all files",
        )


def _require_digest(path: Path, expected: str, problem: str) -> None:
    try:
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}", hint="leave out --previous to label all files") from None
    if digest != expected:
        raise DataError(f"{path}: {problem}", hint="leave out --previous to label all files")
