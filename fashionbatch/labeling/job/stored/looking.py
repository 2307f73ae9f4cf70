"""What is seen of a job in a store, from any machine. It writes nothing there."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath
from typing import Final

from fashionbatch.labeling.job.record import Job, parsed
from fashionbatch.labeling.job.seen import Seen
from fashionbatch.labeling.job.shards import TABLE_PART, Counts, ShardNotes
from fashionbatch.labeling.job.staging import job_address
from fashionbatch.labeling.job.stored.folder import JobFolder
from fashionbatch.labeling.job.stored.home import BEGUN, SHARDS, Begun
from fashionbatch.labeling.job.stored.lease import FOLDER, Times, record_of
from fashionbatch.stores.address import Url

_AT_ONCE: Final = 16


def look_at_job(table: Url, jobs: Url, folder: JobFolder | None = None) -> Seen | None:
    """How far a job is; None where there is none.

    Args:
        table: its address.
        jobs: the address that its job lies below.
        folder: of the job, instead of that address.

    Raises:
        OutputError: the store does not tell, or the job is damaged.
    """
    folder = folder or JobFolder(job_address(table, jobs))
    content = folder.read(BEGUN)
    is_running = _is_somebody_at_work(folder)
    if content is None:
        return Seen(True, None, {}, Counts(), time.time()) if is_running else None
    begun = parsed(Begun, content, folder.url / BEGUN)
    place = f"{begun.name}/job.json"
    job = parsed(Job, folder.read(place) or b"", folder.url / place)
    finished = {}
    for each in folder.listed(f"{begun.name}/{SHARDS}"):
        path = PurePosixPath(each.path)
        if path.suffix == TABLE_PART.suffix and path.stem.isdecimal() and int(path.stem) < len(job.shards) - 1:
            finished[int(path.stem)] = each.mtime_ns / 1e9
    counts = Counts()
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        for notes in threads.map(lambda shard: _counts_of(folder, begun, shard), sorted(finished)):
            counts.add(notes)
    return Seen(is_running, job, finished, counts, time.time())


def _counts_of(folder: JobFolder, begun: Begun, shard: int) -> Counts:
    content = folder.read(f"{begun.name}/{SHARDS}{shard:06}.json")
    try:
        return Counts() if content is None else ShardNotes.of_json(json.loads(content)).counts
    except (ValueError, RecursionError):
        return Counts()  # Whoever joins the shards finds it damaged.


def _is_somebody_at_work(folder: JobFolder) -> bool:
    """Whether a lease is held that was written to lately."""
    for each in folder.listed(FOLDER):
        found = folder.find(each.path)
        record = None if found is None else record_of(found)
        if record is None or not record.owner:
            continue
        age_s = folder.age_s(each.path)
        # Where the store does not tell the time, this machine's clock is as good as any for a word to the user.
        age_s = time.time() - each.mtime_ns / 1e9 if age_s is None else age_s
        if age_s <= Times().lease_s:
            return True
    return False
