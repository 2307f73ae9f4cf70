"""When a host may be asked next: one request at a time, no sooner than its pace, not while it is to be left alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol

LONGEST_WAIT_S = 120.0
"""The longest that a host is waited for within one run; one that asks for more is left for another run."""


class StoppedError(Exception):
    """The run is to end: nothing more is asked."""


class HostBusyError(Exception):
    """A host that wants to be left alone for longer than a run waits."""


class Clock(Protocol):
    """Time, and waiting for it."""

    def now(self) -> float:
        """Seconds since some moment; never less than before."""

    def date(self) -> datetime:
        """The date, in UTC."""

    def sleep(self, seconds: float) -> None:
        """Wait.

        Raises:
            StoppedError: the run is to end.
        """


class RunClock:
    """The machine's clock.

    Args:
        stopping: asked several times a second while something waits.
    """

    _TICK_S = 0.2

    def __init__(self, stopping: Callable[[], bool] = lambda: False) -> None:
        self._stopping = stopping

    def now(self) -> float:
        """By the monotonic clock."""
        return time.monotonic()

    def date(self) -> datetime:
        """The date, in UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Wait, and look up several times a second."""
        until = time.monotonic() + seconds
        while True:
            if self._stopping():
                raise StoppedError
            left = until - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, self._TICK_S))


class Host:
    """One host's turns.

    Args:
        name: of the host.
        pace: seconds from the end of one request to the begin of the next.
        clock: what is waited by.
    """

    def __init__(self, name: str, pace: float, clock: Clock) -> None:
        self.name = name
        self._pace, self._clock = pace, clock
        self._turn = threading.Lock()
        self._next = float("-inf")
        self._after = float("-inf")

    @contextmanager
    def turn(self) -> Iterator[None]:
        """The block is one request; no other one to this host runs meanwhile, or follows sooner than the pace.

        Raises:
            HostBusyError: the host wants to be left alone for longer than a run waits.
            StoppedError: the run is to end.
        """
        with self._turn:
            now = self._clock.now()
            if self._after - now > LONGEST_WAIT_S:
                raise HostBusyError(f"{self.name} asked to be left alone for {self._after - now:.0f} s")
            self._clock.sleep(max(0.0, self._next - now, self._after - now))
            try:
                yield
            finally:
                self._next = self._clock.now() + self._pace

    def slow_down(self, pace: float) -> None:
        """Ask no faster than this from now on."""
        self._pace = max(self._pace, pace)

    def leave_alone(self, seconds: float) -> None:
        """Ask nothing for so long."""
        self._after = max(self._after, self._clock.now() + seconds)


def retry_after_s(value: str, date: datetime) -> float | None:
    """The seconds that a `Retry-After` header asks for; None where it says nothing that can be read.

    Args:
        value: seconds, or a date of HTTP; empty where there is none.
        date: of now.

    Example:
        >>> retry_after_s("120", datetime(2026, 1, 1, tzinfo=UTC))
        120.0
        >>> retry_after_s("Thu, 01 Jan 2026 00:01:00 GMT", datetime(2026, 1, 1, tzinfo=UTC))
        60.0
    """
    text = value.strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        then = parsedate_to_datetime(text)
    except ValueError:
        return None
    if then.tzinfo is None:
        then = then.replace(tzinfo=UTC)
    return max(0.0, (then - date).total_seconds())
