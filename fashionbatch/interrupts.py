"""Ctrl-C as an exception that no plugin raises by itself."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
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
