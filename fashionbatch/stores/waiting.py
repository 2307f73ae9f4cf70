"""Waits in a thread for what fsspec's own thread does."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

Answer = TypeVar("Answer")


def wait_for(system: Any, asking: Coroutine[Any, Any, Answer], seconds: float) -> Answer:
    """What a question to a store gives.

    Args:
        system: fsspec's file system that is asked.
        asking: the question; it is given up after the time.
        seconds: that it may take.

    Raises:
        TimeoutError: it takes longer.
        Exception: whatever the file system's library raises.
    """
    from fsspec.asyn import sync

    async def wait() -> Answer:
        return await asking

    answer: Answer = sync(system.loop, wait, timeout=seconds)
    return answer
