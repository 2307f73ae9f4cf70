"""Reads members of archives where they lie, by the places that a manifest keeps."""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from fashionbatch.stores.archives.content import content_of
from fashionbatch.stores.archives.members import UNPACKED, Place, place_of
from fashionbatch.stores.archives.unpacking import unpacked_name
from fashionbatch.stores.opening import FileStatusError, OpenFile, WantedFile, one_line

_OPEN_ARCHIVES: Final = 32


class ArchiveOpener:
    """Opens members of the archives below a folder.

    Args:
        folder: what the members' paths are relative to.
        unpacked: where archives lie that were compressed as a whole.

    Raises:
        OSError: the folder cannot be opened.
    """

    is_remote = False

    def __init__(self, folder: bytes, unpacked: Path) -> None:
        self._folder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._unpacked = unpacked
        # Several threads ask at once; the archive that was not asked for the longest time is closed first.
        self._lock = threading.Lock()
        self._archives: OrderedDict[bytes, int] = OrderedDict()

    def announce(self, files: Sequence[WantedFile]) -> None:
        """As `Opener` says: each is had by itself."""

    def open(self, file: WantedFile) -> OpenFile:
        """As `Opener` says; the member is read whole."""
        began = time.monotonic()
        place = place_of(file.token)
        if isinstance(place, str):
            raise FileStatusError("error", place)
        descriptor = self._archive(file, place)
        try:
            _require_same_archive(descriptor, place)
            content = content_of(partial(_read, descriptor), place, file.size)
        except OSError as error:
            raise FileStatusError("error", one_line(error)) from error
        finally:
            os.close(descriptor)
        return OpenFile(-1, time.monotonic() - began, content)

    def read(self, file: WantedFile) -> OpenFile:
        """As `Opener` says."""
        return self.open(file)

    def require_unchanged(self, opened: OpenFile, file: WantedFile) -> None:
        """As `Opener` says, by size and time of the archive."""
        del opened  # The content is here; the archive is asked.
        place = place_of(file.token)
        if isinstance(place, Place):
            descriptor = self._archive(file, place)
            try:
                _require_same_archive(descriptor, place)
            finally:
                os.close(descriptor)

    def close(self) -> None:
        """Give all descriptors back."""
        os.close(self._folder)
        while self._archives:
            os.close(self._archives.popitem()[1])

    def _archive(self, file: WantedFile, place: Place) -> int:
        """A descriptor of the archive, which is the caller's to close."""
        name = os.fsencode(file.path)[: place.archive]
        with self._lock:
            try:
                if name not in self._archives:
                    self._archives[name] = self._opened(name, place)
                self._archives.move_to_end(name)
                while len(self._archives) > _OPEN_ARCHIVES:
                    os.close(self._archives.popitem(last=False)[1])
                return os.dup(self._archives[name])
            except (FileNotFoundError, NotADirectoryError) as error:
                raise FileStatusError("missing", f"FileNotFoundError: the archive: {error.strerror}") from error
            except OSError as error:
                raise FileStatusError("error", one_line(error)) from error

    def _opened(self, name: bytes, place: Place) -> int:
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        if place.kind == UNPACKED:
            return os.open(self._unpacked / unpacked_name(place.numbers[1]), flags)
        return os.open(name, flags, dir_fd=self._folder)


def _require_same_archive(descriptor: int, place: Place) -> None:
    if place.kind == UNPACKED:
        # It is the job's own, and what it was unpacked from is not needed any more.
        return
    now = os.fstat(descriptor)
    if (now.st_size, now.st_mtime_ns) != (place.size, place.mtime_ns):
        raise FileStatusError("changed", "FileChanged: the archive was written to or replaced after the scan")


def _read(descriptor: int, offset: int, size: int) -> bytes:
    content = os.pread(descriptor, size, offset)
    while len(content) < size and (more := os.pread(descriptor, size - len(content), offset + len(content))):
        content += more
    return content
