"""The members of a zip archive by its central directory, which is read a piece at a time.

The standard library's reader holds all members at once, half a kilobyte each, and a million of them is not unusual.
Layout: PKWARE's APPNOTE.TXT 6.3.10, sections 4.3.7 (local header), 4.3.12 (central directory), 4.3.14 to 4.3.16 (its
end, and zip64's), 4.5.3 (zip64's sizes).
"""

from __future__ import annotations

import calendar
import os
import stat
import struct
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

from fashionbatch.stores.archives.members import ArchiveError, Kind, Member, ZipPlace, problem_of
from fashionbatch.stores.opening import FileStatusError

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")
LOCAL_HEADER: Final = _LOCAL.size
"""Bytes of a member's local header without its name and what else follows."""

_END_MARK: Final = b"PK\x05\x06"
_LONGEST_COMMENT: Final = 0xFFFF
_IN_ZIP64_32, _IN_ZIP64_16 = 0xFFFFFFFF, 0xFFFF
_ENCRYPTED, _UTF_8 = 1, 0x800
_STORED, _DEFLATED = 0, 8
_UNIX: Final = 3
_ZIP64_EXTRA: Final = 1
_METHODS = {1: "shrink", 6: "implode", 9: "deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "XZ", 98: "PPMd"}


def zip_members(file: BinaryIO) -> Iterator[Member]:
    """The members that are no folders, in the order of the central directory.

    Args:
        file: the archive; it is left open.

    Raises:
        ArchiveError: it is no zip, or its directory is damaged where the last member was given.
        OSError: it cannot be read.
        StoreFaultError: likewise, of one in a store.
    """
    start, size, shift = _directory(file)
    file.seek(start)
    end = start + size
    while start < end:
        entry = _read(file, _CENTRAL.size)
        fields = _CENTRAL.unpack(entry)
        if fields[0] != b"PK\x01\x02":
            raise ArchiveError(f"no entry of the directory at byte {start:,}")
        name, extra, comment = (_read(file, length) for length in fields[10:13])
        start += _CENTRAL.size + len(name) + len(extra) + len(comment)
        if start > end:
            raise ArchiveError("its directory is longer than it says")
        if not name.endswith(b"/"):
            yield _member(fields, name, extra, shift)


def header_length(head: bytes) -> int:
    """Bytes of a local header with its name, by its first `LOCAL_HEADER` ones."""
    return LOCAL_HEADER + (_LOCAL.unpack_from(head)[-2] if len(head) >= LOCAL_HEADER else 0)


def content_start(head: bytes, place: ZipPlace) -> int:
    """How far behind the start of a member's local header its bytes begin.

    Args:
        head: the header with its name, and what follows.
        place: the member's.

    Raises:
        FileStatusError: it is no header of this member.
    """
    if len(head) >= header_length(head) and len(head) >= LOCAL_HEADER:
        fields: tuple[Any, ...] = _LOCAL.unpack_from(head)
        lengths: tuple[int, int] = fields[-2:]
        name = head[LOCAL_HEADER : LOCAL_HEADER + lengths[0]]
        if (fields[0], fields[3], zlib.crc32(name)) == (b"PK\x03\x04", place.method, place.name):
            return LOCAL_HEADER + sum(lengths)
    raise FileStatusError("error", "ArchiveError: the archive is damaged: its directory and the member's header differ")


def _directory(file: BinaryIO) -> tuple[int, int, int]:
    """Where the central directory begins, its bytes, and how far everything lies behind where it says that it lies.

    It lies behind where something was put before the archive, such as the program of one that unpacks itself.
    """
    size = file.seek(0, os.SEEK_END)
    tail_start = max(0, size - _END.size - _LONGEST_COMMENT)
    file.seek(tail_start)
    tail = file.read()
    found = _end_record(tail)
    if found < 0:
        raise ArchiveError("no zip archive: it has no directory at its end")
    _, disk, _, _, count, length, offset, _ = _END.unpack_from(tail, found)
    end = tail_start + found
    if _IN_ZIP64_16 in {disk, count} or _IN_ZIP64_32 in {length, offset}:
        end, disk, length, offset = _zip64_directory(file, end) or (end, disk, length, offset)
    if disk not in {0, _IN_ZIP64_16}:
        raise ArchiveError("it is one of several parts of an archive")
    start = end - length
    if start < offset or start < 0:
        raise ArchiveError("its directory does not lie where it says")
    return start, length, start - offset


def _end_record(tail: bytes) -> int:
    """Where the end of the directory begins; -1 where there is none.

    A comment may hold what looks like one: it is the one whose comment reaches to the end, or else the last one.
    """
    last = -1
    found = tail.rfind(_END_MARK, 0, max(0, len(tail) - _END.size + len(_END_MARK)))
    while found >= 0:
        if found + _END.size + _END.unpack_from(tail, found)[-1] == len(tail):
            return found
        last = max(last, found)
        found = tail.rfind(_END_MARK, 0, found + len(_END_MARK) - 1)
    return last


def _zip64_directory(file: BinaryIO, end: int) -> tuple[int, int, int, int] | None:
    """End, disk, bytes and offset of the directory of a large archive; None where it is no such."""
    if end < _LOCATOR_64.size:
        return None
    file.seek(end - _LOCATOR_64.size)
    signature, _, offset, _ = _LOCATOR_64.unpack(_read(file, _LOCATOR_64.size))
    if signature != b"PK\x06\x07":
        return None
    # Right before its locator, wherever the archive's start lies.
    for place in (end - _LOCATOR_64.size - _END_64.size, offset):
        if 0 <= place < end:
            file.seek(place)
            fields = _END_64.unpack(_read(file, _END_64.size))
            if fields[0] == b"PK\x06\x06":
                return place, fields[4], fields[8], fields[9]
    raise ArchiveError("the end of its directory is damaged")


def _member(fields: tuple[int, ...], name: bytes, extra: bytes, shift: int) -> Member:
    made_by, flags, method, time, date, crc, packed, size = fields[1], *fields[3:10]
    header = fields[16]
    problem = ""
    try:
        size, packed, header = _wide(extra, size, packed, header)
    except struct.error:
        problem = "ArchiveError: the member's entry is damaged"
    mode = fields[15] >> 16 if made_by >> 8 == _UNIX else 0
    problem = problem or problem_of(name, max(size, packed)) or _problem_of_method(flags, method)
    place = ZipPlace(header + shift, packed, method, crc, zlib.crc32(name))
    return Member(
        _decoded(name, flags), _kind(mode), -1 if problem else size, _nanoseconds(date, time), tuple(place), problem
    )


def _wide(extra: bytes, size: int, packed: int, header: int) -> tuple[int, int, int]:
    """Sizes and offset of a member, where they are too large for their fields."""
    values = [size, packed, header]
    if _IN_ZIP64_32 not in values:
        return size, packed, header
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<2H", extra)
        if kind == _ZIP64_EXTRA:
            at = 4
            for number, value in enumerate(values):
                if value == _IN_ZIP64_32:
                    (values[number],) = struct.unpack_from("<Q", extra[: 4 + length], at)
                    at += 8
            break
        extra = extra[4 + length :]
    return values[0], values[1], values[2]


def _kind(mode: int) -> Kind:
    if stat.S_IFMT(mode) in {0, stat.S_IFREG}:
        return "file"
    return "link" if stat.S_ISLNK(mode) else "special"


def _problem_of_method(flags: int, method: int) -> str:
    if flags & _ENCRYPTED:
        return "ArchiveError: the member is encrypted"
    if method not in {_STORED, _DEFLATED}:
        return f"ArchiveError: the member is compressed by {_METHODS.get(method, f'method {method}')}; deflate is read"
    return ""


def _decoded(name: bytes, flags: int) -> bytes:
    """A name in UTF-8: as its flag says, or as it is where it can be that, else in the code page of MS-DOS."""
    if not flags & _UTF_8:
        try:
            name.decode()
        except UnicodeDecodeError:
            return name.decode("cp437").encode()
    return name


def _nanoseconds(date: int, time: int) -> int:
    """A local time of a zone that is not told, taken for UTC, so that it is the same on every machine."""
    moment = (1980 + (date >> 9), date >> 5 & 15, date & 31, time >> 11, time >> 5 & 63, (time & 31) * 2)
    try:
        return calendar.timegm((*moment, 0, 0, 0)) * 1_000_000_000
    except (ValueError, OverflowError):
        return 0


def _read(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise ArchiveError("unexpected end of data")
    return data
