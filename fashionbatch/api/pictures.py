"""A picture that a run or an evaluation has drawn, as a notebook shows it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Picture:
    """A PNG file; a notebook shows the picture where this is the last value of a cell.

    Attributes:
        path: the file.
    """

    path: Path

    def _repr_png_(self) -> bytes | None:
        try:
            return self.path.read_bytes()
        except OSError:
            # It was taken away: the notebook says what it was instead.
            return None
