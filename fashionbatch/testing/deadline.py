"""Runs a plugin's code with a limit to its time, and says in one error whatever became of it."""

from __future__ import annotations

import contextlib
import contextvars
import os
import sys
import threading
import time
import traceback
import unittest
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TypeVar

import fashionbatch
from fashionbatch.errors import FashionBatchError
from fashionbatch.testing.subject import ContractError

ResultT = TypeVar("ResultT")

TIME_LIMIT = 60.0
"""Seconds that one check may compute or wait."""

_CORE = os.path.dirname(fashionbatch.__file__) + os.sep
_STANDARD = os.path.dirname(os.__file__) + os.sep
_IDLE_SECONDS = 0.01
"""A process that computes for less than this in a second does nothing but wait."""
_PATIENCE = 5
"""So many times the limit, and a check is overdue on the busiest machine."""

Unchecked = unittest.SkipTest
"""Raised where a promise cannot be checked on this machine; pytest shows the check as skipped."""


_others_work: list[str] = []
"""What runs in processes of its own for a check, which waits for it and has a limit for it."""


@contextlib.contextmanager
def waiting_for(what: str) -> Iterator[None]:
    """Within the block a check that does nothing but wait is not overdue: another process works for it."""
    _others_work.append(what)
    try:
        yield
    finally:
        _others_work.remove(what)


class TimeLimitError(ContractError):
    """A check that did not end in time."""


def run_in_time(work: Callable[[], ResultT], *, limit: float, what: str, promise: str) -> ResultT:
    """Call `work` in a thread of its own and wait for it.

    A thread cannot be stopped: one that hangs is left behind and ends with the process.

    Args:
        work: runs a plugin's code.
        limit: seconds that it may compute, or wait without computing.
        what: what runs, for the error.
        promise: what is promised of it, for the error.

    Raises:
        TimeLimitError: it did not end in time; the message says where it stands.
        ContractError: a promise is broken, or the plugin's code raised something.
        Unchecked: the promise cannot be checked here.
    """
    results: list[ResultT] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - a stranger's code may raise SystemExit, too
            errors.append(error)

    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(run,), name=f"check of {what}", daemon=True)
    thread.start()
    if not _ended(thread, limit):
        frame = sys._current_frames().get(thread.ident or 0)
        raise TimeLimitError(
            f"{what} did not end within {limit:g} seconds{_standing(frame)}",
            "look for a loop, a lock, a join or a download that never ends",
        )
    if not errors:
        return results[0]
    [error] = errors
    if isinstance(error, (AssertionError, Unchecked)):
        raise error
    raise ContractError(f"{what} raised {described(error)}", f"see the traceback; the promise is: {promise}") from error


def _ended(thread: threading.Thread, limit: float) -> bool:
    """Wait for a thread; False where it is overdue.

    On a machine with other work, time passes while nothing of ours runs. So a thread is overdue when the process has
    computed for the limit, or when the limit has passed and the process computes nothing.
    """
    began, used = time.monotonic(), time.process_time()
    while True:
        before = time.process_time()
        thread.join(min(1.0, limit / 4))
        if not thread.is_alive():
            return True
        waited, computed = time.monotonic() - began, time.process_time() - used
        is_idle = not _others_work and time.process_time() - before < _IDLE_SECONDS
        if computed >= limit or (waited >= limit and is_idle) or waited >= _PATIENCE * limit:
            return False


def described(error: BaseException) -> str:
    """An error's class and message in one line, and the line of code that it comes from."""
    message = error.message if isinstance(error, FashionBatchError) else " ".join(str(error).split())
    text = f"{type(error).__name__}: {message[:300]}" if message else type(error).__name__
    outside = [frame for frame in traceback.extract_tb(_first(error).__traceback__) if not is_library(frame.filename)]
    return f"{text} (in {outside[-1].filename}:{outside[-1].lineno})" if outside else text


def _first(error: BaseException) -> BaseException:
    """The error that one was made of: the guard of plugins makes others of what they raise."""
    return error if error.__cause__ is None else _first(error.__cause__)


def is_own_value_error(error: BaseException) -> bool:
    """Whether the plugin's own code raised a ValueError in words of its own, and not a library."""
    first = _first(error)
    frames = traceback.extract_tb(first.__traceback__)
    return isinstance(first, ValueError) and bool(frames) and not is_library(frames[-1].filename)


def _standing(frame: FrameType | None) -> str:
    stack = traceback.extract_stack(frame) if frame is not None else []
    outside = [entry for entry in stack if not is_library(entry.filename)]
    if not outside:
        return ""
    return f"; it stands at {outside[-1].filename}:{outside[-1].lineno}, in {outside[-1].name}"


def is_library(filename: str) -> bool:
    """Whether a line of code is ours or a library's, and so not the line that a plugin's author looks for."""
    if filename.startswith((_CORE, "<frozen")):
        return True
    if filename.startswith(_STANDARD) and "/site-packages/" not in filename:
        return True
    return any(f"/{name}/" in filename for name in ("keras", "tensorflow", "openvino", "numpy", "pydantic"))
