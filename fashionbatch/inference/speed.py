"""Times a network in several precisions, so that what else the machine does meets all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from fashionbatch.specs import Precision, Runtime

LEAST_ROUNDS = 3
MOST_ROUNDS = 25
ENOUGH_S = 0.25
"""How long it is gone on with more rounds than the least, where the budget allows it."""
_LEAST_TURN_S = 0.01
"""A turn takes so long at least: the clock of a process, and Python's own pauses, are too coarse for less."""


def machine_clock(device: str, streams: int) -> Callable[[], float]:
    """A clock that tells how long work takes with this machine to itself.

    On a CPU it is the time that the cores have worked for this process, by the number of streams: other programs, and
    this one's own decode workers, then make a network no slower. On a machine with other work the same network had
    rates from 25 to 48 images/s by the wall's clock and from 196 to 211 by this one. Elsewhere it is the wall's clock.

    Args:
        device: `cpu` or another.
        streams: batches that are computed side by side.
    """
    return (lambda: time.process_time() / streams) if device == "cpu" else time.monotonic


def time_in_turns(
    runtimes: Mapping[Precision, Runtime],
    batch: NDArray[np.uint8],
    *,
    streams: int,
    clock: Callable[[], float],
    budget_s: float = ENOUGH_S,
) -> dict[Precision, float]:
    """Compute a batch again and again, each runtime a few times in turn.

    Args:
        runtimes: one for each precision, with nothing under way.
        batch: uint8 `(batch_size, height, width, channels)`.
        streams: batches that are computed side by side; a turn is at least so many.
        clock: seconds, as `machine_clock` gives them.
        budget_s: by that clock; the least number of rounds is gone through all the same.

    Returns:
        Images a second for each precision: the median of its turns.
    """
    began = clock()
    turn = dict.fromkeys(runtimes, streams)
    for precision, runtime in runtimes.items():
        # What is computed for the first time may take longer: it only says how many batches make a turn.
        took = _turn(runtime, batch, 1, clock) * streams
        if 0 <= took < _LEAST_TURN_S:
            turn[precision] = streams * min(100, round(_LEAST_TURN_S / max(took, _LEAST_TURN_S / 100)))
    seconds: dict[Precision, list[float]] = {precision: [] for precision in runtimes}
    for number in range(MOST_ROUNDS):
        if number >= LEAST_ROUNDS and clock() - began >= budget_s:
            break
        # There and back again: what gets slower or faster meanwhile meets all alike.
        for precision in list(runtimes)[:: -1 if number % 2 else 1]:
            took = _turn(runtimes[precision], batch, turn[precision], clock)
            seconds[precision].append(max(took, 1e-9) / (turn[precision] * len(batch)))
    return {precision: 1 / statistics.median(each) for precision, each in seconds.items()}


def _turn(runtime: Runtime, batch: NDArray[np.uint8], batches: int, clock: Callable[[], float]) -> float:
    """The seconds that a runtime takes for so many batches."""
    began, under_way = clock(), 0
    for key in range(batches):
        runtime.submit(key, batch)
        under_way += 1
        under_way -= len(runtime.collect(wait=False))
    while under_way:
        under_way -= len(runtime.collect(wait=True))
    return clock() - began
