"""What stands between the cells of a CSV file."""

from __future__ import annotations

import csv
import re
from typing import Final

AUTO: Final = "auto"
"""The encoding or the delimiter is found out."""

_DELIMITERS: Final = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_SHOWN_ROWS: Final = 50
_SAID: Final = re.compile(r"sep=(.)[\r\n]+", re.IGNORECASE)


def said_delimiter(head: str) -> tuple[str, int] | None:
    """The delimiter that a first line such as `sep=;` says, as Excel writes it, and how long that line is."""
    match = _SAID.match(head)
    return (match[1], match.end()) if match else None


def found_delimiter(head: str, *, is_whole: bool) -> str:
    """The delimiter by which the first rows have as many cells as the header; a comma where none does better.

    Args:
        head: the text's beginning.
        is_whole: whether nothing comes after it.
    """
    best, most = ",", 1
    for delimiter in _DELIMITERS:
        widths = _widths(head, delimiter, is_whole=is_whole)
        if len(widths) != 1:
            continue
        (width,) = widths
        if width > most:
            best, most = delimiter, width
    if most == 1:
        # Every row is broken, or there is one column: the header alone says what was meant.
        header = next((line for line in head.splitlines() if line), "")
        best = max(_DELIMITERS, key=header.count) if any(map(header.count, _DELIMITERS)) else ","
    return best


def name_of(delimiter: str) -> str:
    """The delimiter in words."""
    return _DELIMITERS.get(delimiter, repr(delimiter))


def _widths(head: str, delimiter: str, *, is_whole: bool) -> set[int]:
    """The numbers of cells that rows have."""
    rows = []
    try:
        for row in csv.reader(head.splitlines(keepends=True), delimiter=delimiter, strict=True):
            rows.append(row)
            if len(rows) > _SHOWN_ROWS:
                break
        else:
            if not is_whole and len(rows) > 1:
                rows.pop()
    except csv.Error:
        if is_whole:
            return set()
    return {len(row) for row in rows if row}
