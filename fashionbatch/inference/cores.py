"""How much of the machine a run may use."""

from __future__ import annotations

import math
import os
from pathlib import Path

_CGROUP_QUOTA = Path("/sys/fs/cgroup/cpu.max")


_limits: list[int] = []
"""Of `limit_cores`; the last one counts."""


def usable_cores() -> int:
    """Cores that this process may use: fewer than the machine has under `taskset`, or in a container with a quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([cores, _quota(), *_limits[-1:]]))


def limit_cores(cores: int) -> None:
    """From now on this process uses no more cores: what gave it a part of the machine gives others the rest."""
    _limits.append(cores)


def _quota() -> int:
    """What a Linux container's quota amounts to, in whole cores; many where there is none."""
    unlimited = 1 << 16
    try:
        # "200000 100000": of each 100 ms, 200 ms on all cores together; "max 100000": no limit.
        quota, period = _CGROUP_QUOTA.read_text(encoding="ascii").split()
        return math.ceil(int(quota) / int(period))
    except (OSError, ValueError, ZeroDivisionError):
        return unlimited
