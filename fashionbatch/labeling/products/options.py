"""The options that decide what stands in a row."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RowOptions:
    """The options that decide what stands in a row.

    Attributes:
        topk: how many of the most likely classes are named, the first of them in `label`.
        probabilities: whether there is a column for each class.
        threshold: below it a label is empty; for several labels it takes the place of the bundle's thresholds.
        spreadsheet_safe: whether text that a spreadsheet would take for a formula gets an apostrophe before it.
        accept_truncated: the share of its rows that an image may lack; None for what the bundle says.
    """

    topk: int = 1
    probabilities: bool = False
    threshold: float | None = None
    spreadsheet_safe: bool = False
    accept_truncated: float | None = None
