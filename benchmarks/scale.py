"""What the list of files, the shards, `status` and `merge` cost at so many photos, without the photos.

    python benchmarks/scale.py --rows 100_000_000 --folder /tmp/scale --output benchmarks/results/scale/100m.json

A job over a few photos is begun by `classify`; then its list of files and its shards are replaced by as many as
were asked for, with rows that are short and alike. Each step runs in a process of its own, whose time, CPU and memory
are kept. 100 million rows take 11 GB in the folder, which is removed afterwards.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import platform
import resource
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

TABLE = "labels.csv"
LINE = b"x.jpg,red,0.9981,ok,\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, required=True, help="a new folder")
    parser.add_argument("--output", type=Path, help="where the figures go, as JSON")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True)
    try:
        begin = multiprocessing.get_context("spawn").Process(target=begin_job, args=(asked.folder,))
        begin.start()
        begin.join()
        figures = {step.__name__: measured(step, asked.folder, asked.rows) for step in STEPS}
    finally:
        shutil.rmtree(asked.folder)
    report = {
        "rows": asked.rows,
        "cpu": cpu_name(),
        "python": platform.python_version(),
        "date": str(date.today()),
        "command": " ".join(sys.argv),
        "steps": figures,
    }
    if asked.output:
        asked.output.parent.mkdir(parents=True, exist_ok=True)
        asked.output.write_text(json.dumps(report, indent=2) + "\n")


def begin_job(folder: Path) -> None:
    """A job that `classify` began, and of which it did the first half."""
    from PIL import Image

    from fashionbatch.testing.bundles import class_colour, make_tiny_bundle

    make_tiny_bundle(folder / "bundle")
    (folder / "photos").mkdir()
    for number in range(2_001):
        Image.new("RGB", (16, 16), class_colour(number % 3, 3)).save(folder / "photos" / f"{number:04}.png")
    classify(folder, "1/2")


def classify(folder: Path, part: str) -> None:
    options = ("-b", "bundle", "-o", TABLE, "--shard", part, "--workers", "1", "--quiet")
    subprocess.run([sys.executable, "-m", "fashionbatch", "classify", "photos", *options], check=True, cwd=folder)


# ------------------------------------------------------------------------------------------------------------- steps


def write_manifest(folder: Path, rows: int) -> dict[str, Any]:
    from fashionbatch.labeling.job.manifest import ManifestWriter

    path = paths_of(folder).manifest
    with path.open("wb") as file:
        writer = ManifestWriter(file)
        for number in range(rows):
            writer.add(b"2026/%05d/IMG_%010d.jpg" % (number // 10_000, number), 2_400_000, 1_790_000_000_000_000_000)
        digest = writer.finish()
    (folder / "digest").write_text(digest)
    return {"bytes": path.stat().st_size}


def open_manifest(folder: Path, rows: int) -> dict[str, Any]:
    from fashionbatch.labeling.job.manifest import Manifest

    with contextlib.closing(Manifest(paths_of(folder).manifest)) as manifest:
        middle = next(iter(manifest.rows(rows // 2, rows // 2 + 1)))
        assert len(manifest) == rows
        assert middle.path.endswith(b"IMG_%010d.jpg" % (rows // 2))
    return {}


def digest_of_manifest(folder: Path, rows: int) -> dict[str, Any]:  # noqa: ARG001 - as all steps
    from fashionbatch.labeling.job.manifest import Manifest

    with contextlib.closing(Manifest(paths_of(folder).manifest)) as manifest:
        assert manifest.digest() == (folder / "digest").read_text()
    return {}


def plan(folder: Path, rows: int) -> dict[str, Any]:
    """The shards, and the job's record with their bounds."""
    from fashionbatch.labeling.job.manifest import Manifest
    from fashionbatch.labeling.job.record import read_job, write_record
    from fashionbatch.labeling.job.shards import plan_shards

    paths = paths_of(folder)
    job = read_job(paths)
    assert job is not None
    bounds = plan_shards(rows, columns=len(job.columns), batch_size=32)
    files = job.files.model_copy(update={"digest": (folder / "digest").read_text()})
    with contextlib.closing(Manifest(paths.manifest)) as manifest:
        found = {"shards": bounds, "files": files, "files_index": manifest.index_digest}
    write_record(paths.job, job.model_copy(update=found))
    shutil.rmtree(paths.shards)
    paths.shards.mkdir()
    return {"shards": len(bounds) - 1, "bytes": paths.job.stat().st_size}


