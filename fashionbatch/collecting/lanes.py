"""Lanes of work side by side, each in a thread of its own while there are enough, with an eye on Ctrl-C."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TypeVar

ResultT = TypeVar("ResultT")

_AT_ONCE = 8
_TICK_S = 0.2


def side_by_side(lanes: Sequence[Callable[[], ResultT]], *, tick: Callable[[], object] = lambda: None) -> list[ResultT]:
    """Run every lane, and return what they returned, in their order.

    Args:
        lanes: functions; what one raises comes out when all that had begun have ended.
        tick: called several times a second in this thread.
    """
    if not lanes:
        return []
    with ThreadPoolExecutor(max_workers=min(_AT_ONCE, len(lanes)), thread_name_prefix="collect") as pool:
        futures = [pool.submit(lane) for lane in lanes]
        try:
            pending = set(futures)
            while pending:
                done, pending = wait(pending, timeout=_TICK_S, return_when=FIRST_EXCEPTION)
                tick()
                if any(future.exception() for future in done):
                    break
        finally:
            for future in futures:
                future.cancel()
    return [future.result() for future in futures if not future.cancelled()]
