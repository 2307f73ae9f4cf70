"""Keeps the stack on which this thread answers signals."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class _SignalStack(ctypes.Structure):
    """`stack_t` of Linux."""

    _fields_ = (("address", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


@contextmanager
def kept_signal_stack() -> Iterator[None]:
    """Give the thread its alternate signal stack back after the block, or none where it had none.

    A network that OpenVINO 2026 compiles brings such a stack along and takes it away with itself: with several networks
    that end in another order than they began, a thread is left with one that is no more, and the next Ctrl-C is a
    segmentation fault. Elsewhere than on Linux nothing is done.
    """
    if not sys.platform.startswith("linux"):
        yield
        return
    library, before = ctypes.CDLL(None), _SignalStack()
    is_known = library.sigaltstack(None, ctypes.byref(before)) == 0
    try:
        yield
    finally:
        if is_known:
            library.sigaltstack(ctypes.byref(before), None)
