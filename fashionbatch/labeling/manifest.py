"""The frozen list of a job's files: path bytes, size and mtime of each row."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from fashionbatch.labeling.blocks import BlockReader, BlockWriter

UNKNOWN = -1
"""Size and mtime of a name that the scan saw but could not look at, such as a dangling link."""

_MAGIC = b"FBFILES1"
_FIELDS = struct.Struct("<qq")
_ORDERED = 1
_LONGEST_PATH = 0xFFFF


class FileRecord(NamedTuple):
    """One file as the scan saw it.

    Attributes:
        path: bytes relative to the scanned folder, `/`-separated.
        size: bytes; UNKNOWN where the scan could not tell.
        mtime_ns: time of the last change in nanoseconds since 1970; UNKNOWN like size.
    """

    path: bytes
    size: int
    mtime_ns: int


class ManifestWriter:
    """Writes a manifest from records that come one by one.

    Args:
        file: a new binary file.
        ordered: whether the paths are strictly ascending, as a scan finds them; `add` insists on it then.
    """

    def __init__(self, file: BinaryIO, *, ordered: bool = True) -> None:
        self._blocks = BlockWriter(file, _MAGIC)
        self._ordered = ordered
        self._last = b""
        self.bytes = 0

    @property
    def rows(self) -> int:
        """Files so far."""
        return self._blocks.rows

    def add(self, path: bytes, size: int, mtime_ns: int) -> None:
        """Add one file.

        Raises:
            ValueError: the path is too long or holds a NUL, or, in an ordered one, is not after the one before it.
        """
        if len(path) > _LONGEST_PATH or b"\0" in path:
            raise ValueError(f"not a path: {path!r}")
        if self._ordered and path <= self._last:
            raise ValueError(f"{path!r} came after {self._last!r}")
        self._last = path
        self._blocks.add(_FIELDS.pack(size, mtime_ns) + path)
        self.bytes += max(size, 0)

    def finish(self) -> str:
        """Complete the file; returns the SHA-256 of all of it in hex."""
        return self._blocks.finish(self.bytes, _ORDERED if self._ordered else 0)


class Manifest:
    """Reads a manifest.

    Args:
        path: the file.

    Raises:
        OutputError: it is missing, cut short, or not what a ManifestWriter wrote.
    """

    def __init__(self, path: Path) -> None:
        self._blocks = BlockReader(path, _MAGIC)

    def __len__(self) -> int:
        return len(self._blocks)

    @property
    def size(self) -> int:
        """Bytes of all the files together."""
        return self._blocks.number

    def rows(self, start: int, stop: int) -> Iterator[FileRecord]:
        """The records of the rows from `start` up to `stop`, reading a little at a time.

        Raises:
            OutputError: they are damaged.
        """
        ordered = bool(self._blocks.flags & _ORDERED)
        last = b""
        for record in self._blocks.records(start, stop):
            path = record[_FIELDS.size :]
            if len(record) < _FIELDS.size or b"\0" in path or (ordered and path <= last):
                raise self._blocks.damaged("holds an impossible path")
            last = path
            yield FileRecord(path, *_FIELDS.unpack_from(record))

    def digest(self) -> str:
        """SHA-256 of the whole file in hex."""
        return self._blocks.digest()

    def close(self) -> None:
        """Close the file."""
        self._blocks.close()
