"""Makes image files of every odd kind in memory: small, deterministic, and with known pixels.

Tests ask for the fixture `images_factory`, which is this module.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDES = (40, 24)
"""Width and height of the pictures: unlike, so that a turned picture is told from an upright one."""


def picture(width: int = SIDES[0], height: int = SIDES[1]) -> NDArray[np.uint8]:
    """RGB `(height, width, 3)`: smooth, with another colour in each corner, so that no turn leaves it as it is."""
    y, x = np.mgrid[0:height, 0:width]
    red, green = x * 255 // max(1, width - 1), y * 255 // max(1, height - 1)
    return np.stack([red, green, 255 - (red + green) // 2], axis=-1).astype(np.uint8)


def encode(image: NDArray[Any] | Image.Image, format_: str, **options: Any) -> bytes:
    """The bytes of an image file."""
    buffer = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(buffer, format_, **options)
    return buffer.getvalue()


def plain(format_: str) -> bytes:
    """The picture in a format, without loss where the format can."""
    options: dict[str, dict[str, Any]] = {
        "JPEG": {"quality": 95, "subsampling": 0},
        "WEBP": {"lossless": True},
        "AVIF": {"quality": 95, "subsampling": "4:4:4"},
    }
    return encode(picture(), format_, **options.get(format_, {}))


FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""EXIF orientation -> how the upright picture is stored under it (the inverse of what a viewer does)."""


def oriented(orientation: int, format_: str, upright: NDArray[np.uint8] | None = None, **options: Any) -> bytes:
    """The picture, stored turned, with the EXIF orientation that makes it upright again."""
    image = Image.fromarray(picture() if upright is None else upright)
    if orientation in TURNS:
        image = image.transpose(TURNS[orientation])
    if format_ == "TIFF":
        return encode(image, "TIFF", tiffinfo={274: orientation}, **options)
    exif = Image.Exif()
    exif[274] = orientation
    return encode(image, format_, exif=exif, **options)


def animated(format_: str) -> bytes:
    """Two frames: the picture, then a black one."""
    frames = [Image.fromarray(picture()), Image.new("RGB", SIDES)]
    options: dict[str, Any] = {"lossless": True} if format_ == "WEBP" else {}
    return encode(frames[0], format_, save_all=True, append_images=frames[1:], duration=50, **options)


def multi_page_tiff() -> bytes:
    """Two pages: the picture, then a smaller black one."""
    second = Image.new("RGB", (5, 5))
    return encode(Image.fromarray(picture()), "TIFF", save_all=True, append_images=[second])


def cmyk_jpeg() -> bytes:
    """The picture as CMYK with Adobe's marker, which means that it is stored inverted."""
    return encode(Image.fromarray(picture()).convert("CMYK"), "JPEG", quality=95, subsampling=0)


def ycck_jpeg() -> bytes:
    """The picture as YCCK, the way Photoshop writes CMYK: inverted, and the three colours as luma and chroma.

    The three colours are turned by hand and stored as if they were CMYK; then the Adobe marker is told what they are.
    """
    cmyk = np.asarray(Image.fromarray(picture()).convert("CMYK"))
    ycc = np.asarray(Image.fromarray(np.ascontiguousarray(cmyk[:, :, :3])).convert("YCbCr"))
    stored = np.dstack([255 - ycc, cmyk[:, :, 3]])
    data = encode(Image.frombytes("CMYK", SIDES, stored.tobytes()), "JPEG", quality=95, subsampling=0)
    marker = data.index(b"Adobe")
    return data[: marker + 11] + b"\x02" + data[marker + 12 :]


