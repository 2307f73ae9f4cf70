"""Files that only grow: one line more, on the disk before anybody is told that it was written."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from pathlib import Path

from fashionbatch.disk import steps
from fashionbatch.disk.errors import NO_LOCKS, output_errors
from fashionbatch.disk.files import sync_directory

_OPEN = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def append_line(path: Path, line: bytes) -> None:
    """Append a line to a file, which is made where it is missing; the line is on the disk on return.

    Several processes may append to one file. A process that was killed in the middle may have left a part of a line:
    it stays, on a line of its own, and readers leave it out.

    Args:
        path: the file. A link there is not followed.
        line: without its line end.

    Raises:
        ValueError: the line holds a line end.
        OutputError: the line cannot be written, and the file is as it was.
    """
    if b"\n" in line:
        raise ValueError("a line holds no line end")
    with output_errors(path):
        descriptor = os.open(path, _OPEN, 0o666)
        try:
            _append(descriptor, path, line)
        finally:
            os.close(descriptor)


def _append(descriptor: int, path: Path, line: bytes) -> None:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise OSError(errno.EINVAL, "it is no plain file")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
    size = os.fstat(descriptor).st_size
    is_torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
    rest = memoryview((b"\n" if is_torn else b"") + line + b"\n")
    try:
        steps.step("append", path)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        steps.step("sync", path)
        os.fsync(descriptor)
        if not size:
            steps.step("sync directory", path)
            sync_directory(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, size)
        raise
