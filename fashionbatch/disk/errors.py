"""What the operating system says about writing, as an error for the user."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from fashionbatch.errors import FashionBatchError, OutputError

NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EBADF}
"""What a file system says that offers no locks; EBADF: NFS, of a lock on a directory."""

_FULL = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EROFS, errno.EACCES, errno.EPERM}
_NO_PLACE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EINVAL}
"""What is said where no file can be made at all, such as in `/proc`."""


BEGIN_AGAIN: Final = "make room, then start the same command again"
"""The hint for a full disk where what was written goes, and there is nothing to go on from."""


@contextlib.contextmanager
def output_errors(
    path: Path, *, when_full: str = "make room, then start the same command again: it goes on where this run stopped"
) -> Iterator[None]:
    """Turn what the operating system says about writing `path` into an OutputError.

    Args:
        path: what is written, for the message.
        when_full: the hint where the disk is full.
    """
    try:
        yield
    except FashionBatchError:
        raise
    except OSError as error:
        hint = when_full if error.errno in _FULL else None
        if error.errno in _FORBIDDEN:
            hint = "give -o/--output a place that you may write to"
        elif error.errno in _NO_PLACE:
            hint = "choose a place in a folder that is there"
        raise OutputError(f"cannot write {path}: {error.strerror or error}", hint=hint) from error
