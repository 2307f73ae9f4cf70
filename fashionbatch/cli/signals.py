"""Ctrl-C and SIGTERM: the first asks for an orderly end, the second ends at once."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def orderly_end(message: str) -> Iterator[Callable[[], int]]:
    """Catch the signals while something runs that can be resumed.

    Args:
        message: what the user is told at the first one.

    Yields:
        A function that gives the number of the first signal, 0 while there was none.
    """
    received: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - Python's signature
        if received:
            # Not sys.exit: nothing may be waited for any more. Workers end with this process.
            os._exit(128 + number)
        received.append(number)
        # os.write, since a handler may run in the middle of a print.
        with contextlib.suppress(OSError):
            os.write(2, f"\n{message}\n".encode())

    if threading.current_thread() is not threading.main_thread():
        yield lambda: 0
        return
    before = {number: signal.signal(number, handle) for number in _SIGNALS}
    try:
        yield lambda: received[0] if received else 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
