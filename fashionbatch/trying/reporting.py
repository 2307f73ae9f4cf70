"""What the user sees of a try: bars that say how much of the budget is spent, and end what goes over it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from fashionbatch.progress import LINE_EVERY_S, Advance, Reporter, Show
from fashionbatch.trying.budget import Budget

_OF_EVERY_RUN: Final = re.compile(
    r"\d+ class(?:es)?, images: |precision |phase |[\w-]+: [\d,]+ parameters$|judged by known features: "
    r"|features of \w+: [\d,]+(?:, from| computed)"
)
"""How lines begin that a run tells of itself, and that say the same in each of the trainings of a try."""
_EPOCH: Final = re.compile(r"epoch +\d+/\d+ +(?P<seconds>[\d.]+) s ")
_LONG_EPOCH_S: Final = 5.0
"""Seconds of an epoch from which on it is told: a head has a hundred that take no time."""


class OutOfTimeError(Exception):
    """The budget is spent; what is finished stays."""


class BudgetedReporter(Reporter):
    """Shows progress as any reporter does, and raises `OutOfTimeError` where the budget is spent.

    Args:
        show: prints a line.
        bars: whether to draw bars on standard error.
        budget: how much of it is spent stands in the title of each bar.
    """

    def __init__(self, show: Show, *, bars: bool, budget: Budget) -> None:
        super().__init__(show, bars=bars)
        self._budget = budget

    @contextmanager
    def bar(self, title: str, total: int | None, unit: str, /, *, before: int = 0) -> Iterator[Advance]:
        """As `Reporter.bar`.

        Raises:
            OutOfTimeError: the budget is spent while the block runs.
        """
        with super().bar(f"{title} ({self._budget.text()})", total, unit, before=before) as advance:

            def watched(done: int, figures: Mapping[str, float] | None = None, /) -> None:
                if self._budget.allowed < 0:
                    raise OutOfTimeError
                advance(done, figures)

            yield watched


class Sparse:
    """Prints what is worth reading of many trainings in a row: notes once, and of epochs those that take their time.

    Args:
        show: prints a line.
        budget: how much of it is spent stands behind an epoch.
    """

    def __init__(self, show: Show, budget: Budget) -> None:
        self._show, self._budget = show, budget
        self._told_at = budget.spent
        self._notes: set[str] = set()

    def __call__(self, line: str) -> None:
        """Print the line, or leave it out."""
        if _OF_EVERY_RUN.match(line):
            return
        if line.startswith("note: "):
            if line in self._notes:
                return
            self._notes.add(line)
        if line.startswith("epoch "):
            finished = _EPOCH.match(line)
            takes_its_time = finished is not None and float(finished["seconds"]) >= _LONG_EPOCH_S
            if not takes_its_time and self._budget.spent - self._told_at < LINE_EVERY_S:
                return
            self._told_at = self._budget.spent
            if self._budget.text() not in line:
                line = f"{line}  ({self._budget.text()})"
        self._show(line)