def commit_all_but_the_last(folder: Path, rows: int) -> dict[str, Any]:  # noqa: ARG001 - as all steps
    from fashionbatch.labeling.job.shards import Counts

    store = store_of(folder)
    for shard in range(len(store) - 1):
        start, stop = store.rows(shard)
        labels = [Counter({"red": stop - start})]
        store.commit(shard, [LINE * (stop - start)], Counts(Counter({"ok": stop - start}), labels))
    return {"bytes": sum(entry.stat().st_size for entry in os.scandir(store.directory))}


def status(folder: Path, rows: int) -> dict[str, Any]:
    from fashionbatch.labeling.job.status import read_status

    found = read_status(folder / TABLE)
    assert found.rows == rows
    return {"done": found.done}


def label_the_last_shard(folder: Path, rows: int) -> dict[str, Any]:  # noqa: ARG001 - as all steps
    """A run that joins the job: it opens everything, and labels one shard, whose photos are missing."""
    shards = len(store_of(folder))
    classify(folder, f"{shards}/{shards}")
    return {}


def merge(folder: Path, rows: int) -> dict[str, Any]:
    from fashionbatch.labeling.merge import merge as merge_parts

    report = merge_parts(folder / TABLE)
    assert report.sidecar.rows == rows
    return {"bytes": (folder / TABLE).stat().st_size}


STEPS = (
    write_manifest,
    open_manifest,
    digest_of_manifest,
    plan,
    commit_all_but_the_last,
    status,
    label_the_last_shard,
    merge,
)


# --------------------------------------------------------------------------------------------------------- measuring


def measured(step: Callable[[Path, int], dict[str, Any]], folder: Path, rows: int) -> dict[str, Any]:
    """Run a step in a process of its own; seconds, CPU seconds, the most memory in MB, and what the step says."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_run, args=(step, folder, rows, theirs))
    process.start()
    theirs.close()
    try:
        figures: dict[str, Any] = ours.recv()
    finally:
        process.join()
    print(f"{step.__name__:24} {figures}", flush=True)
    return figures


def _run(step: Callable[[Path, int], dict[str, Any]], folder: Path, rows: int, answer: Any) -> None:
    begun = time.monotonic()
    said = step(folder, rows)
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    # What getrusage says of this process begins with what its parent had.
    status_lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    own_kb = next(int(line.split()[1]) for line in status_lines if line.startswith("VmHWM"))
    answer.send(
        {
            "seconds": round(time.monotonic() - begun, 3),
            "cpu_seconds": round(sum(one.ru_utime + one.ru_stime for one in used), 3),
            "memory_mb": round(max(own_kb, used[1].ru_maxrss) / 1024),
            **said,
        }
    )


def paths_of(folder: Path) -> Any:
    from fashionbatch.labeling.job.paths import JobPaths

    return JobPaths(folder / TABLE)


def store_of(folder: Path) -> Any:
    from fashionbatch.labeling.job.record import read_job
    from fashionbatch.labeling.job.shards import ShardStore

    job = read_job(paths_of(folder))
    assert job is not None
    return ShardStore.of_job(paths_of(folder).shards, job)


def cpu_name() -> str:
    from fashionbatch.inference.cpu import cpu_name

    return cpu_name()


if __name__ == "__main__":
    main()
