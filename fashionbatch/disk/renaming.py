"""Renames that Python's own cannot do: without replacing anything, and two names exchanged in one step."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import Any

_AT_FDCWD = -100
_NO_REPLACE, _EXCHANGE = 1, 2
_NOT_OFFERED = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP}


def rename_new(old: bytes, new: bytes, *, old_directory: int | None = None, new_directory: int | None = None) -> None:
    """Rename a file, unless something has the new name.

    Args:
        old: its name.
        new: the new one.
        old_directory: an open directory that the old name is relative to.
        new_directory: an open directory that the new name is relative to.

    Raises:
        FileExistsError: something has the new name.
        OSError: it cannot be renamed.
    """
    error = _renameat2(old, new, old_directory, new_directory, _NO_REPLACE)
    if error in _NOT_OFFERED:
        # A link never replaces what is there either. A kill between the two leaves the old name as a leftover.
        os.link(old, new, src_dir_fd=old_directory, dst_dir_fd=new_directory, follow_symlinks=False)
        os.unlink(old, dir_fd=old_directory)
    elif error:
        raise OSError(error, os.strerror(error), os.fsdecode(new))


def exchange(one: bytes, other: bytes) -> bool:
    """Swap two names in one step; False where the system or its file system cannot.

    Raises:
        OSError: they cannot be renamed.
    """
    error = _renameat2(one, other, None, None, _EXCHANGE)
    if error and error not in _NOT_OFFERED:
        raise OSError(error, os.strerror(error), os.fsdecode(other))
    return not error


def _renameat2(old: bytes, new: bytes, old_directory: int | None, new_directory: int | None, flags: int) -> int:
    """Linux's system call of that name; gives the error's number, 0 where it worked."""
    import ctypes

    try:
        renameat2: Callable[..., Any] = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return errno.ENOSYS
    directories = (_AT_FDCWD if directory is None else directory for directory in (old_directory, new_directory))
    old_at, new_at = directories
    return ctypes.get_errno() if renameat2(old_at, old, new_at, new, flags) else 0
