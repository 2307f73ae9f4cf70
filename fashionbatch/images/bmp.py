"""A BMP whose colours lie in unusual bit fields, which Pillow refuses: read by its masks."""

from __future__ import annotations

import struct
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fashionbatch.errors import ImageError
from fashionbatch.images.damage import truncated

_FILE_HEADER = 14
_BITFIELDS, _ALPHA_BITFIELDS = 3, 6
_HEADERS_WITH_MASKS: Final = frozenset({52, 56, 108, 124})


def ignore_unused_alpha(image: Image.Image) -> None:
    """Make a loaded BMP opaque whose alpha is zero everywhere: programs that know no transparency leave it so."""
    if image.mode == "RGBA" and image.getchannel("A").getextrema() == (0, 0):
        image.putalpha(255)


def by_masks(file: BinaryIO, most_pixels: int) -> Image.Image | None:
    """The picture of a BMP of 16 or 32 bits a pixel with masks of any width and place; None for any other.

    Args:
        file: the BMP.
        most_pixels: a larger picture is left to the caller.

    Raises:
        ImageError: rows are missing.
    """
    file.seek(0)
    head = file.read(_FILE_HEADER + 40 + 16)
    if len(head) < _FILE_HEADER + 40 + 12:
        return None
    (offset,), (header_size,) = struct.unpack_from("<L", head, 10), struct.unpack_from("<L", head, 14)
    width, height, _, bits, compression = struct.unpack_from("<llHHL", head, 18)
    if compression not in {_BITFIELDS, _ALPHA_BITFIELDS} or bits not in {16, 32} or header_size < 40:
        return None
    red, green, blue, alpha = struct.unpack_from("<LLLL", head.ljust(70, b"\0"), 54)
    if header_size not in _HEADERS_WITH_MASKS - {52} and compression != _ALPHA_BITFIELDS:
        alpha = 0
    rows = abs(height)
    if width < 1 or rows < 1 or width * rows > most_pixels or not all(map(_is_a_field, (red, green, blue))):
        return None
    row_bytes = (width * bits // 8 + 3) // 4 * 4
    file.seek(offset)
    data = file.read(row_bytes * rows)
    if len(data) < row_bytes * rows:
        raise ImageError(truncated(rows - len(data) // row_bytes, rows))
    padded = np.frombuffer(data, np.uint8).reshape(rows, row_bytes)[:, : width * bits // 8]
    values = np.ascontiguousarray(padded).view(f"<u{bits // 8}")
    masks = (red, green, blue, alpha) if _is_a_field(alpha) else (red, green, blue)
    pixels = np.dstack([_channel(values, mask) for mask in masks])
    # A positive height means that the lowest row comes first.
    pixels = pixels[::-1] if height > 0 else pixels
    if len(masks) == 4 and not pixels[:, :, 3].any():
        # Programs that know no transparency leave it at zero.
        pixels = pixels[:, :, :3]
    return Image.fromarray(np.ascontiguousarray(pixels))


def _is_a_field(mask: int) -> bool:
    """Whether the bits of a mask lie side by side, as they have to."""
    lowest = mask & -mask
    return mask > 0 and (mask // lowest) & (mask // lowest + 1) == 0


def _channel(values: NDArray[np.unsignedinteger], mask: int) -> NDArray[np.uint8]:
    shift = (mask & -mask).bit_length() - 1
    largest = mask >> shift
    field = ((values & mask) >> shift).astype(np.uint64)
    return ((field * 255 + largest // 2) // largest).astype(np.uint8)
