"""Decoding alone, by this package's workers or by Pillow alone, on all cores.

    python decoding_probe.py ours|floor FOLDER HEIGHT WIDTH

Prints photos a second, and CPU milliseconds a photo of the processes that decode. The floor: one process a core, JPEGs
in draft mode at no less than twice the target, as the package's rule is, and no copy that is not needed. Start-up does
not count.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

CHUNK = 8
BUFFERS = 16


def main() -> None:
    kind, folder, height, width = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    photos = sorted(folder.iterdir())
    probe = {"ours": ours, "floor": floor}[kind]
    seconds, cpu_seconds = probe(photos, (height, width))
    print(json.dumps({"rate": len(photos) / seconds, "cpu_ms": 1000 * cpu_seconds / len(photos)}))


def floor(photos: Sequence[Path], size: tuple[int, int]) -> tuple[float, float]:
    """Wall and CPU seconds of Pillow alone."""
    cores = len(os.sched_getaffinity(0))
    with multiprocessing.get_context("spawn").Pool(cores) as pool:
        tasks = [(str(photo), size) for photo in photos]
        pool.starmap(decode, tasks[: 8 * cores], chunksize=1)
        processes = [process.pid for process in multiprocessing.active_children() if process.pid]
        return timed(lambda: pool.starmap(decode, tasks, chunksize=CHUNK), processes)


def decode(path: str, size: tuple[int, int]) -> int:
    """Decode a photo to RGB at a size; returns how many values it has."""
    height, width = size
    with Image.open(path) as photo:
        photo.draft("RGB", (2 * width, 2 * height))
        photo.load()
        colours = photo if photo.mode == "RGB" else photo.convert("RGB")
        return np.asarray(colours.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)).size


def ours(photos: Sequence[Path], size: tuple[int, int]) -> tuple[float, float]:
    """Wall and CPU seconds of decode workers, one a core."""
    from fashionbatch.labeling.workers.frames import PENDING, FrameLayout, Frames
    from fashionbatch.labeling.workers.launch import Launcher
    from fashionbatch.labeling.workers.pool import WorkerPool
    from fashionbatch.labeling.workers.tasks import Task
    from fashionbatch.specs import ImageSpec
    from fashionbatch.stores.sources import folder_source

    cores = len(os.sched_getaffinity(0))
    with Launcher(cores) as launcher:
        pool = WorkerPool(cores, launcher, timeout_s=60)
        layout = FrameLayout(((*size, 3),), CHUNK, BUFFERS, cores)
        frames = Frames(launcher.frame_file, layout, create=True)
        spec = ImageSpec(size=size)
        pool.configure(
            frames, source=folder_source(os.fsencode(photos[0].parent)), specs=[spec.model_dump(mode="json")]
        )
        tasks = []
        for number, photo in enumerate(photos):
            seen = photo.stat()
            place = number % layout.places
            tasks.append(Task(place, os.fsencode(photo.name), seen.st_size, seen.st_mtime_ns))

        def decode_all(tasks: Sequence[Task]) -> None:
            given = outstanding = 0
            while given < len(tasks) or outstanding:
                while given < len(tasks) and pool.wants_more and outstanding + CHUNK <= layout.places // 2:
                    chunk = tasks[given : given + CHUNK]
                    frames.states[[task.place for task in chunk]] = PENDING
                    pool.put(chunk)
                    given, outstanding = given + len(chunk), outstanding + len(chunk)
                for outcome in pool.wait(1):
                    if outcome.status != "ok":
                        sys.exit(f"a photo is {outcome.status}: {outcome.error}")
                    outstanding -= 1

        decode_all(tasks[: 8 * cores])
        processes = [worker.process.pid for worker in pool._workers.values()]
        taken = timed(lambda: decode_all(tasks), processes)
        pool.close()
    return taken


def timed(work: Callable[[], object], processes: Sequence[int]) -> tuple[float, float]:
    """Wall seconds of some work, and the CPU seconds that these processes spent meanwhile."""
    before = cpu_seconds(processes)
    began = time.perf_counter()
    work()
    return time.perf_counter() - began, cpu_seconds(processes) - before


def cpu_seconds(processes: Sequence[int]) -> float:
    """User and system seconds of processes so far."""
    ticks = 0
    for number in processes:
        fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
