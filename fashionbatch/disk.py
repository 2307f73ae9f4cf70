"""Files that are there whole or not at all, whatever is killed when.

Everything that a run leaves on the disk goes through here: written to a temporary name, fsynced, renamed, and the
directory fsynced, so that a name that can be seen stands for data that a power failure cannot take back.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from fashionbatch.errors import FashionBatchError, OutputError

_NO_DIRECTORY_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES}


def step(name: str, path: Path) -> None:
    """Called before each change of the disk. The fault tests replace it, to kill the process or to fail right there."""


def write_file(path: Path, content: bytes | Callable[[BinaryIO], None]) -> None:
    """Write a whole file under its final name, replacing what is there.

    Args:
        path: the final name; the temporary file lies beside it.
        content: the bytes, or a function that writes them.

    Raises:
        OutputError: the disk is full, read-only or broken; the temporary file is gone and the final name is as it was.
    """
    temporary = temporary_name(path)
    with output_errors(path), removed_on_error(temporary):
        step("create", temporary)
        with open(temporary, "wb") as file:
            if isinstance(content, bytes):
                file.write(content)
            else:
                content(file)
            step("sync", temporary)
            file.flush()
            os.fsync(file.fileno())
        rename(temporary, path)


def rename(temporary: Path, path: Path) -> None:
    """Give an fsynced file its final name, for good.

    Raises:
        OSError: the directory cannot be written.
    """
    step("rename", path)
    os.replace(temporary, path)
    step("sync directory", path)
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Make the names in a directory survive a power failure, where the file system offers that."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_DIRECTORY_SYNC:
            raise
    finally:
        os.close(descriptor)


def temporary_name(path: Path) -> Path:
    """Where a file is written before it gets its name. The same each time, so that a killed run leaves one at most."""
    return path.with_name(f".{path.name}.tmp")


def remove(path: Path) -> None:
    """Remove a file if it is there."""
    step("remove", path)
    path.unlink(missing_ok=True)


@contextlib.contextmanager
def output_errors(path: Path) -> Iterator[None]:
    """Turn what the operating system says about writing `path` into an OutputError."""
    try:
        yield
    except FashionBatchError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}", hint=_hint(error)) from error


@contextlib.contextmanager
def removed_on_error(path: Path) -> Iterator[None]:
    """Remove a temporary file when writing it fails: on a full disk it holds the space that others need."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        raise


def _hint(error: OSError) -> str | None:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return "make room, then start the same command again: it goes on where this run stopped"
    if error.errno in {errno.EROFS, errno.EACCES, errno.EPERM}:
        return "give -o/--output a place that you may write to"
    return None
