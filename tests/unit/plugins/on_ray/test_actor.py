"""What an actor tells of its work, whoever asks and when."""

from __future__ import annotations

from pathlib import Path

from fashionbatch.testing.checks.engine import RecordedShard
from fashionbatch_plugins.on_ray.actor import LabelingActor
from fashionbatch_plugins.on_ray.work import Work


def test_rows_of_an_earlier_shard_are_never_told_of_the_next_one(tmp_path: Path) -> None:
    actor = LabelingActor(RecordedShard(tmp_path), [], 1)
    done = actor.work(Work(3), None, 0, 1)
    assert done.rows > 0
    assert actor.look(0, 1) == done
    # It was asked about the second turn before that began.
    assert actor.look(0, 2).rows == 0
