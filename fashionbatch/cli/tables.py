"""Tables for the terminal, aligned for wide characters too."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence


def format_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table, head first; the last column runs on, so that only it can be cut by a narrow terminal.

    Args:
        head: the columns' titles.
        rows: as many cells each as the head has.
    """
    lines = [[printable(cell) for cell in row] for row in (head, *rows)]
    widths = [max(map(width, column)) for column in zip(*lines, strict=True)]
    return [
        "  ".join([*(pad(cell, size) for cell, size in zip(row[:-1], widths[:-1], strict=True)), row[-1]]).rstrip()
        for row in lines
    ]


def width(text: str) -> int:
    """Columns that the text takes on a terminal: two for each East Asian wide character, none for a combining one."""
    return sum(
        0 if unicodedata.combining(character) else 1 + (unicodedata.east_asian_width(character) in "WF")
        for character in text
    )


def pad(text: str, size: int) -> str:
    """The text with spaces after it, up to that many columns."""
    return text + " " * (size - width(text))


def printable(text: str) -> str:
    """The text on one line: control characters, and bytes that are no UTF-8, as escapes."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape", "surrogatepass").decode("ascii")
        for character in text
    )
