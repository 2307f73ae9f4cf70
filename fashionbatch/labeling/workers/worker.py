"""A decode worker: a process that reads files, decodes them into shared memory and says what could not be decoded.

It may be killed at any moment: what it was at is in shared memory, where the parent looks. It ends with its parent.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import resource
import signal
import stat
import time
from collections.abc import Callable
from io import BufferedReader
from typing import Any

from fashionbatch.orphans import end_with_parent

OUT_OF_MEMORY = 86
"""The exit code of a worker that an image has brought to its memory limit."""

_WHOLE_FILE_LIMIT = 1 << 26


class _RowStatusError(Exception):
    """A file that gets no label, with the status and the error of its row."""

    def __init__(self, status: str, error: str) -> None:
        super().__init__(status, error)
        self.status = status
        self.error = error


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
    while (chunk := messages.receive(tasks)) is not None:
        messages.send(replies, {"chunk": chunk["chunk"], "failed": worker.decode_chunk(chunk["tasks"])})
    # There is nothing to put in order, and the interpreter would take its time over it.
    os._exit(0)


def _layout(request: dict[str, Any]) -> Any:
    from fashionbatch.labeling.workers.frames import FrameLayout

    shapes = tuple(tuple(shape) for shape in request["shapes"])
    return FrameLayout(shapes, request["batch_size"], request["buffers"], request["workers"])


class _Worker:
    def __init__(self, frames: Any, request: dict[str, Any]) -> None:
        from fashionbatch.images import PlainSpec

        self._frames = frames
        self._number: int = request["number"]
        self._specs = [PlainSpec.from_dump(spec) for spec in request["specs"]]
        self._folder = os.open(os.fsencode(request["folder"]), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        module, _, name = request["decoder"].partition(":")
        self._decode: Callable[[Any, Any, Any], str | None] = getattr(importlib.import_module(module), name)
        self._seconds: float = request["alarm_s"]
        self._has_digests: bool = request["digests"]
        self._note = ""
        _limit_memory(request["memory_limit"])

    def decode_chunk(self, tasks: list[list[Any]]) -> list[list[Any]]:
        """Decode some files; returns `[place, status, error]` for each that failed, or has a note with its `ok`."""
        from fashionbatch.labeling.workers.frames import DOING, FAILED, NOTED

        states, clocks = self._frames.states, self._frames.clocks
        failed = []
        for place, path, size, mtime_ns, sha256 in tasks:
            states[place] = DOING
            clocks[self._number] = time.monotonic()
            # Should the parent be gone while a decoder hangs, nobody else would end this process.
            signal.setitimer(signal.ITIMER_REAL, self._seconds)
            try:
                self._note = ""
                state = self._look_at(place, os.fsencode(path), size, mtime_ns, bytes.fromhex(sha256))
                if self._note:
                    failed.append([place, "ok", self._note])
                    state = NOTED
                states[place] = state
            except _RowStatusError as problem:
                failed.append([place, problem.status, problem.error])
                states[place] = FAILED
        clocks[self._number] = 0
        signal.setitimer(signal.ITIMER_REAL, 0)
        return failed

    def _look_at(self, place: int, path: bytes, size: int, mtime_ns: int, sha256: bytes) -> int:
        """Decode a file, unless its content is the one with this digest; returns the state of its place."""
        from fashionbatch.errors import ImageError
        from fashionbatch.labeling.workers.frames import OK, SAME

        state = OK
        with _opened(path, self._folder, size, mtime_ns) as file:
            try:
                # What is read more than once is read into memory, unless it is too large for that.
                several = len(self._specs) > 1 or self._has_digests
                source = file.read() if several and size <= _WHOLE_FILE_LIMIT else file
                if self._has_digests and self._digest(place, source) == sha256:
                    state = SAME
                else:
                    self._decode_to(place, source)
            except ImageError as error:
                if isinstance(error.__cause__, MemoryError):
                    os._exit(OUT_OF_MEMORY)
                _require_unchanged(file.fileno(), size, mtime_ns)
                raise _RowStatusError("error", error.message) from error
            except MemoryError:
                os._exit(OUT_OF_MEMORY)
            except Exception as error:
                raise _RowStatusError("error", one_line(error)) from error
            _require_unchanged(file.fileno(), size, mtime_ns)
        return state

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


@contextlib.contextmanager
def _opened(path: bytes, folder: int, size: int, mtime_ns: int) -> Any:
    try:
        # O_NONBLOCK: a pipe that took the file's name would wait for a writer for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, dir_fd=folder)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _RowStatusError("missing", f"FileNotFoundError: {error.strerror}") from error
    except OSError as error:
        raise _RowStatusError("error", one_line(error)) from error
    try:
        _require_unchanged(descriptor, size, mtime_ns)
        with open(descriptor, "rb", closefd=False) as file:
            yield file
    finally:
        os.close(descriptor)


def _require_unchanged(descriptor: int, size: int, mtime_ns: int) -> None:
    now = os.fstat(descriptor)
    if not stat.S_ISREG(now.st_mode):
        if size < 0:
            raise _RowStatusError("error", "NotAFileError: not a regular file")
        raise _RowStatusError("changed", "FileChanged: no longer a regular file")
    if now.st_size != size:
        raise _RowStatusError("changed", "FileChanged: its size is no longer that of the scan")
    if now.st_mtime_ns != mtime_ns:
        raise _RowStatusError("changed", "FileChanged: it was written to after the scan")


def one_line(error: BaseException) -> str:
    """Class and message on one line, without the path, which the row has anyway."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    text = text.encode("utf-8", "backslashreplace").decode()
    text = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return f"{type(error).__name__}: {text or 'no message'}"


def _end_with_parent() -> None:
    # The parent decides when a worker ends: after a first Ctrl-C or SIGTERM to all, it still needs them.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    end_with_parent()


def _limit_memory(limit: int) -> None:
    """Let this process take so many bytes more than it has now."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            now = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + limit, now + limit))
    except (OSError, ValueError):
        # Not Linux, or a stricter limit is set already.
        return
