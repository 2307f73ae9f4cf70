"""What PNG alone needs: keys of transparency, streams that close early, and text that does not matter."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Final

from PIL import Image

from fashionbatch.errors import ImageError
from fashionbatch.images.damage import truncated

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_SAMPLES: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# Of each pass of an interlaced picture the first column and row, and the steps between them.
_PASSES: Final = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_NEEDED: Final = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_AT_A_TIME = 1 << 20
_MOST_BYTES: Final = 1 << 28


def correct_key(image: Image.Image) -> None:
    """Give the transparent colour of a PNG that is not loaded yet in the range that its pixels will have.

    Pillow widens grey of 2 and 4 bits to bytes and narrows colours of 16 bits, but leaves the key as the file has it.
    """
    key = image.info.get("transparency")
    tiles = getattr(image, "tile", ())
    layout = tiles[0][3] if tiles else None
    if isinstance(key, int) and layout in {"L;2", "L;4"}:
        image.info["transparency"] = (key & 3) * 85 if layout == "L;2" else (key & 15) * 17
    elif isinstance(key, int) and layout == "L":
        image.info["transparency"] = key & 0xFF
    elif isinstance(key, tuple) and isinstance(layout, str):
        image.info["transparency"] = tuple(part >> 8 if layout.startswith("RGB;16") else part & 0xFF for part in key)


def check_whole(file: BinaryIO, image: Image.Image) -> None:
    """Refuse a PNG whose compressed stream closes before its last row: Pillow leaves the rest black.

    Args:
        file: the file that the image was loaded from.
        image: as it was loaded.

    Raises:
        ImageError: rows are missing.
    """
    # An interlaced picture ends with the last of its odd rows. Only a black end is worth unpacking the stream again.
    last = image.height - 1 - (bool(image.info.get("interlace")) and image.height % 2)
    if _has_light(image.getpixel((image.width // 2, max(0, last)))):
        return
    row = image.crop((0, max(0, last), image.width, max(0, last) + 1))
    if not any(band.getextrema()[1] for band in row.split()):
        missing = missing_rows(file)
        if missing:
            raise ImageError(truncated(missing, image.height))


def _has_light(pixel: object) -> bool:
    return any(pixel) if isinstance(pixel, tuple) else bool(pixel)


def missing_rows(file: BinaryIO) -> int:
    """How many rows' worth of pixels the compressed stream of a PNG lacks."""
    file.seek(len(_SIGNATURE))
    wanted, got, height = 0, 0, 0
    unpacker = zlib.decompressobj()
    for kind, data in _chunks(file):
        if kind == b"IHDR" and len(data) == 13:
            width, height, bits, colour, *_, interlaced = struct.unpack(">LLBBBBB", data)
            wanted = _size(width, height, bits * _SAMPLES.get(colour, 1), is_interlaced=bool(interlaced))
        elif kind == b"IDAT":
            got += _unpacked_size(unpacker, data, wanted - got)
        if kind == b"IEND" or (wanted and got >= wanted):
            break
    return -(-(wanted - got) * height // wanted) if wanted else 0


def _size(width: int, height: int, bits: int, *, is_interlaced: bool) -> int:
    """Bytes of all rows, each with the byte that names its filter."""
    size = 0
    for left, top, across, down in _PASSES if is_interlaced else ((0, 0, 1, 1),):
        columns, rows = max(0, -(-(width - left) // across)), max(0, -(-(height - top) // down))
        size += rows * (1 + -(-columns * bits // 8)) if columns else 0
    return size


def _unpacked_size(unpacker: zlib._Decompress, data: bytes, most: int) -> int:
    size = 0
    try:
        while data and size < most:
            size += len(unpacker.decompress(data, _AT_A_TIME))
            data = unpacker.unconsumed_tail
    except zlib.error:
        # What could be unpacked before counts.
        return size
    return size


def completed(file: BinaryIO) -> tuple[bytes, int, int] | None:
    """A PNG with as many rows as can be unpacked, and black ones for the others.

    Returns:
        The file's content, how many rows are missing, and of how many; None where more than the end is wrong.
    """
    file.seek(len(_SIGNATURE))
    head, raw, parts = b"", bytearray(), [_SIGNATURE]
    wanted, unpacker = 0, zlib.decompressobj()
    for kind, data in _chunks(file):
        if kind == b"IDAT" and wanted:
            try:
                raw += unpacker.decompress(data, max(0, wanted - len(raw)) or 1)
            except zlib.error:
                return None
        elif kind in {b"IHDR", b"PLTE", b"tRNS"}:
            if file.read(4) != _checksum(kind, data):
                return None
            parts.append(_chunk(kind, data))
            if kind == b"IHDR" and len(data) == 13:
                head = data
                width, height, bits, colour, *_, interlaced = struct.unpack(">LLBBBBB", data)
                wanted = _size(width, height, bits * _SAMPLES.get(colour, 1), is_interlaced=bool(interlaced))
                if wanted > _MOST_BYTES:
                    return None
        elif kind == b"IEND":
            break
    if not wanted:
        return None
    rows = struct.unpack_from(">L", head, 4)[0]
    missing = -(-(wanted - min(wanted, len(raw))) * rows // wanted)
    if missing and not head[12]:
        # Of a row that is there in part nothing is used.
        del raw[(rows - missing) * (wanted // rows) :]
    content = zlib.compress(bytes(raw[:wanted]) + bytes(max(0, wanted - len(raw))), 1)
    return b"".join([*parts, _chunk(b"IDAT", content), _chunk(b"IEND", b"")]), missing, rows


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">L", len(data)) + kind + data + _checksum(kind, data)


def _checksum(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">L", zlib.crc32(kind + data))


def without_text(file: BinaryIO) -> bytes | None:
    """A PNG reduced to what its pixels rest on; None where it holds nothing else.

    Text, times and colour profiles go, whatever is wrong with them. An orientation stays if its checksum is right.
    """
    file.seek(len(_SIGNATURE))
    parts = [_SIGNATURE]
    is_shorter = False
    for kind, data in _chunks(file):
        checksum = file.read(4)
        whole = struct.pack(">L", len(data)) + kind + data + checksum
        is_right = checksum == _checksum(kind, data)
        if kind in _NEEDED or (kind == b"eXIf" and is_right):
            parts.append(whole)
        else:
            is_shorter = True
        if kind == b"IEND":
            break
    return b"".join(parts) if is_shorter else None


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Kind and data of each chunk; the file is left before its checksum, which need not be read."""
    at = file.tell()
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">L4s", head)
        data = file.read(length)
        yield kind, data
        if len(data) < length:
            return
        at += 12 + length
        file.seek(at)
