"""Small pieces of HTML for notebooks: text is escaped, and there is no script in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from fashionbatch.display_width import printable


def table(head: Sequence[str], rows: Iterable[Sequence[Any]], *, caption: str = "") -> str:
    """A table of text; floats have four digits."""
    title = f"<caption>{_text(caption)}</caption>" if caption else ""
    return f"<table>{title}<thead>{_row(head, 'th')}</thead><tbody>{''.join(_row(row) for row in rows)}</tbody></table>"


def _row(cells: Sequence[Any], tag: str = "td") -> str:
    return f"<tr>{''.join(f'<{tag}>{_text(cell)}</{tag}>' for cell in cells)}</tr>"


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    text = f"{cell:.4f}" if isinstance(cell, float) else f"{cell:,}" if isinstance(cell, int) else str(cell)
    # Names of files may hold halves of characters, which no page can show.
    return escape(printable(text).encode("utf-8", "replace").decode())
