"""Asks a store again after what passes: a bounded number of times, later each time, and within one deadline."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from fashionbatch.stores.faults import StoreFaultError, fault_of

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Patience:
    """How long a store is asked for one thing.

    Attributes:
        tries: how often at most.
        first_pause_s: seconds before the second try, at most; each further pause may be twice as long.
        longest_pause_s: seconds that no pause exceeds.
        try_s: seconds that one try may take.
        total_s: seconds after which nothing more is tried.
    """

    tries: int = 6
    first_pause_s: float = 0.5
    longest_pause_s: float = 10.0
    try_s: float = 60.0
    total_s: float = 180.0


@dataclass(frozen=True)
class Retrying:
    """Calls what asks a store until it succeeds or patience ends.

    Attributes:
        patience: how often and how long.
        clock: seconds, as `time.monotonic`.
        sleep: waits, as `time.sleep`.
        draw: a random number from 0 to 1: readers that were turned away together must not come back together.
    """

    patience: Patience = field(default_factory=Patience)
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    draw: Callable[[], float] = random.random

    def call(self, ask: Callable[[float], Answer]) -> Answer:
        """What the store answers.

        Args:
            ask: asks it once, and gives up after so many seconds.

        Raises:
            StoreFaultError: it refused for good, or patience has ended.
        """
        patience = self.patience
        ends = self.clock() + patience.total_s
        for number in range(1, patience.tries + 1):
            try:
                return ask(max(0.001, min(patience.try_s, ends - self.clock())))
            except Exception as error:
                fault = fault_of(error)
                pause_s = self.draw() * min(patience.longest_pause_s, patience.first_pause_s * 2 ** (number - 1))
                if fault.kind != "passing":
                    raise fault from error
                if number == patience.tries or self.clock() + pause_s >= ends:
                    tries = "once" if number == 1 else f"{number} times"
                    raise StoreFaultError("failed", f"{fault.reason} (tried {tries})", fault.hint) from error
            self.sleep(pause_s)
        raise AssertionError("there is at least one try")
