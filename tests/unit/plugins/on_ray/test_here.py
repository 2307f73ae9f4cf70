"""The process of the run as one more actor."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from fashionbatch.specs import ShardProgress, StopSignal
from fashionbatch.testing.checks.engine import RecordedShard
from fashionbatch_plugins.on_ray.here import Here
from fashionbatch_plugins.on_ray.work import Done, Failed, Told, Work


def test_a_shard_is_told_of_and_done(tmp_path: Path) -> None:
    here = Here(RecordedShard(tmp_path))
    here.give(Work(3))
    here.join()
    assert here.events(0) == [Told(Here.number, 3, 0), Done(Here.number)]
    assert here.events(0) == []


def test_an_error_becomes_an_event(tmp_path: Path) -> None:
    here = Here(RecordedShard(tmp_path, failing=(3,)))
    here.give(Work(3))
    here.join()
    (event,) = here.events(0)
    assert isinstance(event, Failed)
    assert isinstance(event.error, OSError)


class Endless(RecordedShard):
    """Labels row after row until it is stopped, by an error or by a signal."""

    def __call__(
        self,
        shard: int,
        *,
        progress: ShardProgress | None = None,
        stop_signal: StopSignal | None = None,
        **others: object,
    ) -> None:
        assert progress is not None
        assert stop_signal is not None
        while not stop_signal():
            progress(1, 0)


@pytest.mark.parametrize("end", ["signal", "leave"])
def test_a_shard_under_way_ends_by_a_signal_or_when_the_run_is_over(tmp_path: Path, end: str) -> None:
    here = Here(Endless(tmp_path))
    here.give(Work(3))
    here.events(15 if end == "signal" else 0)
    if end == "leave":
        here.leave()
    here.join()
    assert not any(thread.name == "label-here" for thread in threading.enumerate())
