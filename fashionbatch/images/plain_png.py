"""A short way for small PNGs of the plainest kind: 8 bits, grey or RGB, one stream of pixels, and nothing else.

Pillow's reader of PNGs takes three times as long to find its way through such a file as the pixels take to unpack. The
same decoder in C is given the same bytes here. Whatever is unusual is left to the reader, whose words for what is wrong
with a file so stay the only ones.
"""

from __future__ import annotations

import io
import struct
import zlib
from typing import Final

from PIL import Image

from fashionbatch.images.png import missing_rows

_SIGNATURE_AND_HEADER: Final = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
_HEADER: Final = struct.Struct(">LL5sL")
_CHUNK: Final = struct.Struct(">L4s")
_MODES: Final = {b"\x08\x00\x00\x00\x00": "L", b"\x08\x02\x00\x00\x00": "RGB"}
"""By bits of a sample, kind of colour, packing, filters, and whether it is interlaced."""

_HEADER_AT, _PIXELS_AT, _PIXELS_FROM = 16, 33, 41
_CHECKSUM_BYTES: Final = 4
_END: Final = b"\x00\x00\x00\x00IEND\xaeB`\x82"
_MOST_PIXELS: Final = 1 << 16
# No usual colour, so that few pictures end in it. The rows that the decoder does not come to keep it.
_UNTOUCHED: Final[dict[str, int | tuple[int, ...]]] = {"L": 1, "RGB": (1, 1, 1)}


def load(content: bytes, most_pixels: int) -> Image.Image | None:
    """Decode a plain PNG.

    Args:
        content: of any file.
        most_pixels: width times height that may be decoded.

    Returns:
        The picture in mode `L` or `RGB`; None for a file of another kind, or one that may be damaged.

    Raises:
        Exception: the file is damaged; what is wrong with it is for Pillow's reader to say.
    """
    if not content.startswith(_SIGNATURE_AND_HEADER) or len(content) < _PIXELS_FROM:
        return None
    width, height, kind, checksum = _HEADER.unpack_from(content, _HEADER_AT)
    mode = _MODES.get(kind)
    length, name = _CHUNK.unpack_from(content, _PIXELS_AT)
    stop = _PIXELS_FROM + length
    if mode is None or name != b"IDAT" or content[stop + _CHECKSUM_BYTES :] != _END:
        return None
    if not 0 < width * height <= min(most_pixels, _MOST_PIXELS):
        return None
    if zlib.crc32(content[_HEADER_AT - _CHECKSUM_BYTES : _PIXELS_AT - _CHECKSUM_BYTES]) != checksum:
        return None
    image = Image.new(mode, (width, height), _UNTOUCHED[mode])
    image.frombytes(content[_PIXELS_FROM:stop], "zip", mode)
    # A stream may close before its last row without an error. Unpacked once more, it tells.
    is_whole = image.getpixel((width - 1, height - 1)) != _UNTOUCHED[mode] or not missing_rows(io.BytesIO(content))
    return image if is_whole else None
