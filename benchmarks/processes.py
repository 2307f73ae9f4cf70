"""Runs a whole command and measures it from outside: wall seconds, and peak memory of all its processes together."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Timing:
    """The runs of one command on one folder."""

    name: str
    images: int
    seconds: list[float] = field(default_factory=list)
    peak_mib: float = 0.0

    @property
    def median(self) -> float:
        """Median wall time in seconds."""
        return statistics.median(self.seconds)

    @property
    def rate(self) -> float:
        """Images a second, start-up included."""
        return self.images / self.median


def run_timed(command: Sequence[str], *, environment: dict[str, str] | None = None) -> float:
    """Wall seconds of one run; a run that fails ends the benchmark with its output."""
    start = time.perf_counter()
    result = subprocess.run(
        command, env={**os.environ, **(environment or {})}, capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - start
    if result.returncode:
        sys.exit(f"{' '.join(command)}\nended with {result.returncode}:\n{result.stdout}{result.stderr}")
    return seconds


def peak_memory(command: Sequence[str], *, environment: dict[str, str] | None = None, every: float = 0.1) -> float:
    """Peak proportional set size of a command and all its children, in MiB.

    PSS counts a shared page once, divided among those who share it: the sum over processes is what the machine spends.
    """
    process = subprocess.Popen(
        command,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    peak = 0.0
    done = threading.Event()
    waiter = threading.Thread(target=lambda: (process.wait(), done.set()))
    waiter.start()
    while not done.wait(every):
        peak = max(peak, sum(_pss_kib(pid) for pid in _session(process.pid)) / 1024)
    waiter.join()
    if process.returncode:
        sys.exit(f"{' '.join(command)}\nended with {process.returncode}")
    return peak


def _session(leader: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # The fields after the command's closing bracket: state, parent, process group, session.
            session = int((entry / "stat").read_text().rpartition(")")[2].split()[3])
        except (OSError, IndexError, ValueError):
            continue
        if session == leader:
            found.append(int(entry.name))
    return found


def _pss_kib(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
