"""Runs one command and writes what it took: wall seconds, CPU seconds and, if asked, peak memory of all its processes.

    python stopwatch.py RESULT.json timed|memory COMMAND...

It is a process of its own so that a wrapper before it (`nice`, `taskset`, one that waits for a quiet machine) is no
part of the figure. Memory is sampled in a run of its own, since sampling takes time.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

EVERY_S = 0.1


def main() -> int:
    result, kind, *command = sys.argv[1:]
    began = time.perf_counter()
    # Memory is that of all processes of its session; a timed run stays in the one that a wrapper may have arranged.
    process = subprocess.Popen(command, start_new_session=kind == "memory")
    peak_mib = watch(process) if kind == "memory" else 0.0
    code = process.wait()
    seconds = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    measured = {"seconds": seconds, "cpu_seconds": used.ru_utime + used.ru_stime, "peak_mib": peak_mib}
    Path(result).write_text(json.dumps(measured))
    return code


def watch(process: subprocess.Popen[bytes]) -> float:
    """Peak proportional set size of a command and all its children, in MiB.

    PSS counts a shared page once, divided among those who share it: the sum over processes is what the machine spends.
    """
    peak = 0.0
    while process.poll() is None:
        began = time.perf_counter()
        peak = max(peak, sum(_pss_kib(pid) for pid in _session(process.pid)) / 1024)
        # A look at gigabytes takes the kernel a while, in which the command has to wait.
        time.sleep(max(EVERY_S, 4 * (time.perf_counter() - began)))
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


if __name__ == "__main__":
    sys.exit(main())
