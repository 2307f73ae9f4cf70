"""How a decode worker gets at its files: one after the other, or, where they keep it waiting, several at once.

Threads that only open and read hide what a network share, a spinning disk or an object store takes for each file. They
begin when most files have kept the worker waiting, so on a fast disk there are none. What becomes of a file is the same
either way.
"""

from __future__ import annotations

import resource
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from fashionbatch.stores.folder import READ_AHEAD_LIMIT
from fashionbatch.stores.opening import Opener, OpenFile

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

_SLOW_S: Final = 0.0003
"""A file that took longer to give its first byte came from no local disk's cache, which takes a tenth of that."""

_LOOKED_AT: Final = 8
_THREADS: Final = 16
_STACK_BYTES: Final = 256 << 10
_HELD_BYTES: Final = 32 << 20
_TICK_S: Final = 1.0

EXTRA_MEMORY: Final = _HELD_BYTES + _THREADS * _STACK_BYTES
"""Bytes that reading ahead takes beside what decoding may take."""


class FileTask(NamedTuple):
    """A file to decode, as the parent names it.

    Attributes:
        place: where in the shared memory its pixels belong.
        path: relative to the folder, as `os.fsdecode` gives it.
        size: in bytes, as the scan saw it.
        mtime_ns: as the scan saw it.
        sha256: hexadecimal, of a content that need not be decoded; empty where any has to be.
        token: what else the store needs to find the file's content; empty for files of a folder.
    """

    place: int
    path: str
    size: int
    mtime_ns: int
    sha256: str
    token: str = ""


class Files:
    """Opens the files of tasks, in the order in which they are announced.

    Args:
        opener: of what they lie in.
        still_waiting: is called now and then while a file of a store is waited for, and when it is there: the store's
            time is bounded by the opener, and is not the decoder's.
    """

    def __init__(self, opener: Opener, still_waiting: Callable[[], None] = lambda: None) -> None:
        self._opener = opener
        self._still_waiting = still_waiting
        self._waits: deque[bool] = deque(maxlen=_LOOKED_AT)
        self._is_slow = opener.is_remote
        self._announced: set[int] = set()
        self._unread: deque[FileTask] = deque()
        self._reading: dict[int, Future[OpenFile]] = {}
        self._held_bytes = 0
        self._threads: ThreadPoolExecutor | None = None
        self._can_start_threads = True

    @property
    def is_slow(self) -> bool:
        """Whether most of the last files have kept the worker waiting, so that it pays to announce tasks."""
        return self._is_slow and self._can_start_threads

    def is_remote(self, task: FileTask) -> bool:
        """Whether a file lies in a store; of a list, each for itself."""
        return self._opener.is_remote or "://" in task.path

    def announce(self, tasks: Sequence[FileTask]) -> None:
        """Read the files of these tasks ahead, as far as there is room; tasks that are announced already are left."""
        if tasks and tasks[0].place not in self._announced:
            self._announced.update(task.place for task in tasks)
            self._opener.announce(tasks)
            self._unread.extend(tasks)
            self._read_ahead()

    def open(self, task: FileTask) -> OpenFile:
        """The file of the task that comes next; where it is read ahead, wait for it.

        Raises:
            FileStatusError: it is not there, cannot be opened, or is not as the scan saw it.
        """
        if task.place not in self._announced:
            opened = self._opener.open(task)
        else:
            self._announced.remove(task.place)
            reading = self._reading.pop(task.place, None)
            if reading is None:
                self._unread.popleft()
                opened = self._opener.open(task)
            else:
                self._held_bytes -= _bytes_ahead(task)
                self._read_ahead()
                opened = self._outcome(reading) if self.is_remote(task) else reading.result()
        self._waits.append(opened.waited_s > _SLOW_S)
        self._is_slow = self._opener.is_remote or sum(self._waits) > _LOOKED_AT // 2
        return opened

    def _outcome(self, reading: Future[OpenFile]) -> OpenFile:
        while True:
            try:
                return reading.result(_TICK_S)
            except TimeoutError:
                if reading.done():
                    raise
            finally:
                self._still_waiting()

    def _read_ahead(self) -> None:
        while self._can_start_threads and self._unread and len(self._reading) < _THREADS:
            task = self._unread[0]
            if self._held_bytes + _bytes_ahead(task) > _HELD_BYTES:
                break
            if self.is_remote(task) and task.size > READ_AHEAD_LIMIT and self._reading:
                # It takes room on the disk, and most of the network: it is fetched when it is its turn.
                break
            try:
                self._threads = self._threads or _start_threads()
                self._reading[task.place] = self._threads.submit(self._opener.read, task)
            except RuntimeError:
                # The system gives no further thread: it goes on without.
                self._can_start_threads = False
                break
            self._unread.popleft()
            self._held_bytes += _bytes_ahead(task)


def _bytes_ahead(task: FileTask) -> int:
    return max(0, task.size) if task.size <= READ_AHEAD_LIMIT else 0


def _start_threads() -> ThreadPoolExecutor:
    # Imported here: most workers never need them.
    import threading
    from concurrent.futures import ThreadPoolExecutor

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    if soft != resource.RLIM_INFINITY:
        most = soft + EXTRA_MEMORY if hard == resource.RLIM_INFINITY else min(soft + EXTRA_MEMORY, hard)
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    threading.stack_size(_STACK_BYTES)
    return ThreadPoolExecutor(_THREADS, thread_name_prefix="read-ahead")
