"""How far something long is: a bar on a terminal, a line every ten seconds elsewhere."""

from __future__ import annotations

import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Any, Protocol, TypeAlias

LINE_EVERY_S = 10.0
_TICK_S = 1.0
"""How often a terminal is told that something without steps still goes on."""

Show: TypeAlias = Callable[[str], None]
"""Prints one line."""


class Advance(Protocol):
    """Takes how much is done, and perhaps figures so far that stand beside it."""

    def __call__(self, done: int, figures: dict[str, float] | None = None, /) -> None:
        """So much is done since the beginning."""


OpenBar: TypeAlias = Callable[[str, int, str], AbstractContextManager[Advance]]
"""Opens a bar: what is done, how much there is to do, and what is counted."""


class Reporter:
    """Shows progress.

    Args:
        show: prints a line.
        bars: whether to draw progress bars on standard error. Without them, what takes longer than ten seconds is told
            of by a line every ten seconds.
    """

    def __init__(self, show: Show, *, bars: bool) -> None:
        self.show = show
        self.bars = bars

    @contextmanager
    def bar(self, title: str, total: int, unit: str) -> Iterator[Advance]:
        """A bar, with rate and remaining time, for the time of the block; it leaves nothing behind.

        Args:
            title: what is done.
            total: how much there is to do.
            unit: what is counted, in the singular.
        """
        if not self.bars:
            yield self._lines(title, total, unit)
            return
        with bar_class()(total=total, desc=title, unit=unit, leave=False, dynamic_ncols=True) as bar:

            def advance(done: int, figures: dict[str, float] | None = None) -> None:
                if figures:
                    bar.set_postfix({name: f"{value:.4f}" for name, value in figures.items()}, refresh=False)
                bar.update(done - bar.n)

            yield advance

    @contextmanager
    def waiting(self, title: str) -> Iterator[None]:
        """Tells of a block that has no steps to count: on a terminal how long it takes, elsewhere by lines."""
        with self._clock(title) as tell:
            over = threading.Event()
            every_s = _TICK_S if self.bars else LINE_EVERY_S

            def keep_telling() -> None:
                while not over.wait(every_s):
                    tell()

            teller = threading.Thread(target=keep_telling, name="progress", daemon=True)
            teller.start()
            try:
                yield
            finally:
                over.set()
                teller.join()

    def _lines(self, title: str, total: int, unit: str) -> Advance:
        began = last = time.monotonic()

        def advance(done: int, figures: dict[str, float] | None = None) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last >= LINE_EVERY_S:
                last = now
                so_far = "".join(f", {name} {value:.4f}" for name, value in (figures or {}).items())
                self.show(f"{title}: {how_far(done, total, now - began, unit=unit)}{so_far}")

        return advance

    def _clock(self, title: str) -> AbstractContextManager[Callable[[], object]]:
        if self.bars:
            return _clock_on_terminal(title)
        began = time.monotonic()
        return nullcontext(lambda: self.show(f"{title}: {duration(time.monotonic() - began)} so far"))


def in_notebook() -> bool:
    """Whether this runs in the kernel of a notebook."""
    return "ipykernel" in sys.modules


def bar_class() -> Any:
    """Tqdm's bar; in a notebook its widget, where there are such."""
    if not in_notebook():
        from tqdm import tqdm

        return tqdm
    with warnings.catch_warnings():
        # It says that it would look better with ipywidgets.
        warnings.simplefilter("ignore")
        from tqdm.auto import tqdm as notebook_bar
    return notebook_bar


def on_standard_error() -> Reporter:
    """A reporter for commands whose standard output is their result."""

    def show(line: str) -> None:
        # Work goes on when whoever read its messages has left.
        with suppress(OSError):
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()

    return Reporter(show, bars=sys.stderr.isatty())


@contextmanager
def no_bar(_title: str, _total: int, _unit: str) -> Iterator[Advance]:
    """A bar that shows nothing."""
    yield lambda _done, _figures=None, /: None


@contextmanager
def _clock_on_terminal(title: str) -> Iterator[Callable[[], object]]:
    with bar_class()(desc=title, leave=False, bar_format="{desc}: {elapsed}") as bar:
        refresh: Any = bar.refresh
        yield refresh


def how_far(done: int, total: int, took_s: float, *, before: int = 0, unit: str = "", more: str = "") -> str:
    """How much of the whole is done, how fast it goes and how long it will take yet.

    Args:
        done: how much is done.
        total: how much there is to do.
        took_s: seconds that were spent on it.
        before: how much of it was done before these seconds began.
        unit: what is counted, in the singular; empty says numbers alone.
        more: what else stands in the brackets.

    Example:
        >>> how_far(256, 1024, 4.0, unit="image")
        '256 of 1,024 images (64/s, 12 s left)'
    """
    rate = (done - before) / max(took_s, 1e-9)
    remaining = duration((total - done) / rate) if rate else "unknown"
    plural = ("es" if unit.endswith("ch") else "s") if total != 1 else ""
    counted = f"{done:,} of {total:,}" + (f" {unit}{plural}" if unit else "")
    return f"{counted} ({rate_text(rate)}, {remaining} left{more})"


def rate_text(rate: float, what: str = "") -> str:
    """How many a second, such as `187/s` or `0.8 files/s`."""
    number = f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"
    return f"{number} {what}/s" if what else f"{number}/s"


def duration(seconds: float) -> str:
    """Seconds as a person would say them, such as `2 h 05 min`."""
    if seconds < 99.5:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02} min"
    return f"{hours // 24} d {hours % 24} h"
