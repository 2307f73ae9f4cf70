"""The arithmetic of training: what this CPU computes, and what a recipe's `precision` comes to here."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from fashionbatch.errors import RuntimeUnavailableError
from fashionbatch.model.framework import MATH_MODE, arithmetic_of_tensorflow, tensorflow_is_loaded
from fashionbatch.specs import TrainingPrecision

_CPU_INFO = Path("/proc/cpuinfo")
_FLAG = "amx_bf16"
"""The CPU feature without which oneDNN goes on multiplying float32, whatever the math mode asks: with avx512_bf16
alone, convolutions and their gradients came out the same to the bit, and no sooner."""


def cpu_computes_bfloat16(cpu_info: Path = _CPU_INFO) -> bool:
    """Whether TensorFlow can train in bfloat16 on this CPU; False where the system does not say."""
    try:
        text = cpu_info.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    flags = next((line for line in text.splitlines() if line.startswith("flags")), "")
    return _FLAG in flags.split()


def training_precision(asked: TrainingPrecision | Literal["auto"]) -> tuple[TrainingPrecision, str]:
    """What a recipe's `training.precision` comes to on this machine, and why.

    Call it before TensorFlow is imported: its arithmetic is fixed then. Where it has been imported, `auto` takes what
    there is.

    Raises:
        RuntimeUnavailableError: TensorFlow has no bfloat16 on this CPU, or it was imported with another arithmetic.
    """
    if asked == "bfloat16" and not cpu_computes_bfloat16():
        raise RuntimeUnavailableError(
            "training.precision is bfloat16, which TensorFlow does not compute on this CPU (it has no amx_bf16)",
            hint="`precision: auto` takes bfloat16 where TensorFlow gains by it, else float32",
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
        return "bfloat16", "the CPU has amx_bf16"
    return "float32", "TensorFlow trains in bfloat16 on CPUs with amx_bf16 only"


def resumed_precision(
    asked: TrainingPrecision | Literal["auto"], begun: TrainingPrecision
) -> tuple[TrainingPrecision, str]:
    """What a run goes on in, and why: what it was begun in, whatever `auto` would take today.

    Args:
        asked: the recipe's `training.precision`.
        begun: what that came to when the run began.

    Raises:
        RuntimeUnavailableError: as `training_precision` for that.
    """
    precision, why = training_precision(begun)
    if asked != "auto":
        return precision, why
    chosen, reason = training_precision(asked)
    return precision, reason if chosen == precision else "the run was begun in it"
