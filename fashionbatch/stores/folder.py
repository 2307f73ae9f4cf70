"""The files of a folder on this machine."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Sequence
from typing import Final

from fashionbatch.stores.opening import FileStatusError, OpenFile, WantedFile, one_line

READ_AHEAD_LIMIT: Final = 16 << 20
"""Bytes of the largest file that is read whole ahead of its turn."""

_SMALL: Final = 64 << 10
"""Bytes of a file that is read in one go as it is opened: a reader with a buffer costs more than so few do."""


class FolderOpener:
    """Opens files that lie in a folder.

    Args:
        folder: what their paths are relative to.

    Raises:
        OSError: the folder cannot be opened.
    """

    is_remote = False

    def __init__(self, folder: bytes) -> None:
        self._folder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def announce(self, files: Sequence[WantedFile]) -> None:
        """As `Opener` says: each is had by itself."""

    def open(self, file: WantedFile) -> OpenFile:
        """As `Opener` says; small files are read at once."""
        began = time.monotonic()
        try:
            # O_NONBLOCK: a pipe that took the file's name would wait for a writer for ever.
            flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
            descriptor = os.open(os.fsencode(file.path), flags, dir_fd=self._folder)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise FileStatusError("missing", f"FileNotFoundError: {error.strerror}") from error
        except OSError as error:
            raise FileStatusError("error", one_line(error)) from error
        try:
            _require_unchanged(descriptor, file)
            content = _content(descriptor, file.size) if file.size <= _SMALL else None
            if content is None:
                with contextlib.suppress(OSError):
                    os.pread(descriptor, 1, 0)
        except BaseException:
            os.close(descriptor)
            raise
        return OpenFile(descriptor, time.monotonic() - began, content)

    def read(self, file: WantedFile) -> OpenFile:
        """As `Opener` says; large files are left to whoever decodes them."""
        opened = self.open(file)
        if opened.content is not None or file.size > READ_AHEAD_LIMIT:
            return opened
        return opened._replace(content=_content(opened.descriptor, file.size))

    def require_unchanged(self, opened: OpenFile, file: WantedFile) -> None:
        """As `Opener` says, by size and time."""
        _require_unchanged(opened.descriptor, file)

    def close(self) -> None:
        """Give the folder's descriptor back."""
        os.close(self._folder)


def _content(descriptor: int, size: int) -> bytes | None:
    """What a file holds, as far as its size; None where it cannot be read, which whoever decodes it says then."""
    try:
        content = os.read(descriptor, size)
        while len(content) < size and (more := os.read(descriptor, size - len(content))):
            content += more
    except (OSError, MemoryError):
        with contextlib.suppress(OSError):
            os.lseek(descriptor, 0, os.SEEK_SET)
        return None
    return content


def _require_unchanged(descriptor: int, file: WantedFile) -> None:
    now = os.fstat(descriptor)
    if not stat.S_ISREG(now.st_mode):
        if file.size < 0:
            raise FileStatusError("error", "NotAFileError: not a regular file")
        raise FileStatusError("changed", "FileChanged: no longer a regular file")
    if now.st_size != file.size:
        raise FileStatusError("changed", "FileChanged: its size is no longer that of the scan")
    if now.st_mtime_ns != file.mtime_ns:
        raise FileStatusError("changed", "FileChanged: it was written to after the scan")
