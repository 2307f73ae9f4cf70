"""How far a long run is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import Any

import click

from fashionbatch.cli.tables import printable
from fashionbatch.display_width import counted, counted_of
from fashionbatch.progress import LINE_EVERY_S, how_far, rate_text

_RATED_ROWS = 20
_RATED_S = 0.5


class Progress:
    """Shows what a labeling run reports, on standard error.

    Args:
        quiet: show nothing but warnings.

    Attributes:
        quiet: as given.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self._bar: Any = None
        self._total = self._done = self._failed = 0
        self._began = self._last_line = time.monotonic()
        self._done_before = 0
        self._took_s = 0.0

    def say(self, line: str) -> None:
        """A sentence for the user."""
        if self.quiet and not line.startswith("warning"):
            return
        # A run of hours goes on when whoever read its messages has left.
        with contextlib.suppress(OSError):
            click.echo(printable(line), err=True)

    def scanning(self, files: int) -> None:
        """So many files were found so far."""
        if time.monotonic() - self._last_line >= LINE_EVERY_S:
            self._last_line = time.monotonic()
            self.say(f"scanning: {counted(files, 'file')} so far")

    def start(self, total: int, done: int) -> None:
        """Labeling begins."""
        self._total, self._done, self._done_before = total, done, done
        self._began = self._last_line = time.monotonic()
        if done:
            self.say(f"going on where an earlier run stopped: {counted_of(done, total, 'row')} done")
        if sys.stderr.isatty() and not self.quiet:
            from tqdm import tqdm

            self._bar = tqdm(total=total, initial=done, unit="file", dynamic_ncols=True, smoothing=0.05)

    def advance(self, rows: int, failed: int) -> None:
        """So many more rows are done, and so many of those have no label."""
        self._done += rows
        self._failed += failed
        with contextlib.suppress(OSError):
            if self._bar is not None:
                if failed:
                    self._bar.set_postfix_str(f"{self._failed:,} without label", refresh=False)
                self._bar.update(rows)
            elif time.monotonic() - self._last_line >= LINE_EVERY_S:
                self._last_line = time.monotonic()
                self.say(self._line())

    def summary(self) -> str:
        """What this run did, as part of a sentence."""
        rows = self._done - self._done_before
        # What is over at once says nothing about how fast a folder is labeled.
        is_long = rows >= _RATED_ROWS and self._took_s >= _RATED_S
        return f" ({rate_text(rows / self._took_s)})" if is_long else ""

    def stop(self) -> None:
        """Labeling has ended."""
        self._took_s = time.monotonic() - self._began
        if self._bar is not None:
            with contextlib.suppress(OSError):
                self._bar.close()
            self._bar = None

    def _line(self) -> str:
        failed = f", {self._failed:,} without label" if self._failed else ""
        took_s = time.monotonic() - self._began
        return how_far(self._done, self._total, took_s, before=self._done_before, more=failed)
