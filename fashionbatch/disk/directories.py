"""Whole directories: filled under a temporary name, fsynced, and put in the place of an earlier one in one step."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from fashionbatch.disk import steps
from fashionbatch.disk.files import sync_directory
from fashionbatch.disk.names import claim, remove_leftovers, temporary_name
from fashionbatch.disk.renaming import exchange

_MANY = 64
"""Files from which on the whole file system is synced: one fsync each took a minute for 25,000 photos."""


@contextlib.contextmanager
def new_directory(directory: Path, *, replace: bool = False) -> Iterator[Path]:
    """A fresh directory that becomes `directory` when the block has ended without an error, and never exists otherwise.

    Its parents are made. What earlier processes left that were killed while they made the same directory goes first.

    Args:
        directory: the final name.
        replace: whether it takes the place of a directory that is there, in one step.

    Yields:
        The directory under its temporary name, beside the final one.

    Raises:
        OSError: it cannot be written; FileExistsError: something is there, and is not to be replaced.
    """
    steps.step("create directory", directory)
    directory.parent.mkdir(parents=True, exist_ok=True)
    _bring_back_retired(directory)
    remove_leftovers(directory)
    temporary, claimed = create_directory(directory)
    try:
        yield temporary
        steps.step("sync files", directory)
        _sync_tree(temporary, claimed)
        _put_in_place(temporary, directory, replace=replace)
        steps.step("sync directory", directory)
        sync_directory(directory.parent)
    finally:
        # What was replaced has this name now.
        shutil.rmtree(temporary, ignore_errors=True)
        os.close(claimed)


def create_directory(directory: Path, *, mode: int = 0o777) -> tuple[Path, int]:
    """Make a fresh directory under a temporary name of `directory`, and claim it.

    Args:
        directory: what it is a temporary name of; its parent is there.
        mode: its permissions, of which the process's mask takes some away. Those of `tempfile.mkdtemp` are closed to
            everyone else, but most of these get a name for all.

    Returns:
        The directory, and a descriptor: nobody takes it for a leftover until that is closed.

    Raises:
        OSError: it cannot be made.
    """
    while True:
        temporary = temporary_name(directory)
        try:
            temporary.mkdir(mode)
        except FileExistsError:
            continue
        try:
            descriptor = os.open(temporary, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            continue  # Taken for a leftover, before it could be claimed.
        if claim(descriptor, temporary):
            return temporary, descriptor
        os.close(descriptor)


def _put_in_place(temporary: Path, directory: Path, *, replace: bool) -> None:
    if not os.path.lexists(directory):
        steps.step("rename", directory)
        try:
            temporary.rename(directory)
        except OSError as error:
            # Somebody else was quicker. Only an empty directory is ever renamed over.
            if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                raise
        else:
            return
    if not replace:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(directory))
    steps.step("exchange", directory)
    if not exchange(os.fsencode(temporary), os.fsencode(directory)):
        _replace_in_two_steps(temporary, directory)


def _replace_in_two_steps(temporary: Path, directory: Path) -> None:
    # Between the two renames a kill leaves the old directory, whole, under a name from which it is brought back.
    retired = directory.with_name(f".{directory.name}.{os.urandom(4).hex()}.old")
    directory.rename(retired)
    steps.step("rename", directory)
    try:
        temporary.rename(directory)
    except OSError:
        retired.rename(directory)
        raise
    shutil.rmtree(retired, ignore_errors=True)


def _bring_back_retired(directory: Path) -> None:
    pattern = re.compile(rf"\.{re.escape(directory.name)}\.[0-9a-f]{{8}}\.old")
    for name in filter(pattern.fullmatch, os.listdir(directory.parent)):
        retired = directory.with_name(name)
        if os.path.lexists(directory):
            shutil.rmtree(retired, ignore_errors=True)
        else:
            retired.rename(directory)


def _sync_tree(directory: Path, descriptor: int) -> None:
    """Wait until everything below a directory is on the disk."""
    files, directories = [], []
    for folder, _, names in os.walk(directory):
        directories.append(folder)
        files += [os.path.join(folder, name) for name in names]
    if len(files) > _MANY and _sync_file_system(descriptor):
        return
    for path in (*files, *reversed(directories)):
        if not os.path.islink(path):
            _sync(path)


def _sync(path: str) -> None:
    if os.path.isdir(path):
        sync_directory(Path(path))
        return
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def _sync_file_system(descriptor: int) -> bool:
    import ctypes

    try:
        return bool(ctypes.CDLL(None, use_errno=True).syncfs(descriptor) == 0)
    except (OSError, AttributeError):
        return False
