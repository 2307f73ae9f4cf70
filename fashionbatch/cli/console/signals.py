"""Ctrl-C and SIGTERM: the first asks for an orderly end, the second ends at once, and nothing can keep the process."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

from fashionbatch.progress import is_drawing

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_PATIENCE_S = 10.0
"""Seconds after a signal in which nothing moves, until the process ends all the same. Nothing is lost by that: whatever
is written is whole or not there."""
_TICK_S = 0.5


@contextlib.contextmanager
def orderly_end(message: str) -> Iterator[Callable[[], int]]:
    """Catch the signals while something runs that can be resumed.

    Args:
        message: what the user is told at the first one.

    Yields:
        A function that gives the number of the first signal, 0 while there was none. Whoever asks it shows by that that
        the work moves: see `watched`.
    """
    received: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - Python's signature
        if received:
            # Not sys.exit: nothing may be waited for any more. Workers end with this process.
            os._exit(128 + number)
        received.append(number)
        # os.write, since a handler may run in the middle of a print.
        with contextlib.suppress(OSError):
            # A bar and the ^C beside it are wiped out: it is drawn again below.
            begin = "\r\x1b[K" if is_drawing() else "\n"
            os.write(2, f"{begin}{message}\n".encode())

    def ask() -> int:
        _Watch.last_move = time.monotonic()
        return received[0] if received else 0

    if threading.current_thread() is not threading.main_thread():
        yield lambda: 0
        return
    # One that is ignored from the start stays so: a script's background jobs are to survive Ctrl-C.
    heeded = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handle) for number in heeded}
    try:
        yield ask
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def watched() -> Iterator[None]:
    """Within the block a signal ends the process even where a library keeps the main thread, as by an endless network.

    Python's handlers run in the main thread, between two of its own instructions; code of a library that waits or
    computes for ever never comes to that. So a thread is told of each signal, too.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    read, write = os.pipe()
    os.set_blocking(write, False)
    before = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    threading.Thread(target=_Watch(read).run, name="signals", daemon=True).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.close(write)  # which ends the thread


class _Watch:
    """Waits for signals, and then for the end of the process.

    Args:
        pipe: where the number of each signal arrives as a byte; closed by it.
    """

    last_move = 0.0
    """When the work moved last, by `time.monotonic()`."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._received: list[int] = []
        self._seen_move = self._looked = self._still_s = 0.0

    def run(self) -> None:
        """Come back when the other end of the pipe is closed."""
        with contextlib.closing(os.fdopen(self._pipe, "rb", buffering=0)) as pipe:  # disk: a pipe
            while True:
                ready, _, _ = select.select([pipe], [], [], _TICK_S if self._received else None)
                if ready:
                    numbers = pipe.read(64)
                    if not numbers:
                        return
                    self._note([number for number in numbers if number in _SIGNALS])
                if self._received:
                    self._end_what_does_not()

    def _note(self, numbers: list[int]) -> None:
        if numbers and not self._received:
            self._looked, self._seen_move = time.monotonic(), _Watch.last_move
        self._received += numbers
        if numbers and len(self._received) > 1:
            # The main thread ends at once if it can; else this one does.
            time.sleep(_TICK_S)
            os._exit(128 + self._received[0])

    def _end_what_does_not(self) -> None:
        before, self._looked = self._looked, time.monotonic()
        # While the whole process was stopped, or waited for a core, nothing could move: such a time counts as one tick.
        self._still_s += min(self._looked - before, _TICK_S)
        if self._seen_move != _Watch.last_move:
            self._seen_move, self._still_s = _Watch.last_move, 0.0
        if self._still_s < _PATIENCE_S:
            return
        with contextlib.suppress(OSError):
            os.write(2, f"\nnothing has moved for {_PATIENCE_S:g} s, so this ends now\n".encode())
        os._exit(128 + self._received[0])
