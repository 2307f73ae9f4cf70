"""The first directory of a TIFF or BigTIFF, in either byte order: numbers by tag, read with limits."""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
FILL_ORDER, STRIP_OFFSETS, ORIENTATION, SAMPLES, ROWS_PER_STRIP = 266, 273, 274, 277, 278
STRIP_COUNTS, PLANAR, PREDICTOR, COLOUR_MAP, TILE_WIDTH = 279, 284, 317, 320, 322
TILE_LENGTH, TILE_OFFSETS, TILE_COUNTS, EXTRA_SAMPLES, SAMPLE_FORMAT = 323, 324, 325, 338, 339
JPEG_TABLES, SUBSAMPLING = 347, 530

# Type of a field -> struct format of one value; rationals are two numbers.
_FORMATS: Final = {
    1: "B", 2: "s", 3: "H", 4: "I", 5: "II", 6: "b", 7: "s", 8: "h", 9: "i", 10: "ii", 11: "f", 12: "d",
    13: "I", 16: "Q", 17: "q", 18: "Q",
}  # fmt: skip
_LONG, _LONG8, _AS_LONG = 4, 16, frozenset({16, 17, 18})
_MOST_ENTRIES = 4096
_MOST_BYTES_OF_NUMBERS = 1 << 26


@dataclass(frozen=True)
class Field:
    """One entry of a directory.

    Attributes:
        kind: its type, as TIFF numbers types.
        values: its numbers; empty for text and opaque bytes.
        data: its bytes, in the file's byte order.
    """

    kind: int
    values: tuple[Any, ...]
    data: bytes


@dataclass(frozen=True)
class Directory:
    """The fields of the first picture.

    Attributes:
        order: `<` or `>`, the byte order of the whole file.
        is_big: whether it is a BigTIFF.
        fields: by tag.
    """

    order: str
    is_big: bool
    fields: Mapping[int, Field]

    def number(self, tag: int, default: int) -> int:
        """The first number of a field; the default where there is none."""
        values = self.numbers(tag)
        return values[0] if values else default

    def numbers(self, tag: int) -> Sequence[int]:
        """All whole numbers of a field; empty where there is none."""
        field = self.fields.get(tag)
        return field.values if field is not None and all(isinstance(value, int) for value in field.values) else ()


def read_directory(file: BinaryIO) -> Directory:
    """Read the first directory.

    Args:
        file: an open TIFF that can seek.

    Raises:
        ValueError: it is damaged, or beyond what pictures have.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(16)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 8:
        raise ValueError("no TIFF header")
    # Pillow takes a version number of the other byte order, too.
    is_big = 43 in struct.unpack_from("<H", head, 2) + struct.unpack_from(">H", head, 2)
    if is_big and len(head) < 16:
        raise ValueError("no BigTIFF header")
    (at,) = struct.unpack_from(order + ("Q" if is_big else "I"), head, 8 if is_big else 4)
    count_format, entry_format = (order + "Q", order + "HHQ8s") if is_big else (order + "H", order + "HHI4s")
    (count,) = struct.unpack(count_format, _read(file, at, struct.calcsize(count_format), size))
    if count > _MOST_ENTRIES:
        raise ValueError(f"a directory of {count} entries")
    entry_size = struct.calcsize(entry_format)
    entries = _read(file, at + struct.calcsize(count_format), count * entry_size, size)
    fields = {}
    for number in range(count):
        tag, kind, length, inline = struct.unpack_from(entry_format, entries, number * entry_size)
        if kind in _FORMATS:
            fields[tag] = _field(file, size, order, kind, length, inline)
    return Directory(order, is_big, fields)


def _field(file: BinaryIO, size: int, order: str, kind: int, length: int, inline: bytes) -> Field:  # noqa: PLR0917
    one = _FORMATS[kind]
    total = struct.calcsize(order + one) * length
    if total > len(inline):
        (at,) = struct.unpack(order + ("Q" if len(inline) == 8 else "I"), inline)
        data = _read(file, at, total, size)
    else:
        data = inline[:total]
    if one == "s" or total > _MOST_BYTES_OF_NUMBERS:
        return Field(kind, (), data)
    return Field(kind, struct.unpack(f"{order}{length * len(one)}{one[0]}", data), data)


def _read(file: BinaryIO, at: int, count: int, size: int) -> bytes:
    if at + count > size:
        raise ValueError("a field that lies beyond the end of the file")
    file.seek(at)
    return file.read(count)


def as_classic(content: bytes, directory: Directory) -> bytes:
    """A BigTIFF as the classic TIFF of the same pixels: the header is replaced, a directory appended.

    Args:
        content: the whole file.
        directory: of it.

    Raises:
        ValueError: something lies where four bytes cannot point to.
    """
    order, entries, heap = directory.order, [], bytearray()
    heap_at = len(content) + len(content) % 2 + 2 + 12 * len(directory.fields) + 4
    for tag, field in sorted(directory.fields.items()):
        kind, data = field.kind, field.data
        if kind in _AS_LONG:
            if any(not 0 <= value < 1 << 32 for value in field.values):
                raise ValueError("a BigTIFF of more than 4 GiB")
            kind, data = _LONG, struct.pack(f"{order}{len(field.values)}I", *field.values)
        length = len(data) // struct.calcsize(order + _FORMATS[kind])
        if len(data) > 4:
            place = struct.pack(order + "I", heap_at + len(heap))
            heap += data + b"\0" * (len(data) % 2)
        else:
            place = data.ljust(4, b"\0")
        entries.append(struct.pack(order + "HHI", tag, kind, length) + place)
    at = len(content) + len(content) % 2
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", at)
    count = struct.pack(order + "H", len(entries))
    return b"".join([head, content[8:], b"\0" * (len(content) % 2), count, *entries, bytes(4), heap])
