"""Opens files that a user names, without ever waiting for one that gives nothing."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import BinaryIO, Final, cast

from fashionbatch import disk
from fashionbatch.errors import DataError

PACKED: Final = ".gz"
"""The ending of a file that is compressed as a whole."""


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


def open_unpacked(path: Path) -> BinaryIO:
    """Open a regular file, or what a file whose name ends in `.gz` holds. It is unpacked while it is read.

    Raises:
        FileNotFoundError: there is none.
        DataError: as `open_regular`. Reading raises OSError, EOFError or zlib.error where it is damaged.
    """
    file = open_regular(path)
    return cast(BinaryIO, _Unpacked(file)) if path.name.lower().endswith(PACKED) else file


class _Unpacked(gzip.GzipFile):
    """Closes the packed file, too."""

    def __init__(self, packed: BinaryIO) -> None:
        super().__init__(fileobj=packed)
        self._packed = packed

    def close(self) -> None:
        try:
            super().close()
        finally:
            self._packed.close()
