"""How far something is, as programs and notebooks want to be told: bars and lines, a function, or nothing."""

from __future__ import annotations

import contextlib
import sys
from typing import TypeAlias

from fashionbatch.progress import Advance, Reporter, Show, in_notebook

Progress: TypeAlias = bool | Show | Reporter
"""True shows bars and lines, False nothing; a function is called with each line, and a reporter is used as it is."""


def reporter_of(progress: Progress) -> Reporter:
    """What shows progress as it was asked for.

    True prints lines to standard output, where a notebook shows them in their order, and draws bars in a notebook and
    on a terminal; elsewhere there is a line every ten seconds.
    """
    if isinstance(progress, Reporter):
        return progress
    if progress is True:
        return Reporter(_print, bars=in_notebook() or sys.stderr.isatty())
    if progress is False:
        return Reporter(lambda _line: None, bars=False)
    return Reporter(progress, bars=False)


class LabelingProgress:
    """Tells a reporter what a labeling run does.

    Args:
        reporter: shows it.
    """

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._stack = contextlib.ExitStack()
        self._advance: Advance | None = None
        self._done = self._failed = 0

    def say(self, line: str) -> None:
        """A sentence for the user."""
        self._reporter.show(line)

    def scanning(self, files: int) -> None:
        """So many files were found so far, which is over before anybody has read it."""

    def start(self, total: int, done: int) -> None:
        """Labeling begins."""
        if done:
            self.say(f"going on where an earlier run stopped: {done:,} of {total:,} rows done")
        self._done, self._failed = done, 0
        self._advance = self._stack.enter_context(self._reporter.bar("labeling", total, "file"))
        self._advance(done)

    def advance(self, rows: int, failed: int) -> None:
        """So many more rows are done, and so many of those have no label."""
        self._done += rows
        self._failed += failed
        if self._advance is not None:
            figures = {"without label": float(self._failed)} if self._failed else None
            self._advance(self._done, figures)

    def stop(self) -> None:
        """Labeling has ended."""
        self._advance = None
        self._stack.close()


def _print(line: str) -> None:
    # Work goes on when whoever read its messages has left.
    with contextlib.suppress(OSError):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
