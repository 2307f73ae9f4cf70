"""Cells of a table for each row of a job, kept in a file that is read a shard at a time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from fashionbatch.labeling.job.blocks import BlockReader, BlockWriter

if TYPE_CHECKING:
    # The process that lists files need not wait for pydantic.
    from fashionbatch.specs import Cell

_MAGIC = b"FBCELLS1"


class CellWriter(BlockWriter):
    """Writes cells for each row of a job.

    Args:
        file: a new binary file.
    """

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file, _MAGIC)

    def add_cells(self, cells: Sequence[Cell] | None) -> None:
        """Add a row's cells, or None for a row without any."""
        self.add(b"" if cells is None else json.dumps(cells, separators=(",", ":")).encode("ascii"))


class CellReader:
    """Reads what a CellWriter wrote.

    Args:
        path: the file.

    Raises:
        OutputError: it is damaged.
    """

    def __init__(self, path: Path) -> None:
        self._blocks = BlockReader(path, _MAGIC)

    def rows(self, start: int, stop: int) -> list[list[Cell] | None]:
        """The cells of the rows from `start` up to `stop`.

        Raises:
            OutputError: they are damaged.
        """
        rows = []
        for record in self._blocks.records(start, stop):
            try:
                cells = json.loads(record) if record else None
            except (ValueError, RecursionError):
                raise self._blocks.damaged("holds cells that cannot be read") from None
            if not (cells is None or (isinstance(cells, list) and all(map(_is_cell, cells)))):
                raise self._blocks.damaged("holds cells that cannot be")
            rows.append(cells)
        return rows

    def close(self) -> None:
        """Close the file."""
        self._blocks.close()


def _is_cell(value: object) -> bool:
    return value is None or isinstance(value, (str, float))
