"""A file of many records, one for each row of a job, that is read a stretch at a time and believed only when whole.

    8 bytes       magic: what kind of records
    blocks        1,000 records each, the last one what is left: u32 length, then the record's bytes
    index         for each block u64 offset, u32 CRC-32
    trailer       u64 records, u64 and u32 for the writer's own use, u32 blocks, u32 CRC-32 of index and trailer, magic

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
from typing import BinaryIO

from fashionbatch import disk
from fashionbatch.errors import OutputError

BLOCK_ROWS = 1000
MAGIC_BYTES = 8

_LENGTH = struct.Struct("<I")
_INDEX = struct.Struct("<QI")
_TRAILER = struct.Struct("<QQIII8s")
_BEFORE_CRC = struct.calcsize("<QQII")


class BlockWriter:
    """Writes records that come one by one.

    Args:
        file: a new binary file.
        magic: 8 bytes that say what kind of records they are.
    """

    def __init__(self, file: BinaryIO, magic: bytes) -> None:
        self._file = file
        self._magic = magic
        self._index: list[tuple[int, int]] = []
        self._block: list[bytes] = []
        self._offset = MAGIC_BYTES
        self._digest = hashlib.sha256()
        self.rows = 0
        self._write(magic)

    def add(self, record: bytes) -> None:
        """Add one record."""
        self._block.append(_LENGTH.pack(len(record)) + record)
        self.rows += 1
        if len(self._block) == BLOCK_ROWS:
            self._end_block()

    def finish(self, number: int = 0, flags: int = 0) -> str:
        """Write index and trailer with the writer's own numbers; returns the SHA-256 of the whole file in hex."""
        if self._block:
            self._end_block()
        index = b"".join(_INDEX.pack(*entry) for entry in self._index)
        trailer = struct.pack("<QQII", self.rows, number, flags, len(self._index))
        crc = zlib.crc32(index + trailer)
        self._write(index + trailer + struct.pack("<I8s", crc, self._magic))
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


class BlockReader:
    """Reads what a BlockWriter wrote. Every byte is checked before it is believed.

    Args:
        path: the file.
        magic: what kind of records are expected.

    Raises:
        OutputError: it is missing, cut short, or not what a BlockWriter wrote.

    Attributes:
        number: the writer's own number.
        flags: the writer's own flags.
        index_digest: SHA-256 of index and trailer in hex, which hold the checksum that each block is compared with. It
            tells this file from others without reading gigabytes.
    """

    def __init__(self, path: Path, magic: bytes) -> None:
        self.path = path
        try:
            self._file = disk.open_regular(path)
        except OSError as error:
            raise OutputError(f"{path}: {disk.why_unreadable(error)}") from error
        try:
            self._read_index(magic)
        except BaseException:
            self.close()
            raise

    def __len__(self) -> int:
        return self._rows

    def records(self, start: int, stop: int) -> Iterator[bytes]:
        """The records from `start` up to `stop`, reading one block at a time.

        Raises:
            OutputError: a block is damaged.
        """
        for block in range(start // BLOCK_ROWS, -(-stop // BLOCK_ROWS)):
            first = block * BLOCK_ROWS
            yield from itertools.islice(self._records(block), max(start - first, 0), stop - first)

    def digest(self) -> str:
        """SHA-256 of the whole file in hex."""
        with disk.open_regular(self.path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def damaged(self, reason: str) -> OutputError:
        """The error for a file that cannot be believed."""
        return OutputError(f"{self.path}: {reason}", hint="`--restart` scans the folder again and begins anew")

    def _read_index(self, magic: bytes) -> None:
        size = os.fstat(self._file.fileno()).st_size
        if size < MAGIC_BYTES + _TRAILER.size:
            raise self.damaged("too short")
        trailer = self._read(size - _TRAILER.size, _TRAILER.size)
        self._rows: int
        self.number: int
        self.flags: int
        self._rows, self.number, self.flags, blocks, crc, tail = _TRAILER.unpack(trailer)
        index_size = blocks * _INDEX.size
        index_start = size - _TRAILER.size - index_size
        if self._read(0, MAGIC_BYTES) != magic or tail != magic or index_start < MAGIC_BYTES:
            raise self.damaged("of another kind, or cut short")
        index = self._read(index_start, index_size)
        if zlib.crc32(index + trailer[:_BEFORE_CRC]) != crc:
            raise self.damaged("its index has changed")
        self.index_digest = hashlib.sha256(index + trailer).hexdigest()
        self._index = [*_INDEX.iter_unpack(index), (index_start, 0)]
        offsets = [offset for offset, _ in self._index]
        if blocks != -(-self._rows // BLOCK_ROWS) or offsets[0] != MAGIC_BYTES or offsets != sorted(offsets):
            raise self.damaged("its index makes no sense")

    def _records(self, block: int) -> list[bytes]:
        (start, crc), (stop, _) = self._index[block], self._index[block + 1]
        data = self._read(start, stop - start)
        if zlib.crc32(data) != crc:
            raise self.damaged(f"block {block} has changed")
        records = []
        position = 0
        while position + _LENGTH.size <= len(data):
            (length,) = _LENGTH.unpack_from(data, position)
            position += _LENGTH.size
            records.append(data[position : position + length])
            position += length
        expected = min(BLOCK_ROWS, self._rows - block * BLOCK_ROWS)
        if position != len(data) or len(records) != expected:
            raise self.damaged(f"block {block} is cut short")
        return records

    def _read(self, offset: int, size: int) -> bytes:
        try:
            data = os.pread(self._file.fileno(), size, offset)
        except OSError as error:
            raise self.damaged(error.strerror or str(error)) from error
        if len(data) != size:
            raise self.damaged("cut short")
        return data
