"""What Ray costs: the same photos labeled by the local engine and by Ray on as many cores, in turns.

    python benchmarks/ray_overhead.py PHOTOS -b BUNDLE [--runs 3] [--actors 2]

The local engine gets all cores that this process may use; Ray gets them as one actor with all of them, and as actors
that share them. Said is the CPU time, user and system, of the whole tree of processes, as a ratio to the local
engine's in the same round: on a machine that others use, too, it says more than the time on the clock, which stands
beside it. Tables are compared byte for byte.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

_TICK_S = 0.1
Figures = dict[str, list[tuple[float, float]]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("-b", "--bundle", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=3, help="rounds (3)")
    parser.add_argument("--actors", type=int, default=2, help="actors that share the cores (2)")
    given = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    ways = {
        "local": [],
        "ray, 1 actor": ray_settings(1, cores),
        f"ray, {given.actors} actors": ray_settings(given.actors, max(1, cores // given.actors)),
    }
    figures: Figures = {name: [] for name in ways}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(given.runs):
            tables = set()
            for name, settings in ways.items():
                table = Path(folder, f"{number}-{len(figures[name])}-{name.replace(' ', '')}.csv")
                figures[name].append(measured(given.photos, given.bundle, table, settings))
                tables.add(table.read_bytes())
            assert len(tables) == 1, "the tables differ"
    for name, runs in figures.items():
        cpu, clock = (statistics.median(column) for column in zip(*runs, strict=True))
        ratio = statistics.median(mine[0] / local[0] for mine, local in zip(runs, figures["local"], strict=True))
        print(f"{name:16} CPU {cpu:8.1f} s   {ratio:5.2f} of local   clock {clock:8.1f} s")


def ray_settings(actors: int, cores: int) -> list[str]:
    return ["--engine", "ray", "--engine-set", f"actors={actors}", "--engine-set", f"cores={cores}"]


def measured(photos: Path, bundle: Path, table: Path, settings: list[str]) -> tuple[float, float]:
    """Seconds of CPU of everything that the run starts, and on the clock."""
    began, mark = time.monotonic(), f"RAY_OVERHEAD_RUN={uuid.uuid4()}"
    command = [sys.executable, "-m", "fashionbatch", "classify", photos, "-b", bundle, "-o", table, *settings]
    name, _, value = mark.partition("=")
    run = subprocess.Popen(
        command, env={**os.environ, name: value}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    ticks: dict[Path, int] = {}
    while True:
        ended = run.poll() is not None
        # Ray's processes are nobody's children in the end, so that no waiting adds their time up: it is looked up.
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if process in ticks or mark.encode() in (process / "environ").read_bytes():
                    fields = (process / "stat").read_text().rpartition(")")[2].split()
                    ticks[process] = int(fields[11]) + int(fields[12])
        if ended:
            break
        time.sleep(_TICK_S)
    assert run.returncode == 0, f"{table.name}: exit code {run.returncode}"
    return sum(ticks.values()) / os.sysconf("SC_CLK_TCK"), time.monotonic() - began


if __name__ == "__main__":
    main()
