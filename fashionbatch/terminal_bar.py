"""A bar in the last line of a terminal, which fits it, makes way for what is printed and leaves nothing behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

_ROOMY = 72
"""Columns from which on a bar is drawn as tqdm draws it; in fewer, its figures would be what is cut off."""
_FIGURES = 46
"""Columns that are kept for what stands behind the title."""
_NARROW_FIGURES = 30
_COLUMNS = 79
"""Taken of a terminal that does not say how wide it is."""
_ECHO = "^C"
"""What a terminal shows of Ctrl-C, behind the bar: it must fit there, and goes with the bar."""
_ROWS = 2
"""One bar is drawn at a time, which needs its own row and one for the cursor."""
_NARROW = "{desc} {percentage:.0f}% {rate_fmt} {remaining}{postfix}"
_NARROW_COUNT = "{desc} {n_fmt}{unit} {rate_fmt}{postfix}"

PRINTING = threading.RLock()
"""Held by whoever writes beside a bar, and by bars while they change."""


@dataclass
class Line:
    """The line that a bar stands in.

    Attributes:
        is_begun: whether something was written into it that has no end yet.
        is_given: whether the bar makes way just now.
        is_kept_back: whether what is written to standard error waits in a file for now.
    """

    is_begun: bool = False
    is_given: bool = False
    is_kept_back: bool = False

    @contextmanager
    def given(self) -> Iterator[None]:
        """Whatever is written in the block is written as it is: also what bars themselves write to go."""
        before, self.is_given = self.is_given, True
        try:
            yield
        finally:
            self.is_given = before


LINE = Line()


@cache
def terminal_bar() -> Any:
    """The bar of tqdm; where columns are few, its figures stay and the bar itself goes."""
    from tqdm.std import tqdm

    class TerminalBar(tqdm):  # type: ignore[type-arg]
        """A bar that knows how wide the terminal is."""

        # Some terminals do not say their size, as in a container: tqdm would draw nothing at all there.
        @property
        def ncols(self) -> int | None:
            """Columns that the bar may take; None of what is no terminal."""
            return self._columns

        @ncols.setter
        def ncols(self, columns: int | None) -> None:
            known = columns if columns is None or columns > 0 else _COLUMNS
            self._columns = known and max(known - len(_ECHO), 1)

        @property
        def nrows(self) -> int | None:
            """Rows that the terminal has; None of what is none."""
            return self._rows

        @nrows.setter
        def nrows(self, rows: int | None) -> None:
            self._rows = rows if rows is None else max(rows, _ROWS)

        def display(self, msg: str | None = None, pos: int | None = None) -> Any:
            """Draw the bar, or a text in its place; an empty one wipes what stands there."""
            if LINE.is_kept_back:
                return False
            if not msg and msg is not None and self._columns:
                msg = " " * (self._columns + len(_ECHO))
            return super().display(msg, pos)

        def clear(self, nolock: bool = False) -> None:
            """Wipe what stands there until it is drawn again."""
            if not LINE.is_kept_back:
                super().clear(nolock)

        @property
        def format_dict(self) -> Any:
            """What is drawn, and how."""
            meter = super().format_dict
            columns = meter["ncols"]
            if columns and meter["bar_format"] is None:
                is_narrow = columns < _ROOMY
                room = columns - (_NARROW_FIGURES if is_narrow else _FIGURES)
                # A long title goes before the figures do.
                meter["prefix"] = meter["prefix"].removesuffix(": ")[: max(room, 0)].rstrip()
                if is_narrow:
                    meter["bar_format"] = _NARROW if meter["total"] else _NARROW_COUNT
            return meter

    # tqdm's own lock is one for several processes as well, which takes another process to make.
    TerminalBar.set_lock(PRINTING)
    return TerminalBar
