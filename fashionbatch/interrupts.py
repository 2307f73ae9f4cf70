"""Ctrl-C as an exception that no plugin raises by itself."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn


class CtrlC(KeyboardInterrupt):
    """The user pressed Ctrl-C. Python's own handler raises a plain KeyboardInterrupt, which a plugin may raise, too."""


@contextmanager
def telling_ctrl_c() -> Iterator[None]:
    """Within the block Ctrl-C raises `CtrlC`, also where a handler of ours had only taken note of it.

    In another thread than the main one, and where the signal is ignored, nothing changes.
    """
    is_main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGINT)
    if not is_main or before is None or before is signal.SIG_IGN:
        yield
        return
    signal.signal(signal.SIGINT, _raise)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _raise(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 - Python's signature
    raise CtrlC


@contextmanager
def stop_asked_for() -> Iterator[Callable[[], int]]:
    """Within the block the first Ctrl-C only asks for an orderly end, which a notebook's stop button does, too.

    It is for programs of other people: a second one raises KeyboardInterrupt, and other signals are left as they are.
    In another thread than the main one, and where the signal is ignored, nothing changes.

    Yields:
        A function that gives the number of the signal, 0 while there was none.
    """
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - Python's signature
        if received:
            raise KeyboardInterrupt
        received.append(number)

    is_main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGINT)
    if not is_main or before is None or before is signal.SIG_IGN:
        yield lambda: 0
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield lambda: received[0] if received else 0
    finally:
        signal.signal(signal.SIGINT, before)
