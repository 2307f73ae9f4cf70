"""Ctrl-C and SIGTERM in mid-training: stop at once, keep what is on disk, say how to go on."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from fashionbatch.errors import InterruptedRunError


class Stopped(KeyboardInterrupt):
    """A signal arrived; raised where the main thread was."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal.Signals(signal_number).name)
        self.signal_number = signal_number


@contextmanager
def stoppable() -> Iterator[None]:
    """Within the block SIGINT and SIGTERM raise `Stopped`. In another thread than the main one, nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.signal(number, _stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def interruptible(message: str = "interrupted", *, hint: str | None = None) -> Iterator[None]:
    """Within the block SIGINT and SIGTERM end what leaves nothing behind; temporary files are removed on the way.

    Args:
        message: what the user is told.
        hint: what can be done next.

    Raises:
        InterruptedRunError: one of them arrived.
    """
    try:
        with stoppable():
            yield
    except Stopped as stop:
        raise InterruptedRunError(message, signal_number=stop.signal_number, hint=hint) from None


def _stop(number: int, _: FrameType | None) -> NoReturn:
    raise Stopped(number)
