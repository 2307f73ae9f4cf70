"""Finds each file of a job in an earlier table, by path. Neither side has to fit into memory, or to be in any order."""

from __future__ import annotations

import itertools
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias, TypeVar

from fashionbatch.labeling.job.manifest import FileRecord
from fashionbatch.labeling.source.external_sort import external_sort
from fashionbatch.specs import Cell

Payload = TypeVar("Payload")
Found: TypeAlias = "tuple[FileRecord, int, str, Payload]"
"""A row of the earlier table: its file, which row it is, its status, and where or what its cells are."""

Decide: TypeAlias = Callable[[FileRecord, FileRecord | None, str], bool]
"""Whether a file's row is reused, from the file now, the file then, and the status of its row."""


class Join:
    """One pass over both sides.

    Args:
        old: the earlier table's rows: file, status and cells.
        new: the job's files.
        decide: says what is reused.
        in_order: whether both sides ascend by path, each path once; else they are sorted on the disk.
        scratch: a folder for files without a name.

    Attributes:
        gone: rows of the earlier table whose paths the job does not have; final when `cells` has ended.
    """

    def __init__(
        self,
        old: Iterator[tuple[FileRecord, str, Sequence[Cell]]],
        new: Iterator[FileRecord],
        decide: Decide,
        *,
        in_order: bool,
        scratch: Path,
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
            OSError: the scratch folder cannot be written.
        """
        if self._in_order:
            old = ((file, row, status, cells) for row, (file, status, cells) in enumerate(self._old))
            for _, cells in self._match(old, zip(self._new, itertools.count(), strict=False)):
                yield cells
            return
        # Cells may be many: they wait in a file, and only where they lie is sorted.
        with tempfile.TemporaryFile(dir=self._scratch) as stash:

            def stashed() -> Iterator[Found[tuple[int, int]]]:
                start = 0
                for row, (file, status, cells) in enumerate(self._old):
                    size = stash.write(json.dumps(cells).encode("ascii"))
                    yield file, row, status, (start, size)
                    start += size

            old_by_path = external_sort(stashed(), self._scratch)
            new_by_path = external_sort(zip(self._new, itertools.count(), strict=False), self._scratch)
            matches = self._match(old_by_path, new_by_path)
            for _, *place in external_sort(((row, *(place or ())) for row, place in matches), self._scratch):
                if not place:
                    yield None
                    continue
                stash.seek(place[0])
                found: list[Cell] = json.loads(stash.read(place[1]))
                yield found

    def _match(
        self, old: Iterator[Found[Payload]], new: Iterator[tuple[FileRecord, int]]
    ) -> Iterator[tuple[int, Payload | None]]:
        """For each new file its row, and what is reused. Both sides ascend by path, which may come several times."""
        before = next(old, None)
        found: Found[Payload] | None = None
        for file, row in new:
            while before is not None and before[0].path <= file.path:
                self.gone += before[0].path < file.path
                if found is None or found[0].path != before[0].path:
                    found = before
                before = next(old, None)
            if found is None or found[0].path != file.path:
                self._decide(file, None, "")
                yield row, None
                continue
            then, _, status, payload = found
            yield row, payload if self._decide(file, then, status) else None
        self.gone += (before is not None) + sum(1 for _ in old)
