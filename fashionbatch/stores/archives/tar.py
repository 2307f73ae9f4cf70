"""The members of a tar archive, one after the other, by the standard library's reader of headers.

That reader trusts what it reads, so it is kept from harm here: it reads headers only, never many bytes at once; it must
get on in the archive with each header; it keeps nothing of what it has read; and whatever a damaged header makes it
raise ends the archive there.
"""

from __future__ import annotations

import math
import os
import tarfile
from collections.abc import Iterator
from typing import BinaryIO, Final

from fashionbatch.stores.archives.members import ArchiveError, Kind, Member, problem_of
from fashionbatch.stores.faults import StoreFaultError

_LONGEST_HEADER: Final = 1 << 20
"""Bytes of an extended header: names are shorter by far."""

_MOST_GLOBAL: Final = 1000
_BLOCK: Final = 512
_LATEST: Final = (1 << 63) - 1


def tar_members(file: BinaryIO) -> Iterator[Member]:
    """The members that are no folders, in their order in the archive.

    Args:
        file: the archive, uncompressed, at its start; it is left open.

    Raises:
        ArchiveError: it is no tar, or it is damaged or cut short where the last member was given.
        OSError: it cannot be read.
        StoreFaultError: likewise, of one in a store.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    archive = _open(file)
    last = -1
    entry = _next(archive)
    while entry is not None:
        if archive.offset <= last or len(archive.pax_headers) > _MOST_GLOBAL:
            raise ArchiveError("a header that cannot be")
        last = archive.offset
        if not entry.isdir():
            yield _member(entry, size)
        entry = _next(archive)
    _require_end(file, archive.offset, size)


def _open(file: BinaryIO) -> tarfile.TarFile:
    try:
        return tarfile.TarFile(fileobj=_Headers(file), encoding="utf-8", errors="surrogateescape")  # type: ignore[arg-type]
    except (OSError, StoreFaultError):
        raise
    except Exception as error:
        raise ArchiveError(f"no tar archive: {error}") from error


def _next(archive: tarfile.TarFile) -> tarfile.TarInfo | None:
    # What it has read so far, which it would keep for later.
    archive.members.clear()  # type: ignore[attr-defined]
    try:
        return archive.next()
    except (OSError, StoreFaultError):
        raise
    except Exception as error:
        # Of many classes: a header may say anything, and the reader computes with it.
        raise ArchiveError(str(error) or type(error).__name__) from error


def _member(entry: tarfile.TarInfo, archive_size: int) -> Member:
    name = entry.name.encode("utf-8", "surrogateescape" if _is_escaped(entry.name) else "backslashreplace")
    kind: Kind = "link" if entry.islnk() or entry.issym() else "file" if entry.isreg() else "special"
    size, problem = entry.size, problem_of(name, entry.size)
    if entry.issparse():
        problem = "ArchiveError: the member is stored with holes"
    elif not problem and entry.offset_data + size > archive_size:
        problem = "ArchiveError: the archive ends within the member"
    return Member(name, kind, -1 if problem else size, _nanoseconds(entry.mtime), (entry.offset_data,), problem)


def _is_escaped(name: str) -> bool:
    """Whether undecodable characters stand for bytes; headers may hold other surrogates, which stand for nothing."""
    return not any("\ud800" <= character < "\udc80" or "\udd00" <= character < "\ue000" for character in name)


def _nanoseconds(mtime: float) -> int:
    if not math.isfinite(mtime) or mtime < 0:
        return 0
    whole = int(mtime)
    return min(whole * 1_000_000_000 + int((mtime - whole) * 1e9), _LATEST)


def _require_end(file: BinaryIO, offset: int, size: int) -> None:
    """See that the headers ended at the archive's mark of its end, and not at something else."""
    file.seek(offset)
    block = file.read(_BLOCK)
    if not block and offset > size:
        raise ArchiveError("unexpected end of data")
    if not block:
        raise ArchiveError("it has no end mark")
    if block.count(0) != len(block):
        raise ArchiveError(f"no header at byte {offset:,}")


class _Headers:
    """A file of which no more is read at once than a header may have.

    Args:
        file: the archive.
    """

    name = ""
    mode = "rb"

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, size: int) -> bytes:
        """Some bytes of headers."""
        if not 0 <= size <= _LONGEST_HEADER:
            raise ArchiveError(f"a header of {size:,} bytes")
        return self._file.read(size)

    def seek(self, offset: int) -> int:
        """Where to read next."""
        if not 0 <= offset <= _LATEST:
            raise ArchiveError("a size that cannot be")
        return self._file.seek(offset)

    def tell(self) -> int:
        """Where it reads next."""
        return self._file.tell()
