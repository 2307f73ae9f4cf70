"""Temporary names: random, recognised as ours, and never those of a process that is still writing."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import stat
import time
from pathlib import Path

from fashionbatch.disk import steps
from fashionbatch.disk.errors import NO_LOCKS

_LONGEST_STEM = 100
"""Bytes of a name that go into its temporary name: file systems take 143 at least, most of them 255."""
_OURS = re.compile(r"\.(?P<stem>.+)\.[0-9a-f]{8}\.tmp", re.DOTALL)
_ABANDONED_S = 24 * 3600.0
"""Age of what nobody writes any more, where the file system offers no locks that would tell."""


def temporary_name(path: Path) -> Path:
    """A name beside `path` that nobody can foresee: `.labels.csv.1f2e3d4c.tmp`."""
    return path.with_name(f".{_stem(path.name)}.{os.urandom(4).hex()}.tmp")


def is_temporary_name_of(name: str, path: Path) -> bool:
    """Whether a file's name is one that `temporary_name` gives for `path`."""
    return stem_of_temporary(name) == _stem(path.name)


def stem_of_temporary(name: str) -> str | None:
    """The part of a temporary name that tells whose it is; None where it is no temporary name."""
    found = _OURS.fullmatch(name)
    return None if found is None else found["stem"]


def leftovers(path: Path) -> list[Path]:
    """Temporary files of `path` that are there, of killed and of living processes."""
    return [path.with_name(name) for name in _names_in(path.parent) if is_temporary_name_of(name, path)]


def remove_leftovers(path: Path) -> None:
    """Remove what killed processes left of writing `path`; what a living one is writing stays, and so does the rest.

    Whatever cannot be removed or listed stays, too: it is in nobody's way.
    """
    for leftover in leftovers(path):
        _remove_leftover(leftover)


def remove_leftovers_in(directory: Path) -> None:
    """Remove what killed processes left in a directory in which only FashionBatch writes; as `remove_leftovers`."""
    for name in _names_in(directory):
        if _OURS.fullmatch(name):
            _remove_leftover(directory / name)


def claim(descriptor: int, temporary: Path | str, directory: int | None = None) -> bool:
    """Show that a file or directory is being written, so that nobody takes it for a leftover.

    Args:
        descriptor: it shows that until it is closed.
        temporary: the name that it was just made under.
        directory: an open directory that the name is relative to.

    Returns:
        False where somebody was quicker and has removed it.
    """
    return _locked(descriptor) is not False and is_named(descriptor, temporary, directory)


def is_named(descriptor: int, path: Path | str, directory: int | None = None) -> bool:
    """Whether what is open has that name still."""
    try:
        named = os.stat(path, dir_fd=directory, follow_symlinks=False)
        return os.path.samestat(named, os.fstat(descriptor))
    except OSError:
        return False


def _stem(name: str) -> str:
    raw = os.fsencode(name)
    if len(raw) <= _LONGEST_STEM:
        return name
    # Two long names that begin alike must not be taken for one another.
    return f"{raw[: _LONGEST_STEM - 17].decode('utf-8', 'ignore')}-{hashlib.sha256(raw).hexdigest()[:16]}"


def _names_in(directory: Path) -> list[str]:
    try:
        return [name for name in os.listdir(directory) if name.endswith(".tmp")]
    except OSError:
        return []


def _remove_leftover(path: Path) -> None:
    with contextlib.suppress(OSError):
        found = os.lstat(path)
        is_directory = stat.S_ISDIR(found.st_mode)
        if not (is_directory or stat.S_ISREG(found.st_mode)):
            return
        access = os.O_RDONLY | os.O_DIRECTORY if is_directory else os.O_RDWR
        descriptor = os.open(path, access | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if _is_abandoned(descriptor):
                steps.step("remove leftover", path)
                if is_directory:
                    shutil.rmtree(path)
                else:
                    os.unlink(path)
        finally:
            os.close(descriptor)


def _is_abandoned(descriptor: int) -> bool:
    locked = _locked(descriptor)
    return time.time() - os.fstat(descriptor).st_mtime > _ABANDONED_S if locked is None else locked


def _locked(descriptor: int) -> bool | None:
    """Whether it could be locked, which nobody else has then; None where the file system offers no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        return None
    return True
