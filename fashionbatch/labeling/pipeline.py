"""Shards -> decoded batches -> probabilities -> committed shards. Nothing in it grows with the run.

The batches of a shard are always the same rows, and a file that cannot be decoded leaves a black image in its place, so
that a resumed run computes the same numbers as an undisturbed one.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from fashionbatch.errors import DataError, InterruptedRunError
from fashionbatch.labeling.in_hand import CHUNK, Batch, FinishedShard, Lane, ShardInHand, identity_of
from fashionbatch.labeling.job.frozen import JobFiles
from fashionbatch.labeling.job.shards import ShardStore
from fashionbatch.labeling.workers.frames import PENDING, Frames
from fashionbatch.labeling.workers.pool import WorkerPool
from fashionbatch.labeling.workers.tasks import Outcome, Task
from fashionbatch.specs import ShardProgress, StopSignal

_TICK_S, _NONE = 0.25, -1


def _told_to_nobody(rows: int, failed: int) -> None:
    """Where the work is told of unless `reporting_to` says otherwise."""


class Pipeline:
    """Labels shards, one after the other, and reads ahead into the next one.

    Args:
        files: the job's rows.
        store: the job's shards.
        pool: configured workers.
        frames: the memory that they decode into.
        folder: what the paths are relative to; None where they lie in a store, which says of each what became of it.
        digests: whether the files' digests are kept.
        commit: makes rows of a finished shard and puts it on the disk; called in a thread of its own.
        stop_signal: the number of the signal that asks for an end, 0 while there is none; `reporting_to` may
            name another.

    Attributes:
        first_labels: when the first rows that are run were labeled before that, by `time.monotonic`; None where none
            were.
    """

    def __init__(
        self,
        *,
        files: JobFiles,
        store: ShardStore,
        pool: WorkerPool,
        frames: Frames,
        folder: bytes | None,
        digests: bool,
        commit: Callable[[FinishedShard], None],
        stop_signal: StopSignal,
    ) -> None:
        self._files = files
        self._store = store
        self._pool = pool
        self._frames = frames
        self._folder = folder
        self._folder_seen = folder and identity_of(folder)
        self._has_digests = digests
        self._commit = commit
        self._progress: ShardProgress = _told_to_nobody
        self._stop_signal = stop_signal
        self._current = _NONE
        self.first_labels: float | None = None
        self._lanes: Sequence[Lane] = ()
        self._ready: list[deque[int]] = []
        self._in_flight: list[int] = []
        self._free = deque(range(frames.layout.buffers))
        self._shards: dict[int, ShardInHand] = {}
        self._batches: dict[int, Batch] = {}
        self._batch_of: dict[int, int] = {}
        self._keys = itertools.count()
        self._committer = ThreadPoolExecutor(1, thread_name_prefix="commit")

    @contextlib.contextmanager
    def reporting_to(self, progress: ShardProgress | None, stop_signal: StopSignal | None) -> Iterator[None]:
        """Tell others of the work, and obey another stop signal, for a while; None leaves what there is."""
        usual = self._progress, self._stop_signal
        self._progress, self._stop_signal = progress or usual[0], stop_signal or usual[1]
        try:
            yield
        finally:
            self._progress, self._stop_signal = usual

    def begin(self, shard: int) -> None:
        """Start decoding a shard, before the networks are there."""
        self._open_shard(shard)
        self._issue()

    def connect(self, lanes: Sequence[Lane]) -> None:
        """Give it the networks; what others have labeled in a rehearsal, or had under way, is labeled anew."""
        for shard in self._shards.values():
            shard.label_again(self._frames.layout.batch_size)
        self._lanes = lanes
        decoded = [key for key, batch in self._batches.items() if not batch.decoding]
        for key in decoded:
            self._batches[key].computing = len(lanes)
        self._ready = [deque(decoded) for _ in lanes]
        self._in_flight = [0 for _ in lanes]
        for shard in self._shards.values():
            shard.prepare(lanes)

    def feed(self) -> None:
        """Give the networks what has been decoded so far, without waiting for more of it."""
        for outcome in self._pool.wait(0) if self._pool.busy else ():
            self._decoded(outcome)
        self._issue()
        self._submit()

    def rehearse(self, batches: int) -> int:
        """Label the first batches of what was begun, as far as there are so many; nothing of it is committed yet.

        Returns:
            How many files were labeled.

        Raises:
            DataError: the folder has gone.
            InterruptedRunError: there was a signal.
        """
        shards = self._shards.values()
        while sum(len(shard.labeled) for shard in shards) < batches:
            self._require_no_signal()
            if not self._step():
                break
        return sum(rows for shard in shards for rows, _ in shard.untold)

    def rest(self) -> None:
        """Wait for the networks until none of them has anything under way."""
        while any(self._ready) or any(self._in_flight):
            self._submit()
            self._collect(wait=True)

    def run_shard(
        self, number: int, *, ahead: int | None = None, crashed: Collection[int] = (), trial: range | None = None
    ) -> None:
        """Label one shard; returns when it is on the disk, at once if it is there already.

        Args:
            number: of the shard.
            ahead: the shard to begin on while this one is being finished; what was begun of any other is given up.
            crashed: rows of it that nobody looks at; they become rows of the status `crashed`.
            trial: the only rows to look at; with it, nothing is put on the disk.

        Raises:
            OutputError: the shard could not be written.
            DataError: the folder has gone.
            InterruptedRunError: there was a signal; this shard is on the disk, no further one was finished.
        """
        self._require_no_signal()
        for other in set(self._shards) - {number, ahead}:
            self._give_up(other)
        if trial is not None:
            self._try(number, crashed, trial)
            return
        if self._store.is_done(number):
            self._give_up(number)
            return
        if crashed:
            self._give_up(number)
            self._open_shard(number, crashed)
        shard = self._take_up(number)
        while shard.commit is None or not shard.commit.done():
            if self._stop_signal():
                self._drop_all_but(number)
            elif ahead is not None and self._has_room_for(ahead):
                self._open_shard(ahead)
            if not self._step():
                break
        if shard.commit is None:
            raise RuntimeError(f"shard {number} has nothing left to wait for, but is not finished")
        # Who tries again after an error begins anew.
        del self._shards[number]
        shard.commit.result()
        self._require_no_signal()

    def close(self) -> None:
        """Wait for the networks and for the shard that is being written; what is unfinished is dropped."""
        with contextlib.suppress(Exception):
            # An error that ends the run is raised already; a network that fails again has nothing to add.
            for number, lane in enumerate(self._lanes):
                while self._in_flight[number] > 0:
                    self._in_flight[number] -= len(lane.runtime.collect(wait=True))
        self._committer.shutdown(wait=True, cancel_futures=True)

    def _step(self) -> bool:
        """Do what can be done now; False where nothing is left but to wait for a commit."""
        self._issue()
        self._submit()
        waiting = any(self._ready)
        if waiting or not self._pool.busy:
            # Every free place of a network is taken, or there is nothing else to wait for.
            if not any(self._in_flight):
                return False
            self._collect(wait=True)
        else:
            self._collect(wait=False)
        if self._pool.busy:
            for outcome in self._pool.wait(0 if waiting else _TICK_S):
                self._decoded(outcome)
        return True

    def _try(self, number: int, crashed: Collection[int], trial: range) -> None:
        """Label some rows of a shard for nothing but to see whether this process outlives it."""
        self._give_up(number)
        self._current = number
        rows = self._store.count_rows([number])
        shard = self._open_shard(number, {row for row in range(rows) if row not in trial or row in crashed})
        shard.is_dropped = True
        while shard.batches_left and self._step():
            pass
        del self._shards[number]
        self._require_no_signal()

    def _give_up(self, number: int) -> None:
        """Forget what was begun of a shard."""
        shard = self._shards.pop(number, None)
        if shard is not None:
            shard.is_dropped = True

    def _has_room_for(self, number: int) -> bool:
        """Whether a shard is to be begun now: it is neither begun nor done, and workers would wait without it."""
        is_wanted = number not in self._shards and self._free and self._pool.wants_more
        return bool(is_wanted) and not self._store.is_done(number)

    def _open_shard(self, number: int, crashed: Collection[int] = ()) -> ShardInHand:
        if number in self._shards:
            return self._shards[number]
        rows = self._files.rows(*self._store.rows(number))
        shard = ShardInHand.of(number, rows, self._frames.layout.batch_size, self._has_digests, crashed)
        self._shards[number] = shard
        shard.prepare(self._lanes)
        if not shard.to_label:
            self._advance(shard)
        return shard

    def _take_up(self, number: int) -> ShardInHand:
        """Run a shard: from now on what is labeled is told of and committed."""
        self._current = number
        shard = self._open_shard(number)
        if self.first_labels is None:
            self.first_labels = shard.first_labels
        for rows, failed in shard.untold:
            self._progress(rows, failed)
        shard.untold = []
        self._advance(shard)
        return shard

    def _drop_all_but(self, number: int) -> None:
        """Begin no further batch of other shards; what a worker or a network has of them already comes to nothing."""
        for other, shard in self._shards.items():
            if other != number:
                shard.unissued = iter(())
                shard.is_dropped = True

    def _issue(self) -> None:
        """Hand batches to the workers while there is room for them."""
        while self._free and self._pool.wants_more:
            for shard in self._shards.values():
                start = next(shard.unissued, None)
                if start is not None:
                    self._issue_batch(shard, start)
                    break
            else:
                return

    def _issue_batch(self, shard: ShardInHand, start: int) -> None:
        batch_size = self._frames.layout.batch_size
        positions = shard.order[start : start + batch_size]
        key, buffer = next(self._keys), self._free.popleft()
        first_place = buffer * batch_size
        places = slice(first_place, first_place + batch_size)
        self._batches[key] = Batch(shard, start, positions, buffer, len(positions), len(self._lanes))
        self._batch_of[buffer] = key
        self._frames.states[places] = PENDING
        self._frames.digests[places] = 0
        for images in self._frames.images:
            images[first_place + len(positions) : places.stop] = 0
        expected = shard.result.rows.expected
        tasks = []
        for place, position in enumerate(positions, first_place):
            if position in shard.left_out:
                # A black image stands in its place, as for a file that cannot be decoded.
                self._batches[key].leave_out(position)
                for images in self._frames.images:
                    images[place] = 0
                continue
            file = shard.to_label[position]
            wanted = expected[position] if expected else b""
            tasks.append(Task(place, file.path, file.size, file.mtime_ns, wanted, file.token))
        for begin in range(0, len(tasks), CHUNK):
            self._pool.put(tasks[begin : begin + CHUNK])
        if not tasks:
            self._has_decoded(key)

    def _decoded(self, outcome: Outcome) -> None:
        buffer, row = divmod(outcome.place, self._frames.layout.batch_size)
        key = self._batch_of[buffer]
        batch = self._batches[key]
        result, position = batch.shard.result, batch.positions[row]
        if self._has_digests and outcome.status not in {"missing", "changed"}:
            result.digests[position] = self._frames.digests[outcome.place]
        if outcome.status == "same":
            batch.same += 1
            result.rows.same.add(position)
        elif outcome.status != "ok":
            if outcome.status in {"missing", "error"}:
                self._require_folder()
            batch.failed += 1
            result.rows.failed[position] = (outcome.status, outcome.error)
        elif outcome.error:
            result.rows.notes[position] = outcome.error
        if outcome.status != "ok":
            for images in self._frames.images:
                images[outcome.place] = 0
        batch.decoding -= 1
        if not batch.decoding:
            self._has_decoded(key)

    def _has_decoded(self, key: int) -> None:
        """Hand a whole batch to the networks, unless nothing in it needs one."""
        batch = self._batches[key]
        batch.computing = len(self._lanes)
        if batch.is_blank:
            self._finish(key)
        else:
            for ready in self._ready:
                ready.append(key)

    def _submit(self) -> None:
        for number, lane in enumerate(self._lanes):
            while self._ready[number] and self._in_flight[number] < lane.runtime.slots:
                key = self._ready[number].popleft()
                lane.runtime.submit(key, self._frames.batch(self._batches[key].buffer, lane.shape))
                self._in_flight[number] += 1

    def _collect(self, *, wait: bool) -> None:
        for number, lane in enumerate(self._lanes):
            if not self._in_flight[number]:
                continue
            results = lane.runtime.collect(wait=wait)
            self._in_flight[number] -= len(results)
            wait = wait and not results
            for key, answers in results:
                batch = self._batches[key]
                batch.shard.result.answers[number][batch.positions] = answers[: batch.size]
                batch.computing -= 1
                if not batch.computing:
                    self._finish(key)

    def _finish(self, key: int) -> None:
        batch = self._batches.pop(key)
        self._free.append(batch.buffer)
        shard = batch.shard
        if self._current == _NONE:
            shard.first_labels = shard.first_labels or time.monotonic()
            shard.labeled.append(batch.start)
        if shard is self._shards.get(self._current):
            self._progress(batch.size, batch.failed)
        else:  # It is begun, and perhaps given to another process.
            shard.untold.append((batch.size, batch.failed))
        shard.batches_left -= 1
        self._advance(shard)

    def _advance(self, shard: ShardInHand) -> None:
        """Commit a shard when nothing of it is left to label, once it is run."""
        is_run = shard is self._shards.get(self._current) and not shard.is_dropped
        if not is_run or shard.batches_left or shard.commit is not None:
            return
        reused = len(shard.result.rows.files) - len(shard.to_label)
        if reused:
            self._progress(reused, 0)
        shard.commit = self._committer.submit(self._commit, shard.result)

    def _require_no_signal(self) -> None:
        if self._stop_signal():
            raise InterruptedRunError("interrupted", signal_number=self._stop_signal())

    def _require_folder(self) -> None:
        """A network drive that has gone must not turn the rest of the table into `missing`."""
        if self._folder is not None and identity_of(self._folder) != self._folder_seen:
            raise DataError(
                f"{os.fsdecode(self._folder)}: the folder has gone or been replaced while its files were read",
                hint="when it is back, start the same command again: it goes on where this run stopped",
            )
