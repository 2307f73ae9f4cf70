"""Plain-text tables whose columns also stand straight under Korean, Chinese or Japanese."""

from __future__ import annotations

from collections.abc import Sequence

from fashionbatch.display_width import display_width

_GAP = "  "


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
