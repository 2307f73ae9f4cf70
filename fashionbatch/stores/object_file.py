"""An object of a store as a file: read forward by few large requests, with jumps over what nobody wants."""

from __future__ import annotations

import io
import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple, cast

from fashionbatch.stores.objects import Objects, StoredObject, get_piece
from fashionbatch.stores.retrying import Retrying

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

FIRST_BYTES: Final = 128 << 10
LARGEST_BYTES: Final = 4 << 20
"""What the first request after a jump asks for, and what each asks for after a while of reading forward."""

_READ_OVER: Final = 1 << 20
"""Bytes that are read rather than jumped over: a request of its own takes longer than so many."""

_AHEAD: Final = 4


def open_object(objects: Objects, found: StoredObject, retrying: Retrying) -> BinaryIO:
    """An object as a file to read; reading raises `StoreFaultError` where the store fails for good.

    Args:
        objects: the store's.
        found: the object, with its size; it must still have the tag that it has here.
        retrying: how long each request is tried.
    """
    fetch = partial(_fetch, objects, found, retrying)
    return cast("BinaryIO", io.BufferedReader(_ObjectFile(fetch, found.size), FIRST_BYTES))


def _fetch(objects: Objects, found: StoredObject, retrying: Retrying, span: tuple[int, int]) -> bytes:
    return retrying.call(partial(get_piece, objects, found.path, found.token, span))


class _Ahead(NamedTuple):
    start: int
    stop: int
    content: Future[bytes]


class _ObjectFile(io.RawIOBase):
    """Holds one window of the object, and while it is read forward the next ones are on their way.

    Args:
        fetch: gets the bytes from the first up to the second number.
        size: of the object.
    """

    def __init__(self, fetch: Callable[[tuple[int, int]], bytes], size: int) -> None:
        self._fetch = fetch
        self._size = size
        self._position = self._start = 0
        self._window = b""
        self._length = FIRST_BYTES // 2
        self._ahead: deque[_Ahead] = deque()
        self._threads: ThreadPoolExecutor | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._position = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        return self._position

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        if self._position >= self._size or not len(view):
            return 0
        if not self._start <= self._position < self._start + len(self._window):
            self._move()
        begin = self._position - self._start
        content = self._window[begin : begin + len(view)]
        view[: len(content)] = content
        self._position += len(content)
        return len(content)

    def close(self) -> None:
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
        self._window = b""
        super().close()

    def _move(self) -> None:
        """Bring the window to where is read."""
        end = self._start + len(self._window)
        while self._ahead and self._ahead[0].stop <= self._position:
            self._ahead.popleft()
        if self._ahead and self._ahead[0].start <= self._position:
            start, _, content = self._ahead.popleft()
            self._window, self._start = content.result(), start
        else:
            goes_on = 0 <= self._position - end <= _READ_OVER
            self._length = min(2 * self._length, LARGEST_BYTES) if goes_on else FIRST_BYTES
            self._ahead.clear()
            self._window, self._start = self._fetch(self._span(self._position)), self._position
        if self._length == LARGEST_BYTES:
            self._read_ahead()

    def _read_ahead(self) -> None:
        self._threads = self._threads or ThreadPoolExecutor(_AHEAD, thread_name_prefix="scan-ahead")
        while len(self._ahead) < _AHEAD:
            start = self._ahead[-1].stop if self._ahead else self._start + len(self._window)
            if start >= self._size:
                break
            span = self._span(start)
            self._ahead.append(_Ahead(*span, self._threads.submit(self._fetch, span)))

    def _span(self, start: int) -> tuple[int, int]:
        return start, min(start + self._length, self._size)
