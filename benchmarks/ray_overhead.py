"""What Ray costs: the same photos labeled by the local engine and by Ray on as many cores, in turns.

    python benchmarks/ray_overhead.py PHOTOS -b BUNDLE [--runs 3] [--nodes 2] [--json FILE]

The local engine gets all cores that this process may use. Ray gets as many: as one actor with all of them, as one for
each core, each time with a Ray of the run's own; and as nodes that share them, in a cluster that is there before the
run begins. Said are the time on the clock and the CPU time, user and system, of the whole tree of processes, each also
as a ratio to the local engine's in the same round. What the cluster's own processes take is not counted, that of its
actors is. Tables are compared byte for byte.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

_TICK_S = 0.1
_MARK = "RAY_OVERHEAD_RUN"
Figures = dict[str, list[tuple[float, float]]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("-b", "--bundle", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=3, help="rounds (3)")
    parser.add_argument("--nodes", type=int, default=2, help="nodes that share the cores; 0 for no cluster (2)")
    parser.add_argument("--json", type=Path, help="write each run's seconds to this file, too")
    given = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    ways: dict[str, list[str]] = {
        "local": [],
        f"ray, 1 actor of {cores} cores": settings(f"cores={cores}"),
        f"ray, {cores} actors of 1 core": settings("cores=1"),
    }
    figures: Figures = {name: [] for name in ways}
    tables = set()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for number in range(given.runs):
            for name, arguments in ways.items():
                figures[name].append(measured(given.photos, given.bundle, folder / f"{number}.csv", arguments))
                tables.add((folder / f"{number}.csv").read_bytes())
                (folder / f"{number}.csv").unlink()
            if given.nodes:
                name = f"ray, {given.nodes} nodes"
                with cluster(given.nodes, max(1, cores // given.nodes)) as address:
                    table = folder / f"{number}-cluster.csv"
                    run = measured(given.photos, given.bundle, table, settings(f"address={address}"))
                    figures.setdefault(name, []).append(run)
                    tables.add(table.read_bytes())
            say(figures, f"after {number + 1} of {given.runs} rounds")
    assert len(tables) == 1, "the tables differ"
    if given.json is not None:
        given.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")


def settings(*pairs: str) -> list[str]:
    return ["--engine", "ray", *(f"--engine-set={pair}" for pair in pairs)]


def say(figures: Figures, title: str) -> None:
    """Medians of the rounds so far, and of the ratios within each."""
    print(title, flush=True)
    for name, runs in figures.items():
        said = []
        for column, what in enumerate(("clock", "CPU")):
            seconds = statistics.median(run[column] for run in runs)
            pairs = zip(runs, figures["local"], strict=True)
            ratio = statistics.median(mine[column] / local[column] for mine, local in pairs)
            said.append(f"{what} {seconds:8.1f} s {ratio:6.3f} of local")
        print(f"  {name:26} {'    '.join(said)}", flush=True)


def measured(photos: Path, bundle: Path, table: Path, arguments: list[str]) -> tuple[float, float]:
    """Seconds on the clock, and of CPU of everything that the run starts."""
    before, mark = cpu_of_actors(), uuid.uuid4().hex
    command = [sys.executable, "-m", "fashionbatch", "classify", photos, "-b", bundle, "-o", table, *arguments]
    began = time.monotonic()
    run = subprocess.Popen(
        command, env={**os.environ, _MARK: mark}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    ticks: dict[Path, int] = {}
    actors: dict[Path, int] = {}
    while True:
        seconds = time.monotonic() - began
        ended = run.poll() is not None
        # Ray's processes are nobody's children in the end, so that no waiting adds their time up: it is looked up.
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if process in ticks or f"{_MARK}={mark}".encode() in (process / "environ").read_bytes():
                    ticks[process] = cpu(process)
        actors.update(cpu_of_actors())
        if ended:
            break
        time.sleep(_TICK_S)
    assert run.returncode == 0, f"{table.name}: exit code {run.returncode}"
    total = sum(ticks.values()) + sum(actors[each] - before.get(each, 0) for each in actors if each not in ticks)
    return seconds, total / os.sysconf("SC_CLK_TCK")


def cpu(process: Path) -> int:
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def cpu_of_actors() -> dict[Path, int]:
    """What the cluster's workers, and the decode workers that they have started, have taken so far."""
    found: dict[Path, int] = {}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if b"RAY_OVERHEAD_CLUSTER=1" not in (process / "environ").read_bytes():
                continue
            line = (process / "cmdline").read_bytes()
            if line.startswith(b"ray::") or b"default_worker.py" in line or b"fashionbatch" in line:
                found[process] = cpu(process)
    return found


@contextlib.contextmanager
def cluster(nodes: int, cores: int) -> Iterator[str]:
    """A Ray cluster on this machine; gives its address."""
    os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_OVERHEAD_CLUSTER="1")
    try:
        from ray.cluster_utils import Cluster

        node = {"num_cpus": cores, "object_store_memory": 128 << 20}
        started = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
        try:
            for _ in range(nodes - 1):
                started.add_node(**node)
            started.wait_for_nodes()
            del os.environ["RAY_OVERHEAD_CLUSTER"]
            yield started.address
        finally:
            started.shutdown()
    finally:
        os.environ.pop("RAY_OVERHEAD_CLUSTER", None)


if __name__ == "__main__":
    main()
