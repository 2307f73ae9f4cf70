"""What runs on the nodes: a process that opens the job for itself and labels one shard at a time."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fashionbatch.errors import FashionBatchError
from fashionbatch.specs import PackedBundles, RunShard
from fashionbatch_plugins.on_ray.work import Work


@dataclass(frozen=True)
class Result:
    """What became of a call.

    Attributes:
        error: what it raised; None for nothing.
        rows: that were done, all in all.
        failed: and how many of those have no label.
    """

    error: BaseException | None = None
    rows: int = 0
    failed: int = 0


class LabelingActor:
    """One pipeline: decode workers and networks. One call of `work` runs at a time, and `look` beside it.

    Args:
        run_shard: what labels a shard.
        bundles: a list with the reference of the packed bundles in Ray's object store, which is fetched where it is
            needed alone.
        cores: how many this process should use.
    """

    def __init__(self, run_shard: RunShard, bundles: Sequence[Any], cores: int) -> None:
        self._run_shard = run_shard
        self._bundles = bundles
        self._cores = cores
        self._rows = self._failed = self._stop = self._turn = 0

    def prepare(self) -> Result:
        """Open the job."""
        try:
            self._run_shard.prepare(cores=self._cores, bundles=self._packed)
        except BaseException as error:  # noqa: BLE001 - it is raised, or told of, by the process of the run
            return Result(_portable(error))
        return Result()

    def work(self, work: Work, ahead: int | None, stop: int, turn: int) -> Result:
        """Label a shard, or try rows of it.

        Args:
            work: what to do.
            ahead: the shard to begin on meanwhile.
            stop: as of `look`.
            turn: tells this call from others, for `look`.
        """
        self._rows = self._failed = 0
        self._turn = turn
        self._stop = stop
        try:
            self._run_shard(
                work.shard,
                progress=self._count,
                stop_signal=lambda: self._stop,
                ahead=ahead,
                crashed=work.crashed,
                trial=work.trial,
            )
        except BaseException as error:  # noqa: BLE001 - it is raised by the process of the run
            return Result(_portable(error), self._rows, self._failed)
        return Result(None, self._rows, self._failed)

    def look(self, stop: int, turn: int) -> Result:
        """Give what is done of the work so far, and hear whether to stop.

        Args:
            stop: the number of the signal that asks for an end, 0 while there is none.
            turn: of the work that is asked about. Nothing is done of one that is still to begin, though this call may
                come before it.
        """
        self._stop = stop
        return Result(None, self._rows, self._failed) if turn == self._turn else Result()

    def _count(self, rows: int, failed: int) -> None:
        self._rows += rows
        self._failed += failed

    def _packed(self) -> PackedBundles:
        import ray

        packed: PackedBundles = ray.get(self._bundles[0])
        return packed


def _portable(error: BaseException) -> BaseException:
    """An error that gets to another process: libraries have some that do not."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - made here
    except Exception:  # noqa: BLE001 - whatever the error's own class does
        return FashionBatchError(f"{type(error).__name__}: {error}")
    return error
