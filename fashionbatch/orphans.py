"""No process of ours outlives the one that has started it, whatever ended that."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1

started_by: int | None = None
"""The process that has started this one, where that has told it; see `fashionbatch.processes.start_python`."""


def end_with_parent() -> None:
    """Let the system kill this process when its parent ends, also while a library keeps it; on Linux alone.

    A parent that has ended before that is noticed everywhere, if it has told this process of itself: of one that was
    killed while this process was being started, the system says nothing any more.
    """
    parent = os.getppid() if started_by is None else started_by
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)
