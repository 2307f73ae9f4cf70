"""Tables for the terminal, aligned for wide characters too."""

from __future__ import annotations

from collections.abc import Sequence

import click

from fashionbatch.display_width import counted, display_width, printable

__all__ = ["counted", "encoding_option", "format_table", "pad", "printable"]

encoding_option = click.option(
    "--encoding",
    default="auto",
    metavar="NAME",
    help="Encoding of CSV files that are not UTF-8, such as cp949 or cp1252.  [default: found out]",
)


def format_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table, head first; the last column runs on, so that only it can be cut by a narrow terminal.

    Args:
        head: the columns' titles.
        rows: as many cells each as the head has.
    """
    lines = [[printable(cell) for cell in row] for row in (head, *rows)]
    widths = [max(map(display_width, column)) for column in zip(*lines, strict=True)]
    return [
        "  ".join([*(pad(cell, size) for cell, size in zip(row[:-1], widths[:-1], strict=True)), row[-1]]).rstrip()
        for row in lines
    ]


def pad(text: str, size: int) -> str:
    """The text with spaces after it, up to that many columns."""
    return text + " " * (size - display_width(text))
