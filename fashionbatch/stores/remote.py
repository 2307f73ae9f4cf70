"""The files of a store: one request each, asked again after what passes, and a row that says why where that fails."""

from __future__ import annotations

import os
import tempfile
import time
from functools import partial
from typing import Final

from fashionbatch.stores.faults import StoreFaultError
from fashionbatch.stores.folder import READ_AHEAD_LIMIT
from fashionbatch.stores.objects import Objects
from fashionbatch.stores.opening import FileStatusError, OpenFile, WantedFile, one_line
from fashionbatch.stores.retrying import Retrying

_PIECE: Final = 8 << 20
"""Bytes of a large file that one request asks for."""


class RemoteOpener:
    """Opens files that lie in a store.

    Args:
        objects: the store's.
        retrying: how long each request is tried.
    """

    is_remote = True

    def __init__(self, objects: Objects, retrying: Retrying | None = None) -> None:
        self._objects = objects
        self._retrying = retrying or Retrying()

    def open(self, file: WantedFile) -> OpenFile:
        """As `Opener` says; a file is read whole, a large one into a file without a name, a piece a request."""
        began = time.monotonic()
        try:
            if file.size > READ_AHEAD_LIMIT:
                return OpenFile(self._spooled(file), time.monotonic() - began)
            content = self._retrying.call(partial(self._whole, file))
        except StoreFaultError as fault:
            raise _row_of(fault) from fault
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
                spool.write(self._retrying.call(partial(self._piece, file, (start, stop))))
            spool.seek(0)
            return os.dup(spool.fileno())

    def _piece(self, file: WantedFile, span: tuple[int, int], seconds: float) -> bytes:
        content = self._objects.get(file.path, file.token, span, seconds)
        if len(content) != span[1] - span[0]:
            raise StoreFaultError("passing", f"TruncatedBody: {len(content):,} of {span[1] - span[0]:,} bytes came")
        return content


def _row_of(fault: StoreFaultError) -> FileStatusError:
    if fault.kind == "missing":
        return FileStatusError("missing", "FileNotFoundError: it is no longer in the store")
    if fault.kind == "changed":
        return FileStatusError("changed", "FileChanged: it was written to after the listing")
    return FileStatusError("error", fault.reason)
