"""Runs whole commands, start-up included, and says what each took."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

STOPWATCH = Path(__file__).with_name("stopwatch.py")
# TensorFlow's messages about itself would hide those of a command that fails.
ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "3"}


@dataclass(frozen=True)
class Measured:
    """What one run took.

    Attributes:
        seconds: wall time.
        cpu_seconds: user and system time of all its processes that have ended.
        peak_mib: peak PSS of all its processes together; 0 where it was not watched.
        output: what it printed to standard output.
    """

    seconds: float
    cpu_seconds: float
    peak_mib: float
    output: str


def measure(
    command: Sequence[str], *, kind: Literal["timed", "memory"] = "timed", prefix: Sequence[str] = ()
) -> Measured:
    """Run a command once; one that fails ends the benchmark with its output.

    Args:
        command: the program and its arguments.
        kind: what is of interest. Watching memory takes time, so a timed run is not watched.
        prefix: a command that runs the command; what it takes itself does not count.

    Returns:
        What the run took.
    """
    with tempfile.TemporaryDirectory(prefix="fashionbatch-bench-") as scratch:
        result = Path(scratch, "measured.json")
        whole = [*prefix, sys.executable, str(STOPWATCH), str(result), kind, *command]
        output = run(whole)
        return Measured(**json.loads(result.read_text()), output=output)


def run(command: Sequence[str]) -> str:
    """Run a command and give its standard output; one that fails ends the benchmark with its output."""
    result = subprocess.run(
        command,
        env={**os.environ, **ENVIRONMENT},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if result.returncode:
        sys.exit(f"{' '.join(command)}\nended with {result.returncode}:\n{result.stdout}{result.stderr}")
    return result.stdout


def fashionbatch(*arguments: object) -> list[str]:
    """The command line of FashionBatch in this Python."""
    return [sys.executable, "-m", "fashionbatch", *map(str, arguments)]
