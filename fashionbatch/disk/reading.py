"""Opens files that a user or a stranger names, without ever waiting for one that gives nothing or never ends."""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader, FileIO
from pathlib import Path

_BUFFER = 1 << 18


class UnreadableError(OSError):
    """What has the name is not what can be read: a folder, a named pipe, a device, a file that is too large.

    Attributes:
        strerror: what is wrong, as the rest of a sentence that begins with the name.
    """


def open_regular(path: Path, *, follow_links: bool = True) -> BufferedReader:
    """Open a regular file to read its bytes.

    Args:
        path: the file.
        follow_links: whether a link to one will do.

    Raises:
        FileNotFoundError: there is none.
        UnreadableError: it is something else than a regular file.
        OSError: it cannot be opened.
    """
    if not follow_links and path.is_symlink():
        raise UnreadableError(errno.ELOOP, "is a symbolic link, where a plain file is needed")
    # O_NONBLOCK: opening a named pipe would wait until somebody writes to it.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow_links else os.O_NOFOLLOW)
    try:
        descriptor = os.open(path, flags)
    except ValueError:
        # What Python says of it differs from version to version.
        raise UnreadableError(errno.EINVAL, "cannot be read: its name has a NUL character, as no file's has") from None
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        what = "a folder" if stat.S_ISDIR(mode) else "a named pipe or a device"
        raise UnreadableError(errno.EINVAL, f"is {what}, where a file is needed")
    return BufferedReader(FileIO(descriptor, "rb"), _BUFFER)


def read_regular(path: Path, limit: int, *, follow_links: bool = True) -> bytes:
    """The bytes of a regular file.

    Args:
        path: the file.
        limit: bytes that it may have.
        follow_links: as in `open_regular`.

    Raises:
        UnreadableError: as in `open_regular`; or it is larger.
        OSError: as in `open_regular`.
    """
    with open_regular(path, follow_links=follow_links) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise UnreadableError(errno.EFBIG, f"is larger than {limit:,} bytes")
    return data


def why_unreadable(error: OSError) -> str:
    """What is wrong with a file, as the rest of a sentence that begins with its name."""
    if isinstance(error, UnreadableError):
        return str(error.strerror)
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    return f"cannot be read: {error.strerror or error}"
