"""The process of the run itself as one more actor: it has a pipeline already, while Ray is still to start."""

from __future__ import annotations

import threading
from queue import Empty, SimpleQueue

from fashionbatch.errors import InterruptedRunError
from fashionbatch.specs import RunShard
from fashionbatch_plugins.on_ray.work import Done, Event, Failed, Told, Work


class Here:
    """Labels one shard at a time in a thread.

    Args:
        run_shard: what labels a shard.
    """

    number = -1
    """In events."""

    def __init__(self, run_shard: RunShard) -> None:
        self._run_shard = run_shard
        self._events: SimpleQueue[Event] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._rows = self._failed = self._stop = 0
        self._is_left = False

    def give(self, work: Work) -> None:
        """Begin a shard; the one before is done."""
        self.join()
        self._rows = self._failed = 0
        self._thread = threading.Thread(target=self._work, args=(work,), name="label-here", daemon=True)
        self._thread.start()

    def events(self, stop: int) -> list[Event]:
        """What has happened.

        Args:
            stop: the number of the signal that asks for an end, 0 while there is none.
        """
        self._stop = stop
        found: list[Event] = []
        while True:
            try:
                found.append(self._events.get_nowait())
            except Empty:
                return found

    def leave(self) -> None:
        """Give up what is under way, if anything is, and wait for the thread."""
        self._is_left = True
        self.join()

    def join(self) -> None:
        """Wait for what is under way."""
        if self._thread is not None:
            self._thread.join()

    def _work(self, work: Work) -> None:
        try:
            self._run_shard(work.shard, progress=self._count, stop_signal=lambda: self._stop)
        except BaseException as error:  # noqa: BLE001 - it is raised by the thread of the run
            self._events.put(Failed(self.number, error))
        else:
            self._events.put(Done(self.number))

    def _count(self, rows: int, failed: int) -> None:
        if self._is_left:
            raise InterruptedRunError("given up", signal_number=0)
        self._rows += rows
        self._failed += failed
        self._events.put(Told(self.number, self._rows, self._failed))
