"""The machine that figures hold for, in words and as the name of a folder."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

from pydantic import BaseModel

# What decides how fast a network is computed, the most telling ones last.
INSTRUCTION_SETS = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16")


class Machine(BaseModel, frozen=True):
    """A kind of CPU, as `/proc/cpuinfo` names it.

    Attributes:
        cpu: its model name.
        family: number of its family, which names a generation where the name does not; None where it is not told.
        model: number within the family; likewise.
        instructions: those of `INSTRUCTION_SETS` that it has.
        cores: that may be used.
    """

    cpu: str
    family: int | None = None
    model: int | None = None
    instructions: tuple[str, ...] = ()
    cores: int

    def __str__(self) -> str:
        numbers = "" if self.family is None else f" (family {self.family}, model {self.model})"
        sets = ", ".join(self.instructions) or "no vector instructions that matter here"
        return f"{self.cores} core{'s' * (self.cores != 1)} of {self.cpu}{numbers}; {sets}"

    @property
    def slug(self) -> str:
        """Name of the folder of its results, such as `amd-epyc-25-1-2-cores`: letters, digits and hyphens."""
        numbers = [] if self.family is None else [self.family, self.model]
        words = [self.cpu, *map(str, numbers), f"{self.cores}-cores"]
        return re.sub(r"[^a-z0-9]+", "-", " ".join(words).lower().replace("(r)", "").replace("(tm)", "")).strip("-")


def this_machine(cpuinfo: Path = Path("/proc/cpuinfo")) -> Machine:
    """What the machine says of itself."""
    text = cpuinfo.read_text() if cpuinfo.exists() else ""
    flags = set((_entry("flags", text) or "").split())
    family, model = _entry("cpu family", text), _entry("model", text)
    return Machine(
        cpu=_entry("model name", text) or platform.processor() or platform.machine(),
        family=int(family) if family else None,
        model=int(model) if model else None,
        instructions=tuple(name for name in INSTRUCTION_SETS if name in flags),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
    )


def _entry(name: str, text: str) -> str | None:
    found = re.search(rf"^{name}\s*: (.*)$", text, re.MULTILINE)
    return found[1].strip() if found else None
