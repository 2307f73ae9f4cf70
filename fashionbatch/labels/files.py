"""Opens files that a user names, without ever waiting for one that gives nothing."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from fashionbatch.errors import DataError


def open_regular(path: Path, *, hint: str | None = None) -> BinaryIO:
    """Open a regular file, or a link to one, to read its bytes.

    Args:
        path: the file.
        hint: for messages, what to do about a file that cannot be opened.

    Raises:
        FileNotFoundError: there is none.
        DataError: it cannot be opened, or it is a folder, a named pipe or a device.
    """
    try:
        # O_NONBLOCK: opening a named pipe would wait until somebody writes to it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}", hint=hint) from None
    except ValueError:
        # What Python says of it differs from version to version.
        raise DataError(f"{path}: cannot be read: its name has a NUL character, as no file's has", hint=hint) from None
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        what = "a folder" if stat.S_ISDIR(mode) else "a named pipe or a device"
        raise DataError(f"{path}: is {what}, where a file is needed", hint=hint)
    return open(descriptor, "rb", buffering=1 << 18)
