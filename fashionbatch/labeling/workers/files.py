"""How a decode worker gets at its files: one after the other, or, where the disk keeps it waiting, several at once.

Threads that only open and read hide what a network share or a spinning disk takes for each file. They begin when most
files have kept the worker waiting, so on a fast disk there are none. What becomes of a file is the same either way.
"""

from __future__ import annotations

import contextlib
import os
import resource
import stat
import time
from collections import deque
from collections.abc import Sequence
from io import BufferedReader
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

_SLOW_S: Final = 0.0003
"""A file that took longer to give its first byte came from no local disk's cache, which takes a tenth of that."""

_LOOKED_AT: Final = 8
_THREADS: Final = 16
_STACK_BYTES: Final = 256 << 10
_HELD_BYTES: Final = 32 << 20
_READ_AHEAD_LIMIT: Final = 16 << 20
_SMALL: Final = 64 << 10
"""Bytes of a file that is read in one go as it is opened: a reader with a buffer costs more than so few do."""

EXTRA_MEMORY: Final = _HELD_BYTES + _THREADS * _STACK_BYTES
"""Bytes that reading ahead takes beside what decoding may take."""


class RowStatusError(Exception):
    """A file that gets no label, with the status and the error of its row."""

    def __init__(self, status: str, error: str) -> None:
        super().__init__(status, error)
        self.status = status
        self.error = error


class FileTask(NamedTuple):
    """A file to decode, as the parent names it.

    Attributes:
        place: where in the shared memory its pixels belong.
        path: relative to the folder, as `os.fsdecode` gives it.
        size: in bytes, as the scan saw it.
        mtime_ns: as the scan saw it.
        sha256: hexadecimal, of a content that need not be decoded; empty where any has to be.
    """

    place: int
    path: str
    size: int
    mtime_ns: int
    sha256: str


class OpenFile(NamedTuple):
    """A file that was as the scan saw it when it was opened.

    Attributes:
        descriptor: at the file's start, unless its content is here; who has it closes it.
        waited_s: seconds until its first byte was there.
        content: all of it, where it is small or was read ahead.
    """

    descriptor: int
    waited_s: float
    content: bytes | None = None

    def reader(self) -> BufferedReader:
        """Reads the file from its start; it leaves the descriptor open."""
        return open(self.descriptor, "rb", closefd=False)


class Files:
    """Opens the files of tasks, in the order in which they are announced.

    Args:
        folder: descriptor of what the paths are relative to.
    """

    def __init__(self, folder: int) -> None:
        self._folder = folder
        self._waits: deque[bool] = deque(maxlen=_LOOKED_AT)
        self._is_slow = False
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

    def announce(self, tasks: Sequence[FileTask]) -> None:
        """Read the files of these tasks ahead, as far as there is room; tasks that are announced already are left."""
        if tasks and tasks[0].place not in self._announced:
            self._announced.update(task.place for task in tasks)
            self._unread.extend(tasks)
            self._read_ahead()

    def open(self, task: FileTask) -> OpenFile:
        """The file of the task that comes next; where it is read ahead, wait for it.

        Raises:
            RowStatusError: it is not there, cannot be opened, or is not as the scan saw it.
        """
        if task.place not in self._announced:
            opened = _open_file(self._folder, task)
        else:
            self._announced.remove(task.place)
            reading = self._reading.pop(task.place, None)
            if reading is None:
                self._unread.popleft()
                opened = _open_file(self._folder, task)
            else:
                self._held_bytes -= _bytes_ahead(task)
                self._read_ahead()
                opened = reading.result()
        self._waits.append(opened.waited_s > _SLOW_S)
        self._is_slow = sum(self._waits) > _LOOKED_AT // 2
        return opened

    def _read_ahead(self) -> None:
        while self._can_start_threads and self._unread and len(self._reading) < _THREADS:
            task = self._unread[0]
            if self._held_bytes + _bytes_ahead(task) > _HELD_BYTES:
                break
            try:
                self._threads = self._threads or _start_threads()
                self._reading[task.place] = self._threads.submit(_read_file, self._folder, task)
            except RuntimeError:
                # The system gives no further thread: it goes on without.
                self._can_start_threads = False
                break
            self._unread.popleft()
            self._held_bytes += _bytes_ahead(task)


def _bytes_ahead(task: FileTask) -> int:
    return max(0, task.size) if task.size <= _READ_AHEAD_LIMIT else 0


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


def _read_file(folder: int, task: FileTask) -> OpenFile:
    """Open a file and read it whole, unless it is too large for that."""
    opened = _open_file(folder, task)
    if opened.content is not None or task.size > _READ_AHEAD_LIMIT:
        return opened
    return opened._replace(content=_content(opened.descriptor, task.size))


def _content(descriptor: int, size: int) -> bytes | None:
    """What a file holds, as far as its size; None where it cannot be read, which whoever decodes it says then."""
    try:
        content = os.read(descriptor, size)
        while len(content) < size and (more := os.read(descriptor, size - len(content))):
            content += more
    except (OSError, MemoryError):
        with contextlib.suppress(OSError):
            os.lseek(descriptor, 0, os.SEEK_SET)
        return None
    return content


def _open_file(folder: int, task: FileTask) -> OpenFile:
    began = time.monotonic()
    try:
        # O_NONBLOCK: a pipe that took the file's name would wait for a writer for ever.
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        descriptor = os.open(os.fsencode(task.path), flags, dir_fd=folder)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise RowStatusError("missing", f"FileNotFoundError: {error.strerror}") from error
    except OSError as error:
        raise RowStatusError("error", one_line(error)) from error
    try:
        require_unchanged(descriptor, task)
        content = _content(descriptor, task.size) if task.size <= _SMALL else None
        if content is None:
            with contextlib.suppress(OSError):
                os.pread(descriptor, 1, 0)
    except BaseException:
        os.close(descriptor)
        raise
    return OpenFile(descriptor, time.monotonic() - began, content)


def require_unchanged(descriptor: int, task: FileTask) -> None:
    """Refuse a file that is no longer as the scan saw it.

    Raises:
        RowStatusError: it has changed, or never was a regular file.
    """
    now = os.fstat(descriptor)
    if not stat.S_ISREG(now.st_mode):
        if task.size < 0:
            raise RowStatusError("error", "NotAFileError: not a regular file")
        raise RowStatusError("changed", "FileChanged: no longer a regular file")
    if now.st_size != task.size:
        raise RowStatusError("changed", "FileChanged: its size is no longer that of the scan")
    if now.st_mtime_ns != task.mtime_ns:
        raise RowStatusError("changed", "FileChanged: it was written to after the scan")


def one_line(error: BaseException) -> str:
    """Class and message on one line, without the path, which the row has anyway."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    text = text.encode("utf-8", "backslashreplace").decode()
    text = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return f"{type(error).__name__}: {text or 'no message'}"
