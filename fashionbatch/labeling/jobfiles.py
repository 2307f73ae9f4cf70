"""The rows of a job as they were frozen: files, the user's own columns, and what is reused of an earlier table."""

from __future__ import annotations

from fashionbatch.labeling.cells import CellReader
from fashionbatch.labeling.job import JobPaths
from fashionbatch.labeling.manifest import Manifest
from fashionbatch.labeling.rows import ShardRows


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
