"""Texts that fit where they are drawn."""

from __future__ import annotations

import unicodedata

ELLIPSIS = "…"


def cells(text: str) -> int:
    """About how wide a text is, in characters of Latin: Korean and the like take two."""
    return sum(
        0 if unicodedata.combining(character) else 1 + (unicodedata.east_asian_width(character) in "WF")
        for character in text
    )


def shortened(text: str, width: int) -> str:
    """The text, cut in its middle by an ellipsis where it takes more than `width` cells: both ends tell names apart."""
    if cells(text) <= width:
        return text
    head, tail = "", ""
    while True:
        # The head grows first: it is the more telling half.
        rest = text[len(head) : len(text) - len(tail)]
        step_head = len(head) <= len(tail) * 2
        candidate = head + rest[0] if step_head else rest[-1] + tail
        grown = cells(candidate) + cells(tail if step_head else head) + 1
        if grown > width:
            return head.rstrip() + ELLIPSIS + tail.lstrip()
        head, tail = (candidate, tail) if step_head else (head, candidate)
