"""What of this machine the numbers in a table depend on."""

from __future__ import annotations

import os
import platform

_LEVELS = (
    ("amx_bf16", "amx_bf16"),
    ("avx512_bf16", "avx512_bf16"),
    ("avx512_vnni", "avx512_vnni"),
    ("avx512f", "avx512"),
    ("avx2", "avx2"),
    ("avx", "avx"),
    ("sse4_2", "sse4.2"),
)


def instruction_set() -> str:
    """The widest vector instructions of this CPU, such as `x86_64 avx2`: with others, last digits differ."""
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
            line = next((line for line in file if line.startswith(("flags", "Features"))), "")
    except OSError:
        line = ""
    flags = set(line.partition(":")[2].split())
    level = next((name for flag, name in _LEVELS if flag in flags), "")
    return f"{platform.machine()} {level}".strip()


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
