"""How far something is, as programs and notebooks want to be told: bars and lines, a function, or nothing."""

from __future__ import annotations

import contextlib
import sys
from typing import TypeAlias

from fashionbatch.progress import Reporter, Show, bars_are_seen, silent

Progress: TypeAlias = bool | Show | Reporter
"""True shows bars and lines, False nothing; a function is called with each line, and a reporter is used as it is."""


def reporter_of(progress: Progress) -> Reporter:
    """What shows progress as it was asked for.

    True prints lines to standard output, where a notebook shows them in their order, and draws bars in a notebook and
    on a terminal; elsewhere there is a line every ten seconds.

    Raises:
        TypeError: it is none of these.
    """
    if isinstance(progress, Reporter):
        return progress
    if progress is True:
        return Reporter(_print, bars=bars_are_seen())
    if progress is False:
        return silent()
    if not callable(progress):
        raise TypeError(f"progress must be True, False or a function that takes a line, got {progress!r}")
    return Reporter(progress, bars=False)


def _print(line: str) -> None:
    # Work goes on when whoever read its messages has left.
    with contextlib.suppress(OSError):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