def palette_with_transparency() -> bytes:
    """A palette PNG, `(height, width)` from `SIDES`: left half red, right half transparent."""
    image = Image.new("P", SIDES, 1)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.paste(0, (0, 0, SIDES[0] // 2, SIDES[1]))
    return encode(image, "PNG", transparency=b"\xff\x00")


def grey_with_alpha(alpha: int) -> bytes:
    """A PNG of mode LA: grey 100 everywhere, with that alpha."""
    return encode(Image.new("LA", SIDES, (100, alpha)), "PNG")


def rgba(alpha: int) -> bytes:
    """A PNG of mode RGBA: (10, 20, 30) everywhere, with that alpha."""
    return encode(Image.new("RGBA", SIDES, (10, 20, 30, alpha)), "PNG")


def one_bit() -> bytes:
    """A 1-bit PNG: left half black, right half white."""
    image = Image.new("1", SIDES, 1)
    image.paste(0, (0, 0, SIDES[0] // 2, SIDES[1]))
    return encode(image, "PNG")


def grey_ramp(dtype: str, low: float, high: float) -> NDArray[Any]:
    """Grey `(height, width)` from low at the left to high at the right."""
    return np.tile(np.linspace(low, high, SIDES[0]), (SIDES[1], 1)).astype(dtype)


def deep_tiff(values: NDArray[Any], *, tags: dict[int, tuple[str, int]] | None = None) -> bytes:
    """An uncompressed little- or big-endian TIFF of one channel, by hand: Pillow does not write all that it reads.

    Args:
        values: `(height, width)` of any unsigned, signed or float type, in the byte order to store.
        tags: further or other tags: number -> (struct format of one value, value).
    """
    order = ">" if values.dtype.str[0] == ">" else "<"
    height, width = values.shape
    kind = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    entries: dict[int, tuple[str, int]] = {
        256: ("L", width),
        257: ("L", height),
        258: ("H", values.dtype.itemsize * 8),
        259: ("H", 1),
        262: ("H", 1),
        277: ("H", 1),
        278: ("L", height),
        279: ("L", values.nbytes),
        339: ("H", kind),
        **(tags or {}),
    }
    data_at = 8 + 2 + 12 * (len(entries) + 1) + 4
    entries[273] = ("L", data_at)
    directory = struct.pack(order + "H", len(entries))
    for tag, (code, value) in sorted(entries.items()):
        packed = struct.pack(order + code, value).ljust(4, b"\0")
        directory += struct.pack(order + "HHL", tag, {"H": 3, "L": 4}[code], 1) + packed
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "L", 8)
    return head + directory + b"\0\0\0\0" + values.tobytes()


def tiff(
    values: NDArray[Any],
    photometric: int,
    *,
    order: str = "<",
    is_big: bool = False,
    is_planar: bool = False,
    tile: tuple[int, int] | None = None,
    rows_per_strip: int | None = None,
    deflate: bool = False,
    predictor: int = 1,
    extra: tuple[int, ...] = (),
    tags: dict[int, tuple[str, tuple[int, ...]]] | None = None,
) -> bytes:
    """A TIFF or BigTIFF of any number of samples, by hand.

    Args:
        values: `(height, width, samples)` of any unsigned, signed or float type; stored in the byte order.
        photometric: 0 white is zero, 1 black is zero, 2 RGB, 3 palette, 5 CMYK, 6 YCbCr.
        order: `<` or `>`.
        is_big: whether it is a BigTIFF.
        is_planar: whether each sample has a plane of its own.
        tile: width and height of tiles, multiples of 16; None for strips.
        rows_per_strip: all of them where None.
        deflate: whether pieces are compressed.
        predictor: 1 or 2.
        extra: what the samples beyond the colours are: 0 anything, 1 associated alpha, 2 alpha.
        tags: further or other tags: number -> (struct format of one value, values).
    """
    height, width, samples = values.shape
    stored = values.astype(values.dtype.newbyteorder(order))
    across, down = tile or (width, rows_per_strip or height)
    planes = [stored[:, :, [plane]] for plane in range(samples)] if is_planar else [stored]
    pieces = []
    for plane in planes:
        for top in range(0, height, down):
            for left in range(0, width, across):
                piece = plane[top : top + down, left : left + across]
                if tile:
                    piece = np.pad(piece, ((0, down - piece.shape[0]), (0, across - piece.shape[1]), (0, 0)))
                if predictor == 2:
                    piece = np.diff(piece, axis=1, prepend=np.zeros_like(piece[:, :1])).astype(stored.dtype)
                data = np.ascontiguousarray(piece).tobytes()
                pieces.append(zlib.compress(data) if deflate else data)
    kind = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    wide = "Q" if is_big else "L"
    fields: dict[int, tuple[str, tuple[int, ...]]] = {
        256: ("L", (width,)),
        257: ("L", (height,)),
        258: ("H", (values.dtype.itemsize * 8,) * samples),
        259: ("H", (8 if deflate else 1,)),
        262: ("H", (photometric,)),
        277: ("H", (samples,)),
        284: ("H", (2 if is_planar else 1,)),
        317: ("H", (predictor,)),
        339: ("H", (kind,) * samples),
        **({338: ("H", extra)} if extra else {}),
        **({322: ("L", (across,)), 323: ("L", (down,))} if tile else {278: ("L", (down,))}),
        **(tags or {}),
    }
    offsets, counts = (324, 325) if tile else (273, 279)
    head = 16 if is_big else 8
    starts = [head + sum(len(before) for before in pieces[:number]) for number in range(len(pieces))]
    fields |= {offsets: (wide, tuple(starts)), counts: (wide, tuple(map(len, pieces)))}
    at = head + sum(map(len, pieces))
    count_format, entry_format, room = ("Q", "HHQ", 8) if is_big else ("H", "HHL", 4)
    heap_at = (
        at + struct.calcsize("=" + count_format) + len(fields) * (struct.calcsize("=" + entry_format) + room) + room
    )
    directory, heap = struct.pack(order + count_format, len(fields)), b""
    for tag, (code, numbers) in sorted(fields.items()):
        packed = struct.pack(f"{order}{len(numbers)}{code}", *numbers)
        directory += struct.pack(order + entry_format, tag, {"B": 1, "H": 3, "L": 4, "Q": 16}[code], len(numbers))
        if len(packed) > room:
            directory += struct.pack(order + wide, heap_at + len(heap))
            heap += packed
        else:
            directory += packed.ljust(room, b"\0")
    start = (b"II" if order == "<" else b"MM") + struct.pack(order + "H", 43 if is_big else 42)
    start += struct.pack(order + "HHQ", 8, 0, at) if is_big else struct.pack(order + "L", at)
    return start + b"".join(pieces) + directory + bytes(room) + heap


def png(
    rows: list[bytes], size: tuple[int, int], bits: int, colour: int, *, before: bytes = b"", interlaced: bool = False
) -> bytes:
    """A PNG by hand.

    Args:
        rows: packed pixels, unfiltered, one entry a row; of all passes one after the other where it is interlaced.
        size: width and height.
        bits: of each sample.
        colour: 0 grey, 2 RGB, 3 palette, 4 grey with alpha, 6 RGB with alpha.
        before: further chunks before the pixels.
        interlaced: whether the header says so.
    """
    header = struct.pack(">LLBBBBB", *size, bits, colour, 0, 0, int(interlaced))
    body = zlib.compress(b"".join(b"\0" + row for row in rows))
    chunks = [png_chunk(b"IHDR", header), before, png_chunk(b"IDAT", body), png_chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def bmp_by_masks(
    values: NDArray[Any], masks: tuple[int, ...], *, is_top_down: bool = False, header_size: int = 40
) -> bytes:
    """A BMP whose colours lie where masks say.

    Args:
        values: `(height, width)` of 16 or 32 unsigned bits.
        masks: of red, green and blue, and perhaps alpha.
        is_top_down: whether the first row comes first.
        header_size: 40, or 124 for a header that holds the masks.
    """
    height, width = values.shape
    bits = values.dtype.itemsize * 8
    info = struct.pack(
        "<LllHHLLllLL", header_size, width, -height if is_top_down else height, 1, bits, 3, 0, 0, 0, 0, 0
    )
    info += struct.pack(f"<{len(masks)}L", *masks)
    info = info.ljust(header_size, b"\0")
    stored = values if is_top_down else values[::-1]
    row = np.ascontiguousarray(stored).view(np.uint8).reshape(height, -1)
    row = np.pad(row, ((0, 0), (0, -row.shape[1] % 4)))
    offset = 14 + len(info)
    return b"BM" + struct.pack("<LHHL", offset + row.size, 0, 0, offset) + info + row.tobytes()


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """One chunk of a PNG with its checksum."""
    return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))


def bomb_png(width: int = 60_000, height: int = 60_000) -> bytes:
    """A PNG of a few bytes that says it holds 3.6 gigapixels."""
    header = struct.pack(">LLBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 100)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", body) + png_chunk(b"IEND", b"")


def broken_exif_jpeg(exif: bytes = b"Exif\0\0MM\0*\xff\xff\xff\xffgarbage") -> bytes:
    """A good JPEG whose EXIF block is garbage."""
    return encode(picture(), "JPEG", quality=95, subsampling=0, exif=exif)


def truncated(format_: str, share: float = 0.5) -> bytes:
    """The first part of a larger file, such as a broken download leaves."""
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    data = encode(noise, format_)
    return data[: int(len(data) * share)]


def foreign(format_: str) -> bytes:
    """The picture in a format that Pillow reads and FashionBatch does not."""
    return encode(picture(), format_)


GOOD: dict[str, Callable[[], bytes]] = {
    "animated.gif": lambda: animated("GIF"),
    "animated.webp": lambda: animated("WEBP"),
    "animated.png": lambda: animated("PNG"),
    "multi_page.tiff": multi_page_tiff,
    "cmyk.jpg": cmyk_jpeg,
    "ycck.jpg": ycck_jpeg,
    "palette.png": palette_with_transparency,
    "la.png": lambda: grey_with_alpha(128),
    "rgba.png": lambda: rgba(128),
    "one_bit.png": one_bit,
    "grey16.png": lambda: encode(grey_ramp("<u2", 0, 65535), "PNG"),
    "grey16_big_endian.tiff": lambda: deep_tiff(grey_ramp(">u2", 0, 65535)),
    "int32.tiff": lambda: deep_tiff(grey_ramp("<i4", 0, 65535)),
    "float.tiff": lambda: deep_tiff(grey_ramp("<f4", 0, 1)),
    "broken_exif.jpg": broken_exif_jpeg,
    "wrong_extension.png": lambda: plain("JPEG"),
    **{f"orientation_{n}.jpg": (lambda n=n: oriented(n, "JPEG", quality=95)) for n in range(1, 9)},
}
"""File name -> bytes of a file that decodes."""

BAD: dict[str, Callable[[], bytes]] = {
    "truncated.jpg": lambda: truncated("JPEG"),
    "truncated.png": lambda: truncated("PNG"),
    "truncated.webp": lambda: truncated("WEBP"),
    "truncated.gif": lambda: truncated("GIF"),
    "empty.jpg": lambda: b"",
    "text.jpg": lambda: b"this is not an image\n",
    "page.jpg": lambda: b"<!DOCTYPE html>\n<html><body>404</body></html>\n",
    "bomb.png": bomb_png,
    "foreign.jpg": lambda: foreign("EPS"),
    "foreign.png": lambda: foreign("ICO"),
}
"""File name -> bytes of a file that does not decode."""
