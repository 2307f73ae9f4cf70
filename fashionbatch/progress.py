"""How far something is that takes long: a bar on a terminal and in a notebook, a line every ten seconds elsewhere."""

from __future__ import annotations

import os
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Any, Protocol, TypeAlias

from fashionbatch.terminal_bar import LINE, PRINTING, terminal_bar

LINE_EVERY_S = 10.0
_TICK_S = 1.0
"""How often a terminal is told that something without steps still goes on."""

Show: TypeAlias = Callable[[str], None]
"""Prints one line."""


class Advance(Protocol):
    """Takes how much is done, and perhaps figures so far that stand beside it."""

    def __call__(self, done: int, figures: Mapping[str, float] | None = None, /) -> None:
        """So much is done since the beginning. A figure that is an `int` counts something of it, such as failures."""


class OpenBar(Protocol):
    """Opens a bar; `Reporter.bar` says what for."""

    def __call__(
        self, title: str, total: int | None, unit: str, /, *, before: int = 0
    ) -> AbstractContextManager[Advance]:
        """What is done, how much there is to do, what is counted, and how much was done before."""


class Reporter:
    """Shows progress.

    Args:
        show: prints a line.
        bars: whether to draw progress bars on standard error. Without them, what takes longer than ten seconds is told
            of by a line every ten seconds.

    Attributes:
        bars: as given.
    """

    def __init__(self, show: Show, *, bars: bool) -> None:
        self._show = show
        self.bars = bars

    def show(self, line: str) -> None:
        """Print a line; a bar that is drawn makes way for it."""
        with beside_bars():
            self._show(line)

    @contextmanager
    def bar(self, title: str, total: int | None, unit: str, /, *, before: int = 0) -> Iterator[Advance]:
        """A bar, with rate and remaining time, for the time of the block; it leaves nothing behind.

        Args:
            title: what is done.
            total: how much there is to do; None where nobody knows.
            unit: what is counted, in the singular.
            before: how much of it was done before, and does not count for the rate.
        """
        if not self.bars:
            yield self._lines(title, total, unit, before)
            return
        with _drawn(desc=title, total=total, unit=unit, initial=before) as bar:

            def advance(done: int, figures: Mapping[str, float] | None = None) -> None:
                if figures:
                    bar.set_postfix_str(", ".join(_figure(*one) for one in figures.items()), refresh=False)
                if bar is _open_bars[-1]:
                    bar.update(done - bar.n)
                else:  # One line shows one bar: that of the innermost block.
                    bar.n = done

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

    def _lines(self, title: str, total: int | None, unit: str, before: int) -> Advance:
        began = last = time.monotonic()

        def advance(done: int, figures: Mapping[str, float] | None = None) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last < LINE_EVERY_S:
                return
            last = now
            if total is None:
                self.show(f"{title}: {done:,} {_plural(unit, done)} so far")
                return
            counts, measures = _told(figures or {})
            self.show(f"{title}: {how_far(done, total, now - began, before=before, unit=unit, more=counts)}{measures}")

        return advance

    def _clock(self, title: str) -> AbstractContextManager[Callable[[], object]]:
        if self.bars:
            return _clock_on_terminal(title)
        began = time.monotonic()
        return nullcontext(lambda: self.show(f"{title}: {duration(time.monotonic() - began)} so far"))


def on_standard_error(*, quiet: bool = False) -> Reporter:
    """A reporter for commands whose standard output is their result.

    Args:
        quiet: show warnings alone.
    """

    def show(line: str) -> None:
        # Work goes on when whoever read its messages has left.
        with suppress(OSError):
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()

    return reporter_of(show, quiet=quiet)


def reporter_of(show: Show, *, quiet: bool = False) -> Reporter:
    """A reporter that prints lines by `show`, and draws bars where they can be seen.

    Args:
        show: prints a line.
        quiet: show warnings alone.
    """
    if quiet:
        return Reporter(lambda line: show(line) if line.startswith("warning") else None, bars=False)
    return Reporter(show, bars=bars_are_seen())


def silent() -> Reporter:
    """A reporter for programs that want none."""
    return Reporter(lambda _line: None, bars=False)


