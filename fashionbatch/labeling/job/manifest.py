"""The frozen list of a job's files: path bytes, size and mtime of each row, and digests where they are kept."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from fashionbatch.labeling.job.blocks import BlockReader, BlockWriter

UNKNOWN = -1
"""Size and mtime of a name that the scan saw but could not look at, such as a dangling link."""

LONGEST_PATH = 0xFFFF
"""Bytes of a path that a manifest can hold."""

_MAGIC = b"FBFILES1"
_FIELDS = struct.Struct("<qq")
_ORDERED, _DIGESTS, _TOKENS = 1, 2, 4
_DIGEST_BYTES = 32
_TOKEN_LENGTH = struct.Struct("<H")
_LONGEST_TOKEN = 0x3FF
_NO_DIGEST = bytes(_DIGEST_BYTES)


class ScannedFile(NamedTuple):
    """One file as the scan saw it.

    Attributes:
        path: bytes relative to the scanned folder, `/`-separated.
        size: bytes; UNKNOWN where the scan could not tell.
        mtime_ns: time of the last change in nanoseconds since 1970; UNKNOWN like size.
        sha256: of the content; empty where nobody has read it.
        token: what else the store needs to find this very content, such as an ETag; empty for files of a folder.
    """

    path: bytes
    size: int
    mtime_ns: int
    sha256: bytes = b""
    token: str = ""


class ManifestWriter:
    """Writes a manifest from records that come one by one.

    Args:
        file: a new binary file.
        ordered: whether the paths are strictly ascending, as a scan finds them; `add` insists on it then.
        digests: whether the files' digests are kept.
        tokens: whether the store's tokens are kept.
    """

    def __init__(self, file: BinaryIO, *, ordered: bool = True, digests: bool = False, tokens: bool = False) -> None:
        self._blocks = BlockWriter(file, _MAGIC)
        self._ordered = ordered
        self._digests = digests
        self._tokens = tokens
        self._last = b""
        self.bytes = 0

    @property
    def rows(self) -> int:
        """Files so far."""
        return self._blocks.rows

    def add(self, path: bytes, size: int, mtime_ns: int, sha256: bytes = b"", token: str = "") -> None:
        """Add one file.

        Raises:
            ValueError: the path is too long or holds a NUL, or, in an ordered one, is not after the one before it; or
                the token is too long.
        """
        if len(path) > LONGEST_PATH or b"\0" in path:
            raise ValueError(f"not a path: {path!r}")
        if self._ordered and path <= self._last:
            raise ValueError(f"{path!r} came after {self._last!r}")
        self._last = path
        digest = (sha256 or _NO_DIGEST) if self._digests else b""
        self._blocks.add(_FIELDS.pack(size, mtime_ns) + digest + self._packed(token) + path)
        self.bytes += max(size, 0)

    def finish(self) -> str:
        """Complete the file; returns the SHA-256 of all of it in hex."""
        flags = _ORDERED * self._ordered | _DIGESTS * self._digests | _TOKENS * self._tokens
        return self._blocks.finish(self.bytes, flags)

    def _packed(self, token: str) -> bytes:
        if not self._tokens:
            return b""
        data = token.encode()
        if len(data) > _LONGEST_TOKEN:
            raise ValueError(f"not a token: {token[:80]!r}...")
        return _TOKEN_LENGTH.pack(len(data)) + data


class Manifest:
    """Reads a manifest.

    Args:
        path: the file.

    Raises:
        OutputError: it is missing, cut short, or not what a ManifestWriter wrote.

    Attributes:
        is_ordered: whether the paths are strictly ascending.
        has_digests: whether the files' digests were kept.
        has_tokens: whether the store's tokens were kept.
    """

    def __init__(self, path: Path) -> None:
        self._blocks = BlockReader(path, _MAGIC)
        self.is_ordered = bool(self._blocks.flags & _ORDERED)
        self.has_digests = bool(self._blocks.flags & _DIGESTS)
        self.has_tokens = bool(self._blocks.flags & _TOKENS)

    def __len__(self) -> int:
        return len(self._blocks)

    @property
    def size(self) -> int:
        """Bytes of all the files together."""
        return self._blocks.number

    def rows(self, start: int, stop: int) -> Iterator[ScannedFile]:
        """The records of the rows from `start` up to `stop`, reading a little at a time.

        Raises:
            OutputError: they are damaged.
        """
        last = b""
        head = _FIELDS.size + _DIGEST_BYTES * self.has_digests
        for record in self._blocks.records(start, stop):
            digest, token, path = record[_FIELDS.size : head], "", record[head:]
            if self.has_tokens and len(path) >= _TOKEN_LENGTH.size:
                (length,) = _TOKEN_LENGTH.unpack_from(path)
                data, path = path[_TOKEN_LENGTH.size :][:length], path[_TOKEN_LENGTH.size + length :]
                token = data.decode(errors="replace")
            if len(record) < head or b"\0" in path or (self.is_ordered and path <= last):
                raise self._blocks.damaged("holds an impossible path")
            last = path
            size, mtime_ns = _FIELDS.unpack_from(record)
            yield ScannedFile(path, size, mtime_ns, b"" if digest == _NO_DIGEST else digest, token)

    @property
    def index_digest(self) -> str:
        """SHA-256 in hex of what tells this list from others without reading all of it; `rows` checks what it reads."""
        return self._blocks.index_digest

    def digest(self) -> str:
        """SHA-256 of the whole file in hex."""
        return self._blocks.digest()

    def close(self) -> None:
        """Close the file."""
        self._blocks.close()
