"""How damage is told: in words of pictures, the same for every format."""

from __future__ import annotations


def truncated(missing: int, rows: int) -> str:
    """That a file was cut short, with the share of its rows that is not there."""
    return f"OSError: image file is truncated ({missing} of {rows} rows are missing, {share_text(missing / rows)})"


def share_text(share: float) -> str:
    """A share as percent: never 0% for something, never 100% for less than all."""
    percent = round(100 * share)
    if percent == 0 and share > 0:
        return "less than 1%"
    if percent == 100 and share < 1:
        return "more than 99%"
    return f"{percent}%"
