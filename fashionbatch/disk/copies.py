"""Copies and moves into a directory that is open: nothing there is replaced, and no link leads out of it."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO

from fashionbatch.disk import steps
from fashionbatch.disk.files import sync_names
from fashionbatch.disk.names import claim, remove_leftovers, temporary_name
from fashionbatch.disk.renaming import rename_new

_STAGED = Path("fashionbatch")
_NO_LINKS_HERE = {errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EMLINK}
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@contextlib.contextmanager
def open_inside(root: int, parts: Sequence[bytes]) -> Iterator[int]:
    """The directory below an open one, made where it is missing. A link on the way is an error: it could lead out.

    Raises:
        OSError: it cannot be made, or something on the way is no directory.
    """
    opened = os.dup(root)
    try:
        for part in parts:
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, dir_fd=opened)
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=opened)
            os.close(opened)
            opened = inner
        yield opened
    finally:
        os.close(opened)


def copy_into(source: bytes, name: bytes, directory: int, root: int) -> None:
    """Copy a file with its times, unless something has the name there.

    Args:
        source: the file.
        name: its new name.
        directory: open, where it goes.
        root: open, above that directory: temporary files lie there, and `remove_staged` finds them.

    Raises:
        FileExistsError: something has the name.
        OSError: it cannot be copied; nothing is left of it.
    """
    with open(source, "rb") as stream:
        _put(stream, partial(_times, stream), name, directory, root)


def _times(stream: BinaryIO) -> tuple[int, int]:
    seen = os.fstat(stream.fileno())
    return seen.st_atime_ns, seen.st_mtime_ns


def put_into(content: BinaryIO, mtime_ns: int, name: bytes, directory: int, root: int) -> None:
    """Write what is no file yet, unless something has the name there.

    Args:
        content: is read to its end.
        mtime_ns: the new file's time, in nanoseconds since 1970.
        name: its name.
        directory: open, where it goes.
        root: as in `copy_into`.

    Raises:
        FileExistsError: something has the name.
        OSError: it cannot be written; nothing is left of it.
    """
    _put(content, lambda: (mtime_ns, mtime_ns), name, directory, root)


def _put(content: BinaryIO, times: Callable[[], tuple[int, int]], name: bytes, directory: int, root: int) -> None:
    shown = Path(os.fsdecode(name))
    steps.step("create", shown)
    temporary, descriptor = _create(root)
    with open(descriptor, "wb") as target:
        try:
            shutil.copyfileobj(content, target, 1 << 20)
            target.flush()
            os.utime(target.fileno(), ns=times())
            steps.step("sync", shown)
            os.fsync(target.fileno())
            steps.step("rename", shown)
            rename_new(os.fsencode(temporary), name, old_directory=root, new_directory=directory)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary, dir_fd=root)
            raise


def move_into(source: bytes, name: bytes, directory: int, root: int) -> None:
    """Move a file, unless something has the name there; across file systems it is copied.

    Args:
        source: the file.
        name: its new name.
        directory: open, where it goes.
        root: as in `copy_into`.

    Raises:
        FileExistsError: something has the name.
        OSError: it cannot be moved; it is in its old place, and perhaps in the new one too.
    """
    shown = Path(os.fsdecode(name))
    steps.step("link", shown)
    _second_name(source, name, directory, root)
    steps.step("sync directory", shown)
    sync_names(directory)
    steps.step("remove", Path(os.fsdecode(source)))
    os.unlink(source)


def move_link_into(source: bytes, name: bytes, directory: int, root: int, *, within: bytes) -> None:
    """Move a symbolic link, unless something has the name there, so that it stands for the same file afterwards.

    A link to a file that is moved itself would lead nowhere soon: in its place comes the file, under a second name
    where that can be, else copied. Any other link leads to the same file as before, by its whole path.

    Args:
        source: the link; the file that it leads to is there.
        name: its new name.
        directory: open, where it goes.
        root: as in `copy_into`.
        within: the folder whose files are moved.

    Raises:
        FileExistsError: something has the name.
        OSError: as in `move_into`.
    """
    shown = Path(os.fsdecode(name))
    target = os.path.realpath(source)
    steps.step("link", shown)
    if os.path.commonpath([target, os.path.realpath(within)]) != os.path.realpath(within):
        os.symlink(target, name, dir_fd=directory)
    else:
        _second_name(target, name, directory, root)
    steps.step("sync directory", shown)
    sync_names(directory)
    steps.step("remove", Path(os.fsdecode(source)))
    os.unlink(source)


def link_into(source: bytes, name: bytes, directory: int, root: int) -> None:  # noqa: ARG001 - as the others
    """Make a symbolic link to a file, unless something has the name there.

    Args:
        source: the file.
        name: the link's name.
        directory: open, where it goes.
        root: as in `copy_into`.

    Raises:
        FileExistsError: something has the name.
        OSError: it cannot be made.
    """
    steps.step("link", Path(os.fsdecode(name)))
    os.symlink(source, name, dir_fd=directory)


def finish_moving(source: bytes, name: bytes, directory: int) -> None:
    """Remove the old name of a file whose move was broken off when it was in its new place already.

    Args:
        source: its old name.
        name: its new name, a whole copy perhaps.
        directory: open, where that is.

    Raises:
        OSError: it cannot be removed.
    """
    shown = Path(os.fsdecode(name))
    steps.step("sync", shown)
    descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync_names(directory)
    steps.step("remove", Path(os.fsdecode(source)))
    os.unlink(source)


def remove_staged(root: Path) -> None:
    """Remove what killed processes left of copying into a directory."""
    remove_leftovers(root / _STAGED)


def _second_name(source: bytes, name: bytes, directory: int, root: int) -> None:
    try:
        os.link(source, name, dst_dir_fd=directory, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS_HERE:
            raise
        copy_into(source, name, directory, root)


def _create(root: int) -> tuple[str, int]:
    while True:
        temporary = temporary_name(_STAGED).name
        try:
            descriptor = os.open(temporary, _NEW_FILE, 0o666, dir_fd=root)
        except FileExistsError:
            continue
        if claim(descriptor, temporary, root):
            return temporary, descriptor
        os.close(descriptor)