def bars_are_seen() -> bool:
    """Whether bars can be drawn: on a terminal that can go back to the beginning of its line, and in a notebook."""
    return in_notebook() or (sys.stderr.isatty() and os.environ.get("TERM") != "dumb")


def in_notebook() -> bool:
    """Whether this runs in the kernel of a notebook."""
    return "ipykernel" in sys.modules


@contextmanager
def no_bar(_title: str, _total: int | None, _unit: str, /, *, before: int = 0) -> Iterator[Advance]:  # noqa: ARG001
    """A bar that shows nothing."""
    yield lambda _done, _figures=None, /: None


# ------------------------------------------------------------------------------------------------------ drawing bars


_open_bars: list[Any] = []
"""Those that are drawn now, the innermost last."""


@contextmanager
def beside_bars(*, ends_line: bool = True) -> Iterator[None]:
    """What is printed in the block stands in lines of its own: the bar goes, and is drawn again below.

    Args:
        ends_line: whether what is printed ends with a line end; if it does not, more of the line is to come.
    """
    if not _open_bars:
        yield
        return
    with PRINTING:
        bar = _open_bars[-1] if _open_bars and not LINE.is_given else None
        if bar is None:
            yield
            return
        with LINE.given():
            if not LINE.is_begun:
                bar.clear()
            yield
            if ends_line:
                bar.refresh()
            LINE.is_begun = not ends_line


def is_drawing() -> bool:
    """Whether a bar stands in the terminal's last line."""
    return bool(_open_bars)


@contextmanager
def undrawn_bars() -> Iterator[None]:
    """In the block no bar on a terminal draws anything: for who keeps standard error back meanwhile.

    Otherwise the bars of then would be shown later, in the lines that were kept back with them.
    """
    with PRINTING:
        before, LINE.is_kept_back = LINE.is_kept_back, True
    try:
        yield
    finally:
        with PRINTING:
            LINE.is_kept_back = before


@contextmanager
def _drawn(**settings: Any) -> Iterator[Any]:
    """A bar for the time of the block, in the place of the one around it."""
    with PRINTING, LINE.given():
        if _open_bars:
            _open_bars[-1].clear()
        bar = bar_class()(leave=False, dynamic_ncols=True, smoothing=0.05, position=0, **settings)
        _open_bars.append(bar)
    try:
        yield bar
    finally:
        with PRINTING, LINE.given():
            _open_bars.remove(bar)
            bar.close()


def bar_class() -> Any:
    """The bar that is drawn here: on a terminal one that fits it, in a notebook its widget, where there are such."""
    if in_notebook():
        with warnings.catch_warnings():
            # It warns where the notebook has no widgets, and draws with letters then.
            warnings.simplefilter("ignore")
            from tqdm.auto import tqdm as notebook_bar
        return notebook_bar
    return terminal_bar()


@contextmanager
def _clock_on_terminal(title: str) -> Iterator[Callable[[], object]]:
    with _drawn(desc=title, bar_format="{desc}: {elapsed}") as bar:

        def tell() -> None:
            with PRINTING:
                if bar is _open_bars[-1]:
                    bar.refresh()

        yield tell


# ------------------------------------------------------------------------------------------------------ words


def _figure(name: str, value: float) -> str:
    """What stands beside a bar: `loss=0.2500`, or `3 without label`."""
    return f"{value:,} {name}" if isinstance(value, int) else f"{name}={value:.4f}"


def _told(figures: Mapping[str, float]) -> tuple[str, str]:
    """Figures as parts of a line: counts, which stand in its brackets, and measures, which follow them."""
    counts = "".join(f", {value:,} {name}" for name, value in figures.items() if isinstance(value, int))
    measures = "".join(f", {name} {value:.4f}" for name, value in figures.items() if not isinstance(value, int))
    return counts, measures


def _plural(unit: str, count: int) -> str:
    return unit if count == 1 or unit.isupper() else f"{unit}{'es' if unit.endswith('ch') else 's'}"


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
    counted = f"{done:,} of {total:,}" + (f" {_plural(unit, total)}" if unit else "")
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
