"""What this machine's CPU is, and what it computes; empty where the system does not say."""

from __future__ import annotations

import platform
from pathlib import Path

_CPU_INFO = Path("/proc/cpuinfo")
_IN_A_NAME = ("model name", "cpu family", "model")

INT8_UNITS = ("amx_int8", "avx512_vnni", "avx_vnni", "i8mm", "asimddp")
"""Instructions that add up products of 8-bit numbers in 32 bits, the widest first. Without one of them OpenVINO on x86
adds pairs of products in 16 bits, which may saturate: then int8 gives other results, and is slower."""


def cpu_flags(cpu_info: Path | None = None) -> frozenset[str]:
    """The instruction sets of the CPU as Linux calls them, such as `avx2`."""
    fields = _fields(cpu_info)
    return frozenset((fields.get("flags") or fields.get("Features") or "").split())


def cpu_name(cpu_info: Path | None = None) -> str:
    """The model of the CPU, such as `AMD EPYC (family 25, model 1)`: virtual machines cut the name short."""
    fields = _fields(cpu_info)
    name, family, model = (fields.get(key) for key in _IN_A_NAME)
    numbers = f" (family {family}, model {model})" if family and model else ""
    return f"{name or platform.processor() or platform.machine()}{numbers}"


def int8_units(flags: frozenset[str]) -> str:
    """Which of `INT8_UNITS` the CPU has, the widest; empty where it has none."""
    return next((unit for unit in INT8_UNITS if unit in flags), "")


def _fields(cpu_info: Path | None) -> dict[str, str]:
    """What the system says of the first core."""
    fields: dict[str, str] = {}
    try:
        with open(cpu_info or _CPU_INFO, encoding="ascii", errors="replace") as file:
            for line in file:
                name, separator, value = line.partition(":")
                if not separator:
                    break
                fields[name.strip()] = value.strip()
    except OSError:
        return {}
    return fields
