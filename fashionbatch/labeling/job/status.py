"""How far a labeling run is, seen from another process. It touches nothing."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from fashionbatch import disk
from fashionbatch.errors import DataError
from fashionbatch.labeling.job.paths import JobPaths
from fashionbatch.labeling.job.record import read_job
from fashionbatch.labeling.job.seen import Seen
from fashionbatch.labeling.job.shards import Counts, ShardStore
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


def read_status(output: Location, *, jobs: Location | None = None) -> JobStatus:
    """Look at an output and its job directory.

    Args:
        output: the table, as `classify` was given it.
        jobs: for a table in a store, what `classify` was given as `--job`.

    Raises:
        DataError: there is neither a table nor a job.
        OutputError: the job's description is damaged, or the store does not give it.
    """
    if isinstance(output, Url) and isinstance(jobs, Url):
        from fashionbatch.labeling.job.stored.looking import look_at_job

        found = look_at_job(output, jobs)
        return _complete(output, jobs) if found is None else _status_of(found)
    paths = JobPaths(staged_table(output, jobs) if isinstance(output, Url) else output.absolute())
    if not paths.directory.is_dir():
        return _complete(output if isinstance(output, Url) else paths.output, jobs)
    running = disk.is_locked(paths.lock)
    job = read_job(paths)
    if job is None:
        return _status_of(Seen(running, None, {}, Counts(), time.time()))
    store = ShardStore.of_job(paths.shards, job, repairs=False)
    done = store.done()
    return _status_of(Seen(running, job, _finished(store, done), store.counts(sorted(done)), time.time()))


def _status_of(seen: Seen) -> JobStatus:
    state: State = "running" if seen.is_running else "stopped"
    if seen.job is None:
        return JobStatus("starting" if seen.is_running else "stopped", None, 0, {}, None, None)
    rows, done = seen.job.shards[-1], seen.counts.rows
    rate = _rate(seen.job.shards, seen.finished, seen.now)
    remaining_s = (rows - done) / rate if rate and seen.is_running else None
    return JobStatus(state, rows, done, dict(seen.counts.statuses.most_common()), rate, remaining_s)


def _complete(output: Location, jobs: Location | None) -> JobStatus:
    sidecar = sidecar_of(output)
    if sidecar is None:
        raise DataError(
            f"{output}: there is neither a job under way nor a table that classify wrote",
            hint="if the run was given --job, give it here, too" if isinstance(output, Url) and jobs is None else None,
        )
    rows = sidecar.rows
    return JobStatus("complete", rows, rows, dict(sidecar.counts.status), None, None)


def _finished(store: ShardStore, done: Iterable[int]) -> dict[int, float]:
    """When each shard was finished."""
    finished = {}
    for shard in done:
        with contextlib.suppress(OSError):
            finished[shard] = store.path(shard).stat().st_mtime
    return finished


def _rate(bounds: Sequence[int], finished: Mapping[int, float], now: float) -> float | None:
    """Rows a second over the shards that were finished last, up to now."""
    recent = sorted((when, shard) for shard, when in finished.items())[-_RECENT:]
    if len(recent) < 2:
        return None
    # The first one's rows were labeled before the time that is measured began.
    rows = sum(bounds[shard + 1] - bounds[shard] for _, shard in recent[1:])
    took_s = recent[-1][0] - recent[0][0]
    silent_s = now - recent[-1][0]
    usual_s = took_s / (len(recent) - 1)
    # A run that has not finished a shard for long has become slower.
    return rows / (took_s + max(silent_s - 2 * usual_s, 0.0)) if took_s > 0 else None
