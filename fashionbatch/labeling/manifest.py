"""The frozen list of a job's files: path bytes, size and mtime, in a file that is read a stretch at a time.

    8 bytes       magic
    blocks        1,000 records each, the last one what is left
                    u16 length of the path, i64 size, i64 mtime in ns, the path's bytes
    index         for each block u64 offset, u32 CRC-32
    trailer       u64 records, u64 bytes of all files, u32 blocks, u32 flags, u32 CRC-32 of index and trailer, magic

Numbers are little-endian. No module outside the standard library: the process that scans starts in 20 ms.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from fashionbatch.errors import OutputError

BLOCK_ROWS = 1000
UNKNOWN = -1
"""Size and mtime of a name that the scan saw but could not look at, such as a dangling link."""

_HEAD = b"FBFILES1"
_TAIL = b"FBFILES."
_RECORD = struct.Struct("<Hqq")
_INDEX = struct.Struct("<QI")
_TRAILER = struct.Struct("<QQIII8s")
_BEFORE_CRC = struct.calcsize("<QQII")
_ORDERED = 1


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
        ordered: whether the paths are strictly ascending; `add` insists on it then.
    """

    def __init__(self, file: BinaryIO, *, ordered: bool = True) -> None:
        self._file = file
        self._ordered = ordered
        self._index: list[tuple[int, int]] = []
        self._block: list[bytes] = []
        self._offset = len(_HEAD)
        self._last = b""
        self._digest = hashlib.sha256()
        self.rows = 0
        self.bytes = 0
        self._write(_HEAD)

    def add(self, path: bytes, size: int, mtime_ns: int) -> None:
        """Add one file.

        Raises:
            ValueError: the path is empty, too long, holds a NUL, or is not after the one before it.
        """
        if not path or len(path) > 0xFFFF or b"\0" in path:
            raise ValueError(f"not a path: {path!r}")
        if self._ordered and path <= self._last:
            raise ValueError(f"{path!r} came after {self._last!r}")
        self._last = path
        self._block.append(_RECORD.pack(len(path), size, mtime_ns) + path)
        self.rows += 1
        self.bytes += max(size, 0)
        if len(self._block) == BLOCK_ROWS:
            self._end_block()

    def finish(self) -> str:
        """Write index and trailer; returns the SHA-256 of the whole file in hex."""
        if self._block:
            self._end_block()
        index = b"".join(_INDEX.pack(*entry) for entry in self._index)
        flags = _ORDERED if self._ordered else 0
        trailer = struct.pack("<QQII", self.rows, self.bytes, len(self._index), flags)
        crc = zlib.crc32(index + trailer)
        self._write(index + trailer + struct.pack("<I8s", crc, _TAIL))
        return self._digest.hexdigest()

    def _end_block(self) -> None:
        data = b"".join(self._block)
        self._block.clear()
        self._index.append((self._offset, zlib.crc32(data)))
        self._offset += len(data)
        self._write(data)

    def _write(self, data: bytes) -> None:
        self._digest.update(data)
        self._file.write(data)


class Manifest:
    """Reads a manifest. Every byte of it is checked before it is believed.

    Args:
        path: the file.

    Raises:
        OutputError: it is missing, cut short, or not what a ManifestWriter wrote.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = open(path, "rb")  # noqa: SIM115 - closed by close()
        except OSError as error:
            raise OutputError(f"{path}: {error.strerror}") from error
        try:
            self._read_index()
        except BaseException:
            self.close()
            raise

    def __len__(self) -> int:
        return self._rows

    @property
    def size(self) -> int:
        """Bytes of all the files together."""
        return self._size

    def rows(self, start: int, stop: int) -> Iterator[FileRecord]:
        """The records of the rows from `start` up to `stop`, reading one block at a time.

        Raises:
            OutputError: a block is damaged.
        """
        for block in range(start // BLOCK_ROWS, -(-stop // BLOCK_ROWS)):
            first = block * BLOCK_ROWS
            records = self._records(block)
            yield from itertools.islice(records, max(start - first, 0), stop - first)

    def digest(self) -> str:
        """SHA-256 of the whole file in hex."""
        with open(self.path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _read_index(self) -> None:
        size = os.fstat(self._file.fileno()).st_size
        if size < len(_HEAD) + _TRAILER.size:
            raise self._damaged("too short")
        trailer = self._read(size - _TRAILER.size, _TRAILER.size)
        self._rows: int
        self._size: int
        self._rows, self._size, blocks, flags, crc, tail = _TRAILER.unpack(trailer)
        index_size = blocks * _INDEX.size
        index_start = size - _TRAILER.size - index_size
        if self._read(0, len(_HEAD)) != _HEAD or tail != _TAIL or index_start < len(_HEAD):
            raise self._damaged("not a manifest, or cut short")
        index = self._read(index_start, index_size)
        if zlib.crc32(index + trailer[:_BEFORE_CRC]) != crc:
            raise self._damaged("its index has changed")
        self._index = [*_INDEX.iter_unpack(index), (index_start, 0)]
        self._ordered = bool(flags & _ORDERED)
        offsets = [offset for offset, _ in self._index]
        if blocks != -(-self._rows // BLOCK_ROWS) or offsets[0] != len(_HEAD) or offsets != sorted(offsets):
            raise self._damaged("its index makes no sense")

    def _records(self, block: int) -> list[FileRecord]:
        (start, crc), (stop, _) = self._index[block], self._index[block + 1]
        data = self._read(start, stop - start)
        if zlib.crc32(data) != crc:
            raise self._damaged(f"block {block} has changed")
        records = []
        position = 0
        while position < len(data):
            if position + _RECORD.size > len(data):
                raise self._damaged(f"block {block} is cut short")
            length, size, mtime_ns = _RECORD.unpack_from(data, position)
            position += _RECORD.size + length
            records.append(FileRecord(data[position - length : position], size, mtime_ns))
        expected = min(BLOCK_ROWS, self._rows - block * BLOCK_ROWS)
        if position != len(data) or len(records) != expected:
            raise self._damaged(f"block {block} holds {len(records)} records")
        paths = [record.path for record in records]
        if any(not path or b"\0" in path for path in paths):
            raise self._damaged(f"block {block} holds an impossible path")
        if self._ordered and any(one >= other for one, other in itertools.pairwise(paths)):
            raise self._damaged(f"block {block} is out of order")
        return records

    def _read(self, offset: int, size: int) -> bytes:
        try:
            data = os.pread(self._file.fileno(), size, offset)
        except OSError as error:
            raise self._damaged(error.strerror or str(error)) from error
        if len(data) != size:
            raise self._damaged("cut short")
        return data

    def _damaged(self, reason: str) -> OutputError:
        return OutputError(f"{self.path}: {reason}", hint="`--restart` scans the folder again and begins anew")
