"""Plain-text tables whose columns also stand straight under Korean, Chinese or Japanese."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

_GAP = "  "


def display_width(text: str) -> int:
    """How many terminal cells a text takes: wide characters take two, combining ones none."""
    return sum(_cells(character) for character in text)


def aligned(rows: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """Rows of cells as lines whose columns stand straight.

    Args:
        rows: of equal length; the first may be the header.
        left: how many of the first columns are flush left; the others are flush right, as numbers are.

    Returns:
        The lines, joined, without spaces at their ends and without a final line end.
    """
    widths = [max(map(display_width, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        columns = enumerate(zip(row, widths, strict=True))
        lines.append(_GAP.join(_padded(cell, width, left=number < left) for number, (cell, width) in columns).rstrip())
    return "\n".join(lines)


def _padded(text: str, width: int, *, left: bool) -> str:
    filling = " " * (width - display_width(text))
    return text + filling if left else filling + text


def _cells(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me", "Cf"} or "\u1160" <= character <= "\u11ff":
        return 0  # accents, invisible marks, and the vowels and finals of decomposed Hangul
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
