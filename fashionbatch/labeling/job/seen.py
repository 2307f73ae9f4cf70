"""What is seen of a job from outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fashionbatch.labeling.job.record import Job
from fashionbatch.labeling.job.shards import Counts


@dataclass(frozen=True)
class Seen:
    """What is seen of a job, wherever it lies.

    Attributes:
        is_running: whether a run is at work.
        job: None where it is still being made.
        finished: each finished shard -> when that was, in seconds since 1970.
        counts: of what they hold.
        now: by the same clock.
    """

    is_running: bool
    job: Job | None
    finished: Mapping[int, float]
    counts: Counts
    now: float
