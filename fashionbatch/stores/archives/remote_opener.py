"""Reads members of archives in a store by requests for the bytes where they lie."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from fashionbatch.stores.archives.content import content_of
from fashionbatch.stores.archives.members import UNPACKED, Place, place_of
from fashionbatch.stores.archives.together import Together, found_together
from fashionbatch.stores.archives.unpacking import unpacked_name
from fashionbatch.stores.faults import StoreFaultError
from fashionbatch.stores.objects import Objects, get_piece
from fashionbatch.stores.opening import FileStatusError, OpenFile, WantedFile, one_line
from fashionbatch.stores.remote import RemoteOpener, row_of
from fashionbatch.stores.retrying import Retrying
from fashionbatch.stores.watching import Watch

_PIECE: Final = 8 << 20
"""Bytes of a large member that one request asks for."""


class RemoteArchiveOpener(RemoteOpener):
    """Opens members of the archives below an address.

    Args:
        objects: what the archives are among.
        unpacked: where on this machine those lie that were compressed as a whole.
        retrying: how long each request is tried.
        watch: as of `RemoteOpener`.
    """

    def __init__(
        self, objects: Objects, unpacked: Path, retrying: Retrying | None = None, *, watch: Watch | None = None
    ) -> None:
        super().__init__(objects, retrying, watch=watch)
        self._unpacked = unpacked
        self._together: dict[str, Together] = {}
        self._lock = threading.Lock()

    def announce(self, files: Sequence[WantedFile]) -> None:
        """As `Opener` says: small ones that lie side by side will be one request."""
        with self._lock:
            for together, paths in found_together(files):
                self._together.update(dict.fromkeys(paths, together))

    def open(self, file: WantedFile) -> OpenFile:
        """As `Opener` says; the member is read whole."""
        began = time.monotonic()
        place = place_of(file.token)
        if isinstance(place, str):
            raise FileStatusError("error", place)
        try:
            if place.kind == UNPACKED:
                content = self._from_unpacked(place, file.size)
            else:
                with self._lock:
                    together = self._together.pop(file.path, None)
                name = os.fsencode(file.path)[: place.archive].decode()
                content = content_of(partial(self._read, name, place, together), place, file.size)
        except StoreFaultError as fault:
            raise row_of(fault) from fault
        except OSError as error:
            raise FileStatusError("error", one_line(error)) from error
        return OpenFile(-1, time.monotonic() - began, content)

    def _read(self, name: str, place: Place, together: Together | None, offset: int, size: int) -> bytes:
        fetch = partial(self._fetch, name, place.tag)
        stop = min(offset + size, place.size)
        found = None if together is None else together.part(offset, stop, fetch)
        return fetch(offset, stop) if found is None else found

    def _fetch(self, name: str, tag: str, start: int, stop: int) -> bytes:
        """Bytes of an archive, a piece a request."""
        spans = [(at, min(at + _PIECE, stop)) for at in range(start, stop, _PIECE)]
        get = partial(get_piece, self._objects, name, tag)
        return b"".join(self._asked(name, partial(get, span)) for span in spans)

    def _from_unpacked(self, place: Place, size: int) -> bytes:
        with (self._unpacked / unpacked_name(place.numbers[1])).open("rb", buffering=0) as file:
            return content_of(lambda at, length: os.pread(file.fileno(), length, at), place, size)
