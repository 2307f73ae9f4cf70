"""Archives that are compressed as a whole have no places to read at: they are unpacked once, into one plain tar."""

from __future__ import annotations

import bz2
import errno
import gzip
import lzma
import os
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Final

from fashionbatch.stores.archives.members import ArchiveError

_PIECE: Final = 1 << 20
_LONGEST_MAGIC: Final = 8
_LOOK_EVERY: Final = 64 << 20
_LEFT_FREE: Final = 256 << 20
"""Bytes that are left free on the disk: what is unpacked is not told beforehand, and may be a trap."""

_OPENERS: dict[bytes, Callable[[BinaryIO], Any]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
}


def unpacked_name(number: int) -> str:
    """The name of an unpacked archive in its folder."""
    return f"{number:06d}.content"


def is_compressed(file: BinaryIO) -> bool:
    """Whether an archive is compressed as a whole, by its first bytes."""
    return _opener(file) is not None


def unpack(file: BinaryIO, into: BinaryIO, folder: Path) -> str:
    """Unpack an archive as far as that is possible.

    Args:
        file: the archive, which is compressed.
        into: where its tar is written.
        folder: where that lies, for a look at the room that is left.

    Returns:
        Why it ends too early; empty where it does not.

    Raises:
        ArchiveError: nothing of it can be unpacked.
        OSError: there is no room, or it cannot be read or written.
    """
    opener = _opener(file)
    assert opener is not None
    written = 0
    unpacked = opener(file)
    while True:
        try:
            piece = unpacked.read1(_PIECE) if hasattr(unpacked, "read1") else unpacked.read(_PIECE)
        except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
            return _ended(written, error)
        except OSError as error:
            if error.errno is not None:
                raise
            # BZ2File says so what it cannot make sense of.
            return _ended(written, error)
        if not piece:
            return ""
        if written // _LOOK_EVERY != (written + len(piece)) // _LOOK_EVERY or not written:
            require_room(folder)
        into.write(piece)
        written += len(piece)


def _ended(written: int, error: Exception) -> str:
    reason = str(error) or type(error).__name__
    if not written:
        raise ArchiveError(f"it cannot be unpacked: {reason}") from error
    return reason


def _opener(file: BinaryIO) -> Callable[[BinaryIO], Any] | None:
    file.seek(0)
    head = file.read(_LONGEST_MAGIC)
    file.seek(0)
    return next((opener for magic, opener in _OPENERS.items() if head.startswith(magic)), None)


def require_room(folder: Path) -> None:
    """See that the disk has room for more.

    Raises:
        OSError: it has none to spare.
    """
    if shutil.disk_usage(folder).free < _LEFT_FREE:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
