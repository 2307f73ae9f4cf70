"""The arithmetic of training: what this CPU computes, and what a recipe's `precision` comes to here."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from fashionbatch.errors import RuntimeUnavailableError
from fashionbatch.model.framework import MATH_MODE, arithmetic_of_tensorflow, tensorflow_is_loaded
from fashionbatch.specs import Precision

_CPU_INFO = Path("/proc/cpuinfo")
_FLAGS = {"amx_bf16", "avx512_bf16"}
"""CPU features with which oneDNN's bfloat16 is faster than float32; emulated, it is slower and no more exact."""


def cpu_computes_bfloat16(cpu_info: Path = _CPU_INFO) -> bool:
    """Whether the CPU multiplies bfloat16 in hardware; False where the system does not say."""
    try:
        text = cpu_info.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    flags = next((line for line in text.splitlines() if line.startswith("flags")), "")
    return not _FLAGS.isdisjoint(flags.split())


def training_precision(asked: Precision | Literal["auto"]) -> tuple[Precision, str]:
    """What a recipe's `training.precision` comes to on this machine, and why.

    Call it before TensorFlow is imported: its arithmetic is fixed then. Where it has been imported, `auto` takes what
    there is.

    Raises:
        RuntimeUnavailableError: the CPU has no bfloat16, or TensorFlow was imported with another arithmetic.
    """
    if asked == "bfloat16" and not cpu_computes_bfloat16():
        raise RuntimeUnavailableError(
            "training.precision is bfloat16, which this CPU does not compute (neither amx_bf16 nor avx512_bf16)",
            hint="`precision: auto` takes bfloat16 where there is hardware for it, else float32",
        )
    if tensorflow_is_loaded():
        loaded = arithmetic_of_tensorflow()
        if asked not in {"auto", loaded}:
            raise RuntimeUnavailableError(
                f"training.precision is {asked}, but TensorFlow was already imported with {loaded}",
                hint=f"train in a process of its own, or set {MATH_MODE} before TensorFlow is imported",
            )
        return loaded, "TensorFlow was already imported with it"
    if asked != "auto":
        return asked, "as the recipe says"
    if cpu_computes_bfloat16():
        return "bfloat16", "the CPU multiplies bfloat16 in hardware"
    return "float32", "the CPU has no bfloat16"
