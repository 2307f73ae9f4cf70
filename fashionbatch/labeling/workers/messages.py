"""What parent and decode workers say to each other: JSON behind a length, over pipes.

No pickle: a worker reads strangers' files, and one that a file has taken over must not run code in the parent.
"""

from __future__ import annotations

import json
import os
import struct
from typing import Any

_LENGTH = struct.Struct("<I")
LONGEST = 1 << 24


def pack(message: Any) -> bytes:
    """The bytes of one message. Text may hold lone surrogates, as `os.fsdecode` makes them."""
    data = json.dumps(message, separators=(",", ":")).encode("ascii")
    return _LENGTH.pack(len(data)) + data


def send(descriptor: int, message: Any) -> None:
    """Write one message whole.

    Raises:
        OSError: the other side is gone.
    """
    data = memoryview(pack(message))
    while data:
        data = data[os.write(descriptor, data) :]


def receive(descriptor: int) -> Any:
    """Wait for one message; None where the other side has closed."""
    head = _read(descriptor, _LENGTH.size)
    if head is None:
        return None
    data = _read(descriptor, _LENGTH.unpack(head)[0])
    return None if data is None else json.loads(data)


def _read(descriptor: int, size: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < size:
        part = os.read(descriptor, size - len(parts))
        if not part:
            return None
        parts += part
    return bytes(parts)


class Inbox:
    """Puts messages together from a pipe that is read without waiting."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._data = bytearray()
        os.set_blocking(descriptor, False)

    def read(self) -> tuple[list[Any], bool]:
        """The messages that have come in whole, and whether the other side is still there.

        Raises:
            ValueError: what came in is no message.
        """
        alive = True
        while True:
            try:
                part = os.read(self._descriptor, 1 << 16)
            except BlockingIOError:
                break
            if not part:
                alive = False
                break
            self._data += part
        messages = []
        while len(self._data) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._data)
            if length > LONGEST:
                raise ValueError(f"a message of {length} bytes")
            end = _LENGTH.size + length
            if len(self._data) < end:
                break
            messages.append(json.loads(self._data[_LENGTH.size : end]))
            del self._data[:end]
        return messages, alive
