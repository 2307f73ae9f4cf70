"""A decode worker: a process that reads files, decodes them into shared memory and says what could not be decoded.

It may be killed at any moment: what it was at is in shared memory, where the parent looks. It ends with its parent.
"""

from __future__ import annotations

import importlib
import os
import resource
import select
import signal
import time
from collections import deque
from collections.abc import Callable, Sequence
from io import BufferedReader
from typing import Any, NamedTuple

from fashionbatch.labeling.workers.files import EXTRA_MEMORY, Files, FileTask
from fashionbatch.orphans import end_with_parent
from fashionbatch.stores.opening import FileStatusError, OpenFile, StoreOutError, one_line
from fashionbatch.stores.sources import open_source

OUT_OF_MEMORY = 86
"""The exit code of a worker that an image has brought to its memory limit."""

_WHOLE_FILE_LIMIT = 1 << 26
_ALARM_EVERY_S = 1.0
"""How long an alarm is left as it is set while images take no time: it then rings so much earlier for the last one."""


class _Chunk(NamedTuple):
    number: int
    tasks: Sequence[FileTask]


def main(tasks: int, replies: int, frame_file: int) -> None:
    """Work until the parent closes the pipe.

    Args:
        tasks: descriptor to read the configuration and then chunks from.
        replies: descriptor to write one reply a chunk to.
        frame_file: descriptor of the shared memory.
    """
    _end_with_parent()
    from fashionbatch.labeling.workers import messages

    try:
        # The imports are most of a worker's start-up, so they are done before the parent knows what is to be decoded.
        from fashionbatch.images import decode_into  # noqa: F401 - the usual decoder, loaded ahead
        from fashionbatch.labeling.workers.frames import Frames
    except Exception as error:  # noqa: BLE001 - whatever is wrong with the installation, the parent says it
        messages.send(replies, {"cannot": one_line(error)})
        return
    messages.send(replies, {"state": "loaded"})
    request = messages.receive(tasks)
    if request is None:
        return
    try:
        worker = _Worker(Frames(frame_file, _layout(request)), request)
    except Exception as error:  # noqa: BLE001 - the same
        messages.send(replies, {"cannot": one_line(error)})
        return
    messages.send(replies, {"state": "ready"})
    chunks = _Chunks(tasks)
    try:
        while (chunk := chunks.next()) is not None:
            messages.send(replies, {"chunk": chunk.number, "failed": worker.decode_chunk(chunk.tasks, chunks)})
    except StoreOutError as error:
        messages.send(replies, {"out": error.reason, "hint": error.hint})
    # There is nothing to put in order, and the interpreter would take its time over it.
    os._exit(0)


def _layout(request: dict[str, Any]) -> Any:
    from fashionbatch.labeling.workers.frames import FrameLayout

    shapes = tuple(tuple(shape) for shape in request["shapes"])
    return FrameLayout(shapes, request["batch_size"], request["buffers"], request["workers"])


