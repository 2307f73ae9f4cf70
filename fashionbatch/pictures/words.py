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


def wrapped(text: str, width: int, lines: int = 2) -> str:
    """The text on at most that many lines of `width` cells, broken at spaces and after `_`, `-` and `/` if possible."""
    done: list[str] = []
    left = text
    while cells(left) > width and len(done) < lines - 1:
        cut = _break(left, width)
        done.append(left[:cut].rstrip())
        left = left[cut:].lstrip()
    return "\n".join([*done, shortened(left, width)])


def _break(text: str, width: int) -> int:
    """Where to break so that the first part fits: after the last breaking point, else where it is full."""
    full = next(end for end in range(1, len(text) + 1) if cells(text[: end + 1]) > width)
    good = [end for end in range(1, full + 1) if text[end - 1] in " _-/" or text[end : end + 1] == " "]
    return good[-1] if good and good[-1] > full // 3 else full
