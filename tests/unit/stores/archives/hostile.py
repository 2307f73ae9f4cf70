"""Makes archives as no packer should, a header at a time."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
import zlib
from typing import Any

MTIME = 1_700_000_000


def tar_of(*members: tuple[str, bytes], **changes: Any) -> bytes:
    """A tar of plain files; `changes` are attributes of all their headers, such as `type`."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=changes.pop("format", tarfile.PAX_FORMAT)) as archive:
        for name, content in members:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(content), MTIME
            for attribute, value in changes.items():
                setattr(entry, attribute, value)
            archive.addfile(entry, io.BytesIO(content) if entry.isreg() else None)
    return made.getvalue()


def tar_header(name: bytes, size: bytes, kind: bytes = b"0") -> bytes:
    """One header with a right checksum; the size is written as it is given, 12 bytes."""
    block = bytearray(512)
    block[: len(name)] = name
    block[100:108], block[108:116], block[116:124] = b"0000644\0", b"0000000\0", b"0000000\0"
    block[124 : 124 + len(size)] = size
    block[136:148], block[156:157], block[257:265] = b"14524773600\0", kind, b"ustar\x0000"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def zip_of(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of plain files."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name, (2024, 5, 17, 12, 30, 8)), content, method)
    return made.getvalue()


def zip64_of(count: int, comment: bytes = b"") -> bytes:
    """A zip of so many empty members, written as one of more than an old zip can tell of."""
    fields = struct.pack("<6H3L", 45, 45, 0, 0, 0x6000, 0x58B1, 0, 0, 0)
    local = struct.pack("<4s5H3L2H", b"PK\x03\x04", 45, 0, 0, 0x6000, 0x58B1, 0, 0, 0, 5, 0) + b"0.jpg"
    names = (b"%d.jpg" % number for number in range(count))
    central = b"".join(
        b"PK\x01\x02" + fields + struct.pack("<5H2L", len(name), 0, 0, 0, 0, 0, 0) + name for name in names
    )
    start = len(local)
    end_64 = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, len(central), start)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, start + len(central), 1)
    most = 0xFFFF
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, most, most, len(central), start, len(comment))
    return local + central + end_64 + locator + end + comment


def zip_entry(
    name: bytes,
    packed: bytes,
    *,
    size: int | None = None,
    method: int = 0,
    crc: int | None = None,
    flags: int = 0,
    local_name: bytes | None = None,
    extra: bytes = b"",
    told: int | None = None,
    mode: int = 0,
) -> bytes:
    """A zip of one member whose headers say what they are told to."""
    size = len(packed) if size is None else size
    crc = zlib.crc32(packed) if crc is None else crc
    local_name = name if local_name is None else local_name
    common = (20, flags, method, 0x6000, 0x58B1, crc)
    local = struct.pack("<4s5H3L2H", b"PK\x03\x04", *common, len(packed), size, len(local_name), 0) + local_name
    sizes = (len(packed) if told is None else told, size)
    central = struct.pack(
        "<4s6H3L5H2L", b"PK\x01\x02", 3 << 8, *common, *sizes, len(name), len(extra), 0, 0, 0, mode << 16, 0
    )
    central += name + extra
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(central), len(local) + len(packed), 0)
    return local + packed + central + end
