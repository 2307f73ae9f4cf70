"""The time that a try may take, and how much of it is left."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable

from fashionbatch.progress import duration

TOLERANCE = 0.1
"""By what share of itself a budget may be exceeded without a word."""
_GRACE = 2.0
"""How many times the budget may be added to it until something is judged."""
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_FORM = re.compile(r"(\d+(?:\.\d+)?)\s*([smh])")


def parse_budget(text: str) -> float:
    """Seconds of a budget such as `90s`, `10m` or `1.5h`.

    Raises:
        ValueError: it is written otherwise, or is no time that a try could take.

    Example:
        >>> parse_budget("10m")
        600.0
    """
    found = _FORM.fullmatch(text.strip().lower())
    seconds = float(found[1]) * _UNITS[found[2]] if found else math.nan
    if not 0 < seconds < 1e6:
        raise ValueError(f"{text!r} is no budget; write 90s, 10m or 1h")
    return seconds


class Budget:
    """A budget that is being spent.

    Until something is judged it may be exceeded twice over: a late answer is better than none, and a busy machine may
    need all of a small budget for its first network.

    Args:
        seconds: the whole of it.
        clock: tells seconds; only their differences count.

    Attributes:
        first_answer_s: seconds after which the first judgement was there; None until then.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self._clock, self._began = clock, clock()
        self.first_answer_s: float | None = None

    @property
    def spent(self) -> float:
        """Seconds since the beginning."""
        return self._clock() - self._began

    @property
    def left(self) -> float:
        """Seconds that are left; negative once it is exceeded."""
        return self.seconds - self.spent

    @property
    def allowed(self) -> float:
        """Seconds that work may take at most; negative once everything has to end."""
        grace = _GRACE * self.seconds if self.first_answer_s is None else 0.0
        return self.left + grace

    def answered(self) -> None:
        """Something is judged: from now on the budget is kept."""
        if self.first_answer_s is None:
            self.first_answer_s = self.spent

    def text(self) -> str:
        """How much is spent, for the title of a bar, which says itself how long what it shows still takes."""
        return f"{duration(self.spent)} of {duration(self.seconds)} gone"
