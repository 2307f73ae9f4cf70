"""Where the time of a run went: parts that add up to all of it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

REST = "preparation"
"""What is under way where nothing else is said."""
TOTAL = "total"


class Clock:
    """Seconds of wall-clock time by part. At each moment one part is under way, so that the parts add up."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._under_way = [REST]
        self._since = time.perf_counter()

    @contextmanager
    def measure(self, part: str) -> Iterator[None]:
        """The block belongs to a part; blocks within it that belong to others do not count for it."""
        self._charge()
        self._under_way.append(part)
        try:
            yield
        finally:
            self._charge()
            self._under_way.pop()

    def add(self, seconds: Mapping[str, float]) -> None:
        """Add what earlier processes spent on the same run."""
        for part, spent in seconds.items():
            self._seconds[part] = self._seconds.get(part, 0.0) + spent

    def parts(self) -> dict[str, float]:
        """The seconds of each part so far, to the millisecond."""
        self._charge()
        return {part: round(spent, 3) for part, spent in self._seconds.items()}

    def summary(self) -> dict[str, float]:
        """The parts, and `total`, which is their sum."""
        parts = self.parts()
        return {**parts, TOTAL: round(sum(parts.values()), 3)}

    def _charge(self) -> None:
        now = time.perf_counter()
        part = self._under_way[-1]
        self._seconds[part] = self._seconds.get(part, 0.0) + now - self._since
        self._since = now
