"""The files of a store: one request each, asked again after what passes, and a row that says why where that fails."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, TypeVar

from fashionbatch.stores.faults import StoreFaultError
from fashionbatch.stores.folder import READ_AHEAD_LIMIT
from fashionbatch.stores.objects import Objects, StoredObject, get_piece
from fashionbatch.stores.opening import FileStatusError, OpenFile, WantedFile, one_line
from fashionbatch.stores.retrying import Retrying
from fashionbatch.stores.watching import Watch

Answer = TypeVar("Answer")

_PIECE: Final = 8 << 20
"""Bytes of a large file that one request asks for."""


class RemoteOpener:
    """Opens files that lie in a store.

    Args:
        objects: the store's.
        retrying: how long each request is tried.
        watch: looks after a request that failed whether the store still gives anything; without it, no file of a store
            is told from the others.
    """

    is_remote = True

    def __init__(self, objects: Objects, retrying: Retrying | None = None, *, watch: Watch | None = None) -> None:
        self._objects = objects
        self._retrying = retrying or Retrying()
        self._watch = watch

    def announce(self, files: Sequence[WantedFile]) -> None:
        """As `Opener` says: each is had by itself."""

    def look(self, path: str) -> StoredObject:
        """A file as it is now.

        Raises:
            FileStatusError: it cannot be had.
            StoreOutError: as `Opener.open`.
        """
        try:
            return self._asked(path, partial(self._objects.look, path))
        except StoreFaultError as fault:
            raise row_of(fault) from fault

    def open(self, file: WantedFile) -> OpenFile:
        """As `Opener` says; a file is read whole, a large one into a file without a name, a piece a request."""
        began = time.monotonic()
        try:
            if file.size > READ_AHEAD_LIMIT:
                return OpenFile(self._spooled(file), time.monotonic() - began)
            content = self._asked(file.path, partial(self._whole, file))
        except StoreFaultError as fault:
            raise row_of(fault) from fault
        except OSError as error:
            # There is no room for it on the disk.
            raise FileStatusError("error", one_line(error)) from error
        return OpenFile(-1, time.monotonic() - began, content)

    def read(self, file: WantedFile) -> OpenFile:
        """As `open`."""
        return self.open(file)

    def require_unchanged(self, opened: OpenFile, file: WantedFile) -> None:
        """A content that was given was that of the file's tag; what is there by now is of no interest."""

    def close(self) -> None:
        """Close connections."""
        self._objects.close()

    def _asked(self, path: str, get: Callable[[float], Answer]) -> Answer:
        """What the store gives; where it had not answered at all and does again, it is asked once more."""
        asked = 0.0

        def ask(seconds: float) -> Answer:
            nonlocal asked
            asked = time.monotonic()
            return get(seconds)

        for is_last in (False, True):
            try:
                answer = self._retrying.call(ask)
            except StoreFaultError as fault:
                may_be_had = self._watch is not None and self._watch.require_answers(fault, asked)
                if is_last or not may_be_had:
                    raise
            else:
                if self._watch is not None:
                    self._watch.was_read(self._objects, path, asked)
                return answer
        raise AssertionError("the last time, it is had or not")

    def _whole(self, file: WantedFile, seconds: float) -> bytes:
        content = self._objects.get(file.path, file.token, None, seconds)
        if file.size >= 0 and len(content) != file.size:
            if file.token:
                # It is the content of this tag, so it is one that was cut short on its way.
                raise StoreFaultError("passing", f"TruncatedBody: {len(content):,} of {file.size:,} bytes came")
            raise StoreFaultError("changed", "FileChanged: its size is no longer that of the listing")
        return content

    def _spooled(self, file: WantedFile) -> int:
        """The descriptor of a file without a name that holds the content."""
        with tempfile.TemporaryFile() as spool:  # disk: nothing of it has a name
            for start in range(0, file.size, _PIECE):
                stop = min(start + _PIECE, file.size)
                fetch = partial(get_piece, self._objects, file.path, file.token, (start, stop))
                spool.write(self._asked(file.path, fetch))
            spool.seek(0)
            return os.dup(spool.fileno())


def row_of(fault: StoreFaultError) -> FileStatusError:
    """What a row says of a request that failed."""
    if fault.kind == "missing":
        return FileStatusError("missing", "FileNotFoundError: it is no longer in the store")
    if fault.kind == "changed":
        return FileStatusError("changed", "FileChanged: it was written to after the listing")
    return FileStatusError("error", fault.reason)
