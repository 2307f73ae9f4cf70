"""Looks at the first bytes of a file that may be a pipe."""

from __future__ import annotations

import io
from typing import Any, BinaryIO, cast


def rewindable(file: BinaryIO, size: int) -> tuple[BinaryIO, bytes]:
    """The first bytes of a file, and a file that begins with them.

    Args:
        file: any file that can be read.
        size: how many bytes to look at.
    """
    if file.seekable():
        start = file.tell()
        head = file.read(size)
        file.seek(start)
        return file, head
    head = file.read(size)
    return cast(BinaryIO, io.BufferedReader(_Rewound(head, file), 1 << 16)), head


class _Rewound(io.RawIOBase):
    """Bytes that were read already, and then the rest of a pipe."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head = head
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._head[: len(buffer)]
        self._head = self._head[len(data) :]
        if not data:
            data = self._rest.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)
