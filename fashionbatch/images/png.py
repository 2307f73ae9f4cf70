"""What PNG alone needs: keys of transparency, streams that close early, and text that does not matter."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

from PIL import Image

from fashionbatch.errors import ImageError
from fashionbatch.images.damage import truncated

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_SAMPLES: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# Of each pass of an interlaced picture the first column and row, and the steps between them.
_PASSES: Final = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_NEEDED: Final = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_AT_A_TIME = 1 << 20
# Pixels of a picture that is unpacked twice in less time than it takes to write noise into it.
_SMALL: Final = 1 << 12
# What no row of a picture looks like.
_NOISE: Final = bytes((index * index * 73 + index * 29 + 11) % 251 for index in range(1009))
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


def load(file: BinaryIO, image: Image.Image) -> None:
    """Load a PNG, and refuse one whose compressed stream closes before its last row: Pillow leaves the rest black.

    Args:
        file: the file that the image was opened from.
        image: not loaded yet.

    Raises:
        ImageError: rows are missing.
        OSError: what else Pillow says of damaged data.
    """
    mark = _marked_end(image)
    image.load()
    # Only an end that looks as before the decoder came to it is worth unpacking the stream once more.
    end = image.crop(_last_row(image)).tobytes()
    if mark is None or end == (mark or bytes(len(end))):
        missing = missing_rows(file)
        if missing:
            raise ImageError(truncated(missing, image.height))


def _marked_end(image: Any) -> bytes | None:
    """Write noise to where the decoder will put the last row.

    Returns:
        The noise; nothing for a small picture, where Pillow's own black has to do; None where not one row alone is
        written last.
    """
    if len(image.tile) != 1 or image.tile[0][1] != (0, 0, *image.size) or (image.height == 1 and _is_interlaced(image)):
        return None
    if image.width * image.height <= _SMALL:
        return b""
    # Without a colour it is black, as what Pillow makes itself is.
    below = Image.new(image.mode, image.size, None)
    noise = below.crop(_last_row(image))
    length = len(noise.tobytes())
    noise.frombytes((_NOISE * (length // len(_NOISE) + 1))[:length])
    below.paste(noise, _last_row(image))
    # Pillow decodes into the memory that the image has.
    image.im = below.im
    return noise.tobytes()


def _last_row(image: Image.Image) -> tuple[int, int, int, int]:
    """The box of the row that is written last: of an interlaced picture the last of its odd rows."""
    last = max(0, image.height - 1 - (_is_interlaced(image) and image.height % 2))
    return 0, last, image.width, last + 1


def _is_interlaced(image: Image.Image) -> bool:
    return bool(image.info.get("interlace"))


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
