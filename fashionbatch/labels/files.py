"""Opens files that a user names, without ever waiting for one that gives nothing."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from fashionbatch import disk
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
        return disk.open_regular(path)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DataError(f"{path}: {disk.why_unreadable(error)}", hint=hint) from None
