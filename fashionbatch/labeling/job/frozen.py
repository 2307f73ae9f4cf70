"""The rows of a job as they were frozen: files, the user's own columns, and what is reused of an earlier table."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from fashionbatch.errors import OutputError
from fashionbatch.labeling.job.cells import CellReader
from fashionbatch.labeling.job.manifest import Manifest, ScannedFile
from fashionbatch.labeling.job.paths import JobPaths
from fashionbatch.labeling.job.record import Job
from fashionbatch.specs import Cell


class JobFiles:
    """Reads the rows of a job, a shard at a time.

    Args:
        paths: of the output.

    Raises:
        OutputError: a file of them is damaged.
    """

    def __init__(self, paths: JobPaths) -> None:
        self.manifest = Manifest(paths.manifest)
        self._kept = CellReader(paths.kept) if paths.kept.exists() else None
        self._reused = CellReader(paths.reused) if paths.reused.exists() else None

    def rows(self, start: int, stop: int) -> ShardRows:
        """The rows from `start` up to `stop`.

        Raises:
            OutputError: they are damaged.
        """
        kept = self._kept.rows(start, stop) if self._kept else []
        reused = self._reused.rows(start, stop) if self._reused else []
        expected = [bytes.fromhex(str(row[0])) if row else b"" for row in reused]
        return ShardRows(
            files=list(self.manifest.rows(start, stop)),
            kept=[row or () for row in kept],
            reused=[row and row[1:] for row in reused],
            expected=expected if any(expected) else (),
        )

    def close(self) -> None:
        """Close the files."""
        self.manifest.close()
        for reader in (self._kept, self._reused):
            if reader is not None:
                reader.close()


def require_same_files(paths: JobPaths, job: Job) -> None:
    """Compare the list of files with the one that a job began with, without reading all of it where that can be helped.

    Raises:
        OutputError: it is another one, or it or what belongs to it is damaged.
    """
    with contextlib.closing(JobFiles(paths)) as files:
        if files.manifest.index_digest != job.files_index and files.manifest.digest() != job.files.digest:
            raise OutputError(
                f"{paths.manifest} is not the list of files that the job began with",
                hint="`--restart` scans the folder again and begins anew",
            )


@dataclass
class ShardRows:
    """The files of a shard, and what is known about them besides what the networks say.

    Attributes:
        files: one a row.
        kept: for each row the cells of the user's own columns; empty where there are none.
        reused: for each row status, error and cells of an earlier table, or None; empty where nothing is reused.
        expected: for each row the SHA-256 of the content that `reused` is for, empty where any has to be labeled; empty
            altogether where `reused` counts without a look at the files.
        same: positions among the rows to label of files whose content was the expected one.
        failed: position among the rows to label -> status and error of a file that was not decoded.
        notes: position among the rows to label -> what the row of a file that was decoded says of it.
    """

    files: Sequence[ScannedFile]
    kept: Sequence[Sequence[Cell]] = ()
    reused: Sequence[Sequence[Cell] | None] = ()
    expected: Sequence[bytes] = ()
    same: set[int] = field(default_factory=set)
    failed: dict[int, tuple[str, str]] = field(default_factory=dict)
    notes: dict[int, str] = field(default_factory=dict)

    @property
    def to_label(self) -> list[ScannedFile]:
        """The files that have to be looked at: all but those whose rows are reused without a look."""
        return [self.files[row] for row in self.rows_to_label]

    @property
    def rows_to_label(self) -> Sequence[int]:
        """Which rows those are, counted from the shard's first."""
        if not self.reused or self.expected:
            return range(len(self.files))
        return [row for row, old in enumerate(self.reused) if old is None]