class _Chunks:
    """What the parent has sent to decode.

    Args:
        descriptor: to read it from.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._received: deque[_Chunk] = deque()
        self._has_ended = False

    def next(self) -> _Chunk | None:
        """The next chunk, as soon as it is there; None where the parent has closed."""
        if not self._received and not self._has_ended:
            self._receive()
        return self._received.popleft() if self._received else None

    def further(self) -> Sequence[_Chunk]:
        """Those that are there already, without waiting."""
        while not self._has_ended and select.select([self._descriptor], [], [], 0)[0]:
            self._receive()
        return self._received

    def _receive(self) -> None:
        from fashionbatch.labeling.workers import messages

        message = messages.receive(self._descriptor)
        if message is None:
            self._has_ended = True
        else:
            self._received.append(_Chunk(message["chunk"], [FileTask(*task) for task in message["tasks"]]))


class _Worker:
    def __init__(self, frames: Any, request: dict[str, Any]) -> None:
        from fashionbatch.images import PlainSpec

        self._frames = frames
        self._number: int = request["number"]
        self._specs = [PlainSpec.from_dump(spec) for spec in request["specs"]]
        self._opener = open_source(request["source"])
        self._files = Files(self._opener, self._begin_time)
        module, _, name = request["decoder"].partition(":")
        self._decode: Callable[[Any, Any, Any], str | None] = getattr(importlib.import_module(module), name)
        self._seconds: float = request["alarm_s"]
        self._has_digests: bool = request["digests"]
        self._note = ""
        _limit_memory(request["memory_limit"])

    def decode_chunk(self, tasks: Sequence[FileTask], chunks: _Chunks) -> list[list[Any]]:
        """Decode some files; returns `[place, status, error]` for each that failed, or has a note with its `ok`.

        Args:
            tasks: the files.
            chunks: what is to be decoded afterwards, whose files are read meanwhile where the disk is slow.

        Raises:
            StoreOutError: what the files lie in gives none of them any more.
        """
        from fashionbatch.labeling.workers.frames import DOING, FAILED, NOTED

        states, clocks = self._frames.states, self._frames.clocks
        failed = []
        alarm_set = -_ALARM_EVERY_S
        if self._files.is_slow or any(map(self._files.is_remote, tasks)):
            self._files.announce(tasks)
        for task in tasks:
            if self._files.is_slow:
                for chunk in chunks.further():
                    self._files.announce(chunk.tasks)
            states[task.place] = DOING
            now = time.monotonic()
            clocks[self._number] = now
            if now - alarm_set >= _ALARM_EVERY_S:
                self._set_alarm()
                alarm_set = now
            try:
                self._note = ""
                opened = self._files.open(task)
                try:
                    state = self._look_at(task, opened)
                finally:
                    opened.close()
                if self._note:
                    failed.append([task.place, "ok", self._note])
                    state = NOTED
                states[task.place] = state
            except FileStatusError as problem:
                failed.append([task.place, problem.status, problem.error])
                states[task.place] = FAILED
        clocks[self._number] = 0
        signal.setitimer(signal.ITIMER_REAL, 0)
        return failed

    def _begin_time(self) -> None:
        """Let the time of the file at hand count from now."""
        self._frames.clocks[self._number] = time.monotonic()
        self._set_alarm()

    def _set_alarm(self) -> None:
        # Should the parent be gone while a decoder hangs, nobody else would end this process.
        signal.setitimer(signal.ITIMER_REAL, self._seconds)

    def _look_at(self, task: FileTask, opened: OpenFile) -> int:
        """Decode a file, unless its content is the one that the task names; returns the state of its place."""
        from fashionbatch.errors import ImageError
        from fashionbatch.labeling.workers.frames import OK, SAME

        state = OK
        try:
            source = self._source(task, opened)
            if self._has_digests and self._digest(task.place, source).hex() == task.sha256:
                state = SAME
            else:
                self._decode_to(task.place, source)
        except ImageError as error:
            if isinstance(error.__cause__, MemoryError):
                os._exit(OUT_OF_MEMORY)
            self._opener.require_unchanged(opened, task)
            raise FileStatusError("error", error.message) from error
        except MemoryError:
            os._exit(OUT_OF_MEMORY)
        except Exception as error:
            raise FileStatusError("error", one_line(error)) from error
        self._opener.require_unchanged(opened, task)
        return state

    def _source(self, task: FileTask, opened: OpenFile) -> bytes | BufferedReader:
        """What to decode: what is read more than once is read into memory, unless it is too large for that."""
        if opened.content is not None:
            return opened.content
        reader = opened.reader()
        several = len(self._specs) > 1 or self._has_digests
        return reader.read() if several and task.size <= _WHOLE_FILE_LIMIT else reader

    def _digest(self, place: int, source: bytes | BufferedReader) -> bytes:
        import hashlib

        if isinstance(source, bytes):
            digest = hashlib.sha256(source).digest()
        else:
            digest = hashlib.file_digest(source, "sha256").digest()
            source.seek(0)
        # Before it is decoded: it counts also where the decoder crashes.
        self._frames.digests[place] = memoryview(digest)
        return digest

    def _decode_to(self, place: int, source: bytes | BufferedReader) -> None:
        for images, spec in zip(self._frames.images, self._specs, strict=True):
            self._note = self._decode(source, spec, images[place]) or self._note


def _end_with_parent() -> None:
    # The parent decides when a worker ends: after a first Ctrl-C or SIGTERM to all, it still needs them.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    end_with_parent()


def _limit_memory(limit: int) -> None:
    """Let this process take so many bytes more than it has now; where it reads ahead, it takes more for that."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            now = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + limit, now + limit + EXTRA_MEMORY))
    except (OSError, ValueError):
        # Not Linux, or a stricter limit is set already.
        return
