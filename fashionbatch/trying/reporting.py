"""What the user sees of a try: bars that say how much of the budget is left, and end what goes over it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from fashionbatch.progress import LINE_EVERY_S, Advance, Reporter, Show
from fashionbatch.trying.budget import Budget


class OutOfTimeError(Exception):
    """The budget is spent; what is finished stays."""


class BudgetedReporter(Reporter):
    """Shows progress as any reporter does, and raises `OutOfTimeError` where the budget is spent.

    Args:
        show: prints a line.
        bars: whether to draw bars on standard error.
        budget: what is left of it stands in the title of each bar.
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
        with super().bar(f"{title} ({self._budget.text()} of the budget)", total, unit, before=before) as advance:

            def watched(done: int, figures: Mapping[str, float] | None = None, /) -> None:
                if self._budget.left < 0:
                    raise OutOfTimeError
                advance(done, figures)

            yield watched


class Sparse:
    """Prints the lines of a run, of its epochs at most one every ten seconds: a head has a hundred.

    Args:
        show: prints a line.
        budget: what is left of it stands behind an epoch.
    """

    def __init__(self, show: Show, budget: Budget) -> None:
        self._show, self._budget = show, budget
        self._told = -math.inf

    def __call__(self, line: str) -> None:
        """Print the line, or leave it out."""
        if line.startswith("epoch "):
            if self._budget.spent - self._told < LINE_EVERY_S:
                return
            self._told = self._budget.spent
            line = f"{line}  ({self._budget.text()})"
        self._show(line)
