"""A few supervised decode workers: one bad image costs its own row and nothing else.

A worker that dies, hangs or was stopped is replaced. What it had finished counts; the image that it was at becomes a
suspect and is tried once more, alone in a fresh worker, before it gets a row of status `crashed` or `timeout`; others
do the rest.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import selectors
import signal
import subprocess
import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

from fashionbatch.display_width import printable
from fashionbatch.errors import DataError, FashionBatchError
from fashionbatch.labeling.workers import messages
from fashionbatch.labeling.workers.frames import (
    DOING,
    FAILED,
    OK,
    PENDING,
    SAME,
    Frames,
)
from fashionbatch.labeling.workers.launch import Launcher
from fashionbatch.labeling.workers.tasks import Chunk, Outcome, Task, Worker
from fashionbatch.labeling.workers.worker import OUT_OF_MEMORY
from fashionbatch.stores.sources import Source

DECODER = "fashionbatch.images:decode_into"
MEMORY_LIMIT = 2 << 30
"""Bytes that one image may make a worker take: the largest that the decoder accepts need about 1.5 GB."""

_START_LIMIT_S = 120.0
_END_S = 1.0
_STARTS, _KILLED_STARTS = 3, 12
_TRIES = 3
_REPORTED = ("ok", "error", "missing", "changed")


class WorkerPool:
    """Starts the workers at once, so that they load while the caller loads the model; `configure` tells them the rest.

    Args:
        count: how many decode side by side.
        launcher: starts them; it outlives the pool.
        timeout_s: seconds that one image may take.
        memory_limit: bytes that one image may make a worker take.
        decoder: `module:function` with the signature of `fashionbatch.images.decode_into`.
        digests: whether each file's SHA-256 is put into the shared memory.

    Raises:
        FashionBatchError: processes cannot be started.
    """

    def __init__(
        self,
        count: int,
        launcher: Launcher,
        *,
        timeout_s: float,
        memory_limit: int = MEMORY_LIMIT,
        decoder: str = DECODER,
        digests: bool = False,
    ) -> None:
        self.count = count
        self.replaced = 0
        self._launcher = launcher
        self._timeout_s = timeout_s
        self._request: dict[str, Any] = {
            "decoder": decoder,
            "digests": digests,
            "memory_limit": memory_limit,
            "alarm_s": 2 * timeout_s + 10,
        }
        self._memory_limit = memory_limit
        self._frames: Frames | None = None
        self._queue: deque[Chunk] = deque()
        self._numbers = itertools.count()
        self._failed_starts = 0
        self._looked = time.monotonic()
        self._clocks_count_from = 0.0
        self._store_out: DataError | None = None
        self._ended: list[subprocess.Popen[bytes]] = []
        self._selector = selectors.DefaultSelector()
        self._workers: dict[int, Worker] = {}
        for number in range(count):
            self._start(number)

    def configure(self, frames: Frames, *, source: Source, specs: Sequence[dict[str, Any]]) -> None:
        """Tell the workers what to decode to.

        Args:
            frames: the shared memory, of its final size.
            source: what the files lie in.
            specs: each kind of image, as `ImageSpec.model_dump`.
        """
        self._frames = frames
        layout = frames.layout
        self._request |= {
            "source": source,
            "specs": list(specs),
            "shapes": layout.shapes,
            "batch_size": layout.batch_size,
            "buffers": layout.buffers,
            "workers": layout.workers,
        }
        for worker in self._workers.values():
            if worker.is_loaded:
                self._configure(worker)

    def put(self, tasks: Sequence[Task]) -> None:
        """Queue a chunk: images that one worker decodes, one after the other."""
        self._queue.append(Chunk(next(self._numbers), tasks))
        self._hand_out()

    @property
    def busy(self) -> bool:
        """Whether any outcome is still to come."""
        return bool(self._queue) or any(worker.chunks for worker in self._workers.values())

    @property
    def wants_more(self) -> bool:
        """Whether a further chunk would keep a worker from waiting."""
        return len(self._queue) < self.count

    def wait(self, timeout_s: float) -> list[Outcome]:
        """Outcomes that have come in; waits for some, but no longer than told.

        Raises:
            FashionBatchError: workers cannot be started.
            DataError: what the files lie in gives none of them any more; it is raised whenever it is asked again.
        """
        if self._store_out is not None:
            raise self._store_out
        outcomes: list[Outcome] = []
        for key, _ in self._selector.select(min(timeout_s, self._timeout_s / 4)):
            worker: Worker = key.data
            try:
                received, alive = worker.inbox.read()
                worker.heard = time.monotonic()
                for message in received:
                    outcomes += self._accept(worker, message)
            except (ValueError, KeyError, TypeError, IndexError):
                # Only a decoder that has been taken over or has trampled on memory sends nonsense.
                alive = False
            if not alive:
                outcomes += self._replace(worker, self._reap(worker))
        outcomes += self._end_overdue()
        self._hand_out()
        return outcomes

    def close(self) -> None:
        """End all workers."""
        workers, self._workers = list(self._workers.values()), {}
        for worker in workers:
            self._disconnect(worker)
            if worker.chunks:
                worker.process.kill()
        for worker in workers:
            self._reap(worker)
        for process in self._ended:
            process.poll()
        self._selector.close()

    # ------------------------------------------------------------------------------------------------ one worker

    def _start(self, number: int) -> None:
        new = self._launcher.start()
        inbox = messages.Inbox(new.replies)
        now = time.monotonic()
        worker = Worker(number, new.process, new.tasks, new.replies, inbox, started=now, heard=now)
        self._workers[number] = worker
        self._selector.register(new.replies, selectors.EVENT_READ, worker)

    def _disconnect(self, worker: Worker) -> None:
        self._selector.unregister(worker.replies)
        os.close(worker.tasks)
        os.close(worker.replies)

    def _configure(self, worker: Worker) -> None:
        with contextlib.suppress(BrokenPipeError):
            messages.send(worker.tasks, {**self._request, "number": worker.number})
        worker.started = time.monotonic()

    def _accept(self, worker: Worker, message: dict[str, Any]) -> list[Outcome]:
        if not worker.is_ready:
            self._accept_state(worker, message)
            return []
        if "out" in message:
            self._store_out = DataError(printable(str(message["out"])), hint=printable(str(message["hint"])))
            raise self._store_out
        chunk = worker.chunks[0]
        if message["chunk"] != chunk.number:
            raise ValueError("an answer to another question")
        places = {task.place for task in chunk.tasks}
        failed = {}
        for place, status, error in message["failed"]:
            if place not in places or status not in _REPORTED or not isinstance(error, str):
                raise ValueError("an outcome that cannot be")
            failed[place] = Outcome(place, status, error)
        worker.chunks.popleft()
        worker.is_fresh = False
        self._failed_starts = 0
        return [failed.get(place) or self._success(place) for place in places]

    def _success(self, place: int) -> Outcome:
        assert self._frames is not None
        return Outcome(place, "same" if self._frames.states[place] == SAME else "ok", "")

    def _accept_state(self, worker: Worker, message: dict[str, Any]) -> None:
        if "cannot" in message:
            raise self._cannot_start(message["cannot"])
        if message["state"] == "loaded":
            worker.is_loaded = True
            if self._frames is not None:
                self._configure(worker)
        else:
            worker.is_ready = True

    def _reap(self, worker: Worker) -> int | None:
        """The exit code of a worker that is ending; None where even SIGKILL has not ended it yet."""
        for _ in range(2):
            try:
                return worker.process.wait(_END_S)
            except subprocess.TimeoutExpired:
                worker.process.kill()
        # In a read that the kernel cannot interrupt, as on a network drive that hangs. It goes when that returns.
        self._ended.append(worker.process)
        return None

    def _end_overdue(self) -> list[Outcome]:
        assert self._frames is not None
        now = time.monotonic()
        if now - self._looked > self._timeout_s / 2:
            # This process itself was stopped or kept from looking: the clocks say nothing about the workers.
            self._clocks_count_from = now
        self._looked = now
        outcomes: list[Outcome] = []
        for worker in list(self._workers.values()):
            if not worker.is_ready:
                since, limit_s = worker.started, _START_LIMIT_S
            elif worker.chunks:
                # Between two images the clock stands at 0; one that was stopped there says nothing either.
                since, limit_s = float(self._frames.clocks[worker.number]) or worker.heard, self._timeout_s
            else:
                continue
            if now - max(since, self._clocks_count_from) > limit_s:
                worker.process.kill()
                self._reap(worker)
                outcomes += self._replace(worker, None)
        return outcomes

    def _replace(self, worker: Worker, exit_code: int | None) -> list[Outcome]:
        """Start another worker in a dead one's stead and sort out what it leaves behind.

        Args:
            worker: the dead one.
            exit_code: as subprocess has it; None for one that was ended because of the time.
        """
        assert self._frames is not None or not worker.chunks
        self._disconnect(worker)
        del self._workers[worker.number]
        self.replaced += 1
        if not worker.is_ready or self._began_nothing(worker):
            # A SIGKILL comes from elsewhere: from a user, or for want of memory, which may pass.
            self._failed_starts += 1 if exit_code == -signal.SIGKILL else _KILLED_STARTS // _STARTS
            if self._failed_starts >= _KILLED_STARTS:
                silent = f"no sign of life within {_START_LIMIT_S:g} s" if exit_code is None else ""
                raise self._cannot_start(self._last_words() or silent or _describe_exit(exit_code))
        outcomes: list[Outcome] = []
        for chunk in reversed(worker.chunks):
            outcomes += self._salvage(chunk, exit_code)
        if self._frames is not None:
            self._frames.clocks[worker.number] = 0
        self._start(worker.number)
        return outcomes

    def _began_nothing(self, worker: Worker) -> bool:
        """Whether a worker has died of what it was given before it came to an image."""
        if self._frames is None or not worker.is_fresh or not worker.chunks:
            return False
        return all(self._frames.states[task.place] == PENDING for chunk in worker.chunks for task in chunk.tasks)

    def _salvage(self, chunk: Chunk, exit_code: int | None) -> list[Outcome]:
        assert self._frames is not None
        states = self._frames.states
        done = [task for task in chunk.tasks if states[task.place] in {OK, SAME}]
        suspects = [task for task in chunk.tasks if states[task.place] == DOING]
        if not suspects:
            # It may have died of the last one that it could not decode.
            suspects = [task for task in chunk.tasks if states[task.place] == FAILED][-1:]
        left = [task for task in chunk.tasks if task not in done and task not in suspects]
        outcomes = [self._success(task.place) for task in done]
        if left:
            # Failed and noted ones too: their words died with the worker, and decoding them again gives the same.
            self._requeue(left, chunk.tries)
        for task in suspects:
            # A SIGKILL mostly comes from elsewhere, so it takes more of them to condemn an image.
            condemned = chunk.tries >= (_TRIES if exit_code == -signal.SIGKILL else 1)
            if condemned:
                outcomes.append(self._verdict(task, exit_code))
            else:
                self._requeue([task], chunk.tries + 1)
        return outcomes

    def _requeue(self, tasks: Sequence[Task], tries: int) -> None:
        assert self._frames is not None
        for task in tasks:
            self._frames.states[task.place] = PENDING
        self._queue.appendleft(Chunk(next(self._numbers), tasks, tries))

    def _verdict(self, task: Task, exit_code: int | None) -> Outcome:
        if exit_code is None:
            return Outcome(task.place, "timeout", f"TimeoutError: not decoded within {self._timeout_s:g} s")
        if exit_code == OUT_OF_MEMORY:
            limit = self._memory_limit >> 20
            return Outcome(task.place, "crashed", f"MemoryError: decoding takes more than {limit} MiB")
        return Outcome(task.place, "crashed", f"DecoderCrash: {_describe_exit(exit_code)}")

    def _hand_out(self) -> None:
        for worker in self._workers.values():
            while (chunk := self._next_for(worker)) is not None:
                if not worker.chunks:
                    worker.heard = time.monotonic()
                worker.chunks.append(chunk)
                try:
                    remaining = memoryview(chunk.message)
                    while remaining:
                        remaining = remaining[os.write(worker.tasks, remaining) :]
                except BrokenPipeError:
                    # It has just died; its pipe for replies says so at the next look.
                    break

        self._renew_for_suspects()

    def _next_for(self, worker: Worker) -> Chunk | None:
        # Suspects wait for a worker that has decoded nothing yet; so such a one takes them before anything else.
        order: Iterable[tuple[int, Chunk]] = enumerate(self._queue)
        if worker.is_fresh:
            order = sorted(order, key=lambda item: not item[1].is_suspect)
        for position, chunk in order:
            if (chunk.is_suspect and not worker.is_fresh) or not worker.has_room_for(chunk):
                continue
            del self._queue[position]
            return chunk
        return None

    def _renew_for_suspects(self) -> None:
        """Put a fresh worker in the place of an idle one where a suspect waits for one and there is none."""
        if not any(chunk.is_suspect for chunk in self._queue) or any(each.is_fresh for each in self._workers.values()):
            return
        idle = next((worker for worker in self._workers.values() if not worker.chunks), None)
        if idle is not None:
            self._disconnect(idle)
            idle.process.kill()
            self._reap(idle)
            self._start(idle.number)

    def _last_words(self) -> str:
        errors = self._launcher.errors
        errors.seek(0, os.SEEK_END)
        errors.seek(max(errors.tell() - 4096, 0))
        lines = errors.read().decode("utf-8", "replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def _cannot_start(self, reason: str) -> FashionBatchError:
        return FashionBatchError(
            f"decode workers cannot start: {reason}",
            hint="is the installation whole? `python -c 'import fashionbatch.images'` should say nothing",
        )


def _describe_exit(exit_code: int | None) -> str:
    if exit_code is None:
        return "killed"
    if exit_code >= 0:
        return f"exited with code {exit_code}"
    try:
        return f"killed by {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"killed by signal {-exit_code}"
