"""How far a labeling run is, seen from another process. It touches nothing."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from fashionbatch import disk
from fashionbatch.errors import DataError
from fashionbatch.labeling.job.paths import JobPaths
from fashionbatch.labeling.job.record import read_job
from fashionbatch.labeling.job.shards import ShardStore
from fashionbatch.labeling.job.staging import staged_table
from fashionbatch.labels.sidecar import sidecar_of
from fashionbatch.stores.address import Location, Url

State: TypeAlias = Literal["starting", "running", "stopped", "complete"]

_RECENT = 20


@dataclass(frozen=True)
class JobStatus:
    """What is known about an output.

    Attributes:
        state: `starting` while the folder is scanned and the model is loaded; `stopped` where nobody works on a job
            that is not complete; `complete` where the table is there and no job is.
        rows: of the table; None while that is not known.
        done: rows that are on the disk.
        statuses: status -> rows, of those that are on the disk.
        rate: rows a second lately; None where that cannot be told.
        remaining_s: seconds to the end at that rate, for a run that is at work.
    """

    state: State
    rows: int | None
    done: int
    statuses: dict[str, int]
    rate: float | None
    remaining_s: float | None


def read_status(output: Location, *, jobs: Path | None = None) -> JobStatus:
    """Look at an output and its job directory.

    Args:
        output: the table, as `classify` was given it.
        jobs: for a table in a store, what `classify` was given as `--job`.

    Raises:
        DataError: there is neither a table nor a job.
        OutputError: the job's description is damaged.
    """
    paths = JobPaths(staged_table(output, jobs) if isinstance(output, Url) else output.absolute())
    if not paths.directory.is_dir():
        return _complete(output if isinstance(output, Url) else paths.output)
    running = disk.is_locked(paths.lock)
    job = read_job(paths)
    if job is None:
        return JobStatus("starting" if running else "stopped", None, 0, {}, None, None)
    store = ShardStore.of_job(paths.shards, job, repairs=False)
    done = sorted(store.done())
    counts = store.counts(done)
    rate = _rate(store, done)
    left = store.bounds[-1] - counts.rows
    remaining_s = left / rate if rate and running else None
    statuses = dict(counts.statuses.most_common())
    return JobStatus("running" if running else "stopped", store.bounds[-1], counts.rows, statuses, rate, remaining_s)


def _complete(output: Location) -> JobStatus:
    sidecar = sidecar_of(output)
    if sidecar is None:
        raise DataError(f"{output}: there is neither a job under way nor a table that classify wrote")
    rows = sidecar.rows
    return JobStatus("complete", rows, rows, dict(sidecar.counts.status), None, None)


def _rate(store: ShardStore, done: Sequence[int]) -> float | None:
    """Rows a second over the shards that were finished last, up to now."""
    finished = []
    for shard in done:
        try:
            finished.append((store.path(shard).stat().st_mtime, shard))
        except OSError:
            continue
    recent = sorted(finished)[-_RECENT:]
    if len(recent) < 2:
        return None
    # The first one's rows were labeled before the time that is measured began.
    rows = sum(stop - start for start, stop in (store.rows(shard) for _, shard in recent[1:]))
    took_s = recent[-1][0] - recent[0][0]
    silent_s = time.time() - recent[-1][0]
    usual_s = took_s / (len(recent) - 1)
    # A run that has not finished a shard for long has become slower.
    return rows / (took_s + max(silent_s - 2 * usual_s, 0.0)) if took_s > 0 else None
