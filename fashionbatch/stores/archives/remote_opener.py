"""Reads members of archives in a store, each by one request for the bytes where it lies."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path
from typing import Final

from fashionbatch.stores.archives.content import content_of
from fashionbatch.stores.archives.members import UNPACKED, Place, place_of
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
                name = os.fsencode(file.path)[: place.archive].decode()
                content = content_of(partial(self._read, name, place), place, file.size)
        except StoreFaultError as fault:
            raise row_of(fault) from fault
        except OSError as error:
            raise FileStatusError("error", one_line(error)) from error
        return OpenFile(-1, time.monotonic() - began, content)

    def _read(self, name: str, place: Place, offset: int, size: int) -> bytes:
        """Bytes of an archive, a piece a request."""
        stop = min(offset + size, place.size)
        spans = [(start, min(start + _PIECE, stop)) for start in range(offset, stop, _PIECE)]
        fetch = partial(get_piece, self._objects, name, place.tag)
        return b"".join(self._asked(name, partial(fetch, span)) for span in spans)

    def _from_unpacked(self, place: Place, size: int) -> bytes:
        with (self._unpacked / unpacked_name(place.numbers[1])).open("rb", buffering=0) as file:
            return content_of(lambda at, length: os.pread(file.fileno(), length, at), place, size)
