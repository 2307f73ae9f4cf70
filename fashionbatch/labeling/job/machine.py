"""What of this machine the numbers in a table depend on."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence

from fashionbatch.inference.cpu import cpu_flags, int8_units

_LEVELS = (
    ("amx_bf16", "amx_bf16"),
    ("avx512_bf16", "avx512_bf16"),
    ("avx512_vnni", "avx512_vnni"),
    ("avx512f", "avx512"),
    ("avx2", "avx2"),
    ("avx", "avx"),
    ("sse4_2", "sse4.2"),
)


def instruction_set(precisions: Sequence[str] = ()) -> str:
    """The widest vector instructions of this CPU, such as `x86_64 avx2`: with others, last digits differ.

    Args:
        precisions: what is computed in. Where int8 is among them, the units for it are named, too, as in
            `x86_64 avx2 avx_vnni`: without them sums may saturate. Jobs in the other precisions go on on a CPU that
            differs in nothing else.
    """
    flags = cpu_flags()
    level = next((name for flag, name in _LEVELS if flag in flags), "")
    units = int8_units(flags) if "int8" in precisions else ""
    return " ".join(dict.fromkeys(filter(None, (platform.machine(), level, units))))


def process_age_s() -> float:
    """Seconds since this process was started, start-up of the interpreter included; since this call where unknown."""
    try:
        with open("/proc/self/stat", encoding="ascii", errors="replace") as file:
            started_ticks = int(file.read().rpartition(")")[2].split()[19])
        with open("/proc/uptime", encoding="ascii") as file:
            uptime_s = float(file.read().split()[0])
        return max(uptime_s - started_ticks / os.sysconf("SC_CLK_TCK"), 0.0)
    except (OSError, ValueError, IndexError):
        return 0.0
