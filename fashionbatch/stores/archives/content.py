"""What a member of an archive holds, by its place and by whatever reads bytes of the archive."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Final, TypeAlias

from fashionbatch.stores.archives.members import LARGEST_MEMBER, ZIP, Place, ZipPlace
from fashionbatch.stores.archives.zip import LOCAL_HEADER, content_start, header_length
from fashionbatch.stores.opening import FileStatusError

ReadAt: TypeAlias = Callable[[int, int], bytes]
"""Offset and number of bytes -> these bytes, or as many as the archive has there."""

_BESIDE: Final = 512
"""Bytes of a name and of what else a header may have, as a rule."""

_DAMAGED: Final = "ArchiveError: the archive is damaged: "


def content_of(read: ReadAt, place: Place, size: int) -> bytes:
    """What a member holds.

    Args:
        read: reads the archive.
        place: the member's.
        size: of its content in bytes, as the archive tells it.

    Raises:
        FileStatusError: the archive is damaged there, or the member too large to be read.
        OSError, StoreFaultError: what `read` raises.
    """
    if place.kind == ZIP:
        return _of_zip(read, place, size)
    return _whole(read, place.numbers[0], size)


def span_of(place: Place, size: int) -> tuple[int, int]:
    """Which bytes of an archive `content_of` reads, from the first up to the second number; rarely it reads more."""
    if place.kind == ZIP:
        where = ZipPlace(*place.numbers)
        # What lies between header and content is a name and little more, so that one reading has mostly got it all.
        return where.header, where.header + LOCAL_HEADER + _BESIDE + where.size
    return place.numbers[0], place.numbers[0] + size


def _of_zip(read: ReadAt, place: Place, size: int) -> bytes:
    where = ZipPlace(*place.numbers)
    _require_readable(where.size)
    start, stop = span_of(place, size)
    head = read(start, stop - start)
    if len(head) < header_length(head):
        head = read(where.header, header_length(head) + _BESIDE + where.size)
    start = content_start(head, where)
    packed = head[start : start + where.size]
    if len(packed) < where.size:
        packed += _whole(read, where.header + start + len(packed), where.size - len(packed))
    content = packed if where.method == 0 else _inflate(packed, size)
    if len(content) != size:
        raise FileStatusError("error", f"{_DAMAGED}the member is not of the size that is told")
    if zlib.crc32(content) != where.crc:
        raise FileStatusError("error", f"{_DAMAGED}the member's checksum is wrong")
    return content


def _inflate(packed: bytes, size: int) -> bytes:
    """What was deflated, with at most one byte more than it should have, which tells that it has more."""
    inflating = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        return inflating.decompress(packed, size + 1)
    except zlib.error as error:
        raise FileStatusError("error", f"{_DAMAGED}{error}") from error


def _whole(read: ReadAt, offset: int, size: int) -> bytes:
    _require_readable(size)
    content = read(offset, size)
    if len(content) < size:
        raise FileStatusError("error", "ArchiveError: the archive ends within the member")
    return content


def _require_readable(size: int) -> None:
    if not 0 <= size <= LARGEST_MEMBER:
        raise FileStatusError("error", f"ArchiveError: the member is larger than {LARGEST_MEMBER >> 20} MiB")
