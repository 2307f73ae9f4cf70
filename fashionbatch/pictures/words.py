"""Texts that fit where they are drawn."""

from __future__ import annotations

from fashionbatch.display_width import display_width

ELLIPSIS = "…"


def shortened(text: str, width: int) -> str:
    """The text, cut in its middle by an ellipsis where it takes more than `width` cells: both ends tell names apart."""
    if display_width(text) <= width:
        return text
    head, tail = "", ""
    while True:
        # The head grows first: it is the more telling half.
        rest = text[len(head) : len(text) - len(tail)]
        step_head = len(head) <= len(tail) * 2
        candidate = head + rest[0] if step_head else rest[-1] + tail
        grown = display_width(candidate) + display_width(tail if step_head else head) + 1
        if grown > width:
            return head.rstrip() + ELLIPSIS + tail.lstrip()
        head, tail = (candidate, tail) if step_head else (head, candidate)
