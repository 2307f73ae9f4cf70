"""Oddities of PNG and BMP files, and orientations that only XMP gives."""

from __future__ import annotations

import struct
import zlib
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from fashionbatch.errors import ImageError
from fashionbatch.images import decode_image
from fashionbatch.specs import ImageSpec

GREEN = ImageSpec(size=(24, 40), background=(0, 200, 0))
SPEC = ImageSpec(size=(24, 40))


def test_one_shade_of_a_sixteen_bit_grey_png_is_transparent(images_factory: ModuleType) -> None:
    ramp = images_factory.grey_ramp("<u2", 0, 65535)
    ramp[:, 7] = 30000
    ramp[:, 8] = 30001
    rows = [row.astype(">u2").tobytes() for row in ramp]
    data = images_factory.png(rows, (40, 24), 16, 0, before=images_factory.png_chunk(b"tRNS", struct.pack(">H", 30000)))
    pixels = decode_image(data, GREEN)
    assert (pixels[:, 7] == (0, 200, 0)).all()
    assert (pixels[:, 8] == 117).all()
    assert (pixels[:, -1] == 255).all()


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_one_shade_of_few_bits_is_transparent(images_factory: ModuleType, bits: int) -> None:
    values = np.tile(np.arange(40) % 2**bits, (24, 1))
    each = 8 // bits
    packed = [
        bytes(sum(int(v) << (8 - bits * (n + 1)) for n, v in enumerate(row[i : i + each])) for i in range(0, 40, each))
        for row in values
    ]
    for key in {0, 1, 2**bits - 1}:
        # What stands above the bits that count is to be ignored.
        chunk = images_factory.png_chunk(b"tRNS", struct.pack(">H", key | (0x100 if bits == 8 else 0)))
        pixels = decode_image(images_factory.png(packed, (40, 24), bits, 0, before=chunk), GREEN)
        expected = np.where(
            (values == key)[:, :, np.newaxis], (0, 200, 0), (values * 255 // (2**bits - 1))[:, :, np.newaxis]
        )
        np.testing.assert_array_equal(pixels, expected)


def test_one_colour_of_a_sixteen_bit_png_is_transparent(images_factory: ModuleType) -> None:
    colours = np.random.default_rng(0).integers(0, 255, (24, 40, 3)) * 257
    colours[:12] = (0xFFFF, 0x8080, 0x0101)
    rows = [row.astype(">u2").tobytes() for row in colours]
    key = images_factory.png_chunk(b"tRNS", struct.pack(">HHH", 0xFFFF, 0x8080, 0x0101))
    pixels = decode_image(images_factory.png(rows, (40, 24), 16, 2, before=key), GREEN)
    assert (pixels[:12] == (0, 200, 0)).all()
    np.testing.assert_array_equal(pixels[12:], colours[12:] // 257)


BAD_CHUNKS = {
    "text with a wrong checksum": struct.pack(">L", 9) + b"tEXtTitle\0abc" + b"\0\0\0\1",
    "compressed text that is no data": struct.pack(">L", 9) + b"zTXtTitle\0\0ab" + b"\0\0\0\1",
    "a colour profile that is no data": struct.pack(">L", 7) + b"iCCPname\0\0x" + b"\0\0\0\1",
    "a time with a wrong checksum": struct.pack(">L", 7) + b"tIME" + bytes(7) + b"\0\0\0\1",
}


@pytest.mark.parametrize("what", BAD_CHUNKS)
def test_what_is_wrong_beside_the_pixels_of_a_png_does_not_matter(images_factory: ModuleType, what: str) -> None:
    picture = images_factory.picture()
    data = images_factory.png([row.tobytes() for row in picture], (40, 24), 8, 2, before=BAD_CHUNKS[what])
    np.testing.assert_array_equal(decode_image(data, SPEC), picture)


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt"])
def test_megabytes_of_text_in_a_png_are_skipped(images_factory: ModuleType, kind: bytes) -> None:
    packed = zlib.compress(b"x" * 3_000_000)
    body = b"Comment\0\0" + packed if kind == b"zTXt" else b"Comment\0\1\0\0\0" + packed
    picture = images_factory.picture()
    data = images_factory.png(
        [row.tobytes() for row in picture], (40, 24), 8, 2, before=images_factory.png_chunk(kind, body)
    )
    np.testing.assert_array_equal(decode_image(data, SPEC), picture)


def test_an_orientation_counts_though_text_beside_it_is_damaged(images_factory: ModuleType) -> None:
    data = images_factory.oriented(6, "PNG")
    at = data.index(b"IDAT") - 4
    broken = data[:at] + BAD_CHUNKS["text with a wrong checksum"] + data[at:]
    np.testing.assert_array_equal(decode_image(broken, SPEC), images_factory.picture())


@pytest.mark.parametrize("kind", [b"IHDR", b"tRNS", b"PLTE"])
def test_a_wrong_checksum_of_what_pixels_rest_on_is_an_error(images_factory: ModuleType, kind: bytes) -> None:
    data = bytearray(images_factory.palette_with_transparency())
    at = data.index(kind)
    (length,) = struct.unpack_from(">L", data, at - 4)
    data[at + 4 + length] ^= 1
    with pytest.raises(ImageError):
        decode_image(bytes(data), SPEC)


MASKS = {
    "4444": (2, (0x0F00, 0x00F0, 0x000F)),
    "bgr 565": (2, (0x001F, 0x07E0, 0xF800)),
    "332": (2, (0xE0, 0x1C, 0x03)),
    "10 bits each": (4, (0x3FF00000, 0x000FFC00, 0x000003FF)),
    "rgbx": (4, (0x000000FF, 0x0000FF00, 0x00FF0000)),
    "high and low": (4, (0xFF, 0xFF000000, 0xFF00)),
}


@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize("is_top_down", [False, True])
@pytest.mark.parametrize("header_size", [40, 124])
def test_colours_of_a_bmp_lie_where_its_masks_say(
    images_factory: ModuleType, name: str, is_top_down: bool, header_size: int
) -> None:
    size, masks = MASKS[name]
    picture = images_factory.picture(39, 24).astype(np.uint64)
    values = np.zeros((24, 39), np.uint64)
    expected = np.zeros((24, 39, 3))
    for channel, mask in enumerate(masks):
        shift = (mask & -mask).bit_length() - 1
        largest = mask >> shift
        field = (picture[:, :, channel] * largest + 127) // 255
        values |= field << np.uint64(shift)
        expected[:, :, channel] = field * 255 / largest
    data = images_factory.bmp_by_masks(
        values.astype(f"<u{size}"), masks, is_top_down=is_top_down, header_size=header_size
    )
    pixels = decode_image(data, ImageSpec(size=(24, 39)))
    assert np.abs(pixels - expected).max() <= 0.51
    with pytest.raises(ImageError, match="of 24 rows are missing"):
        decode_image(data[:-200], ImageSpec(size=(24, 39)))


def test_transparency_of_a_bmp_by_masks_is_seen_where_there_is_any(images_factory: ModuleType) -> None:
    masks = (0x0F00, 0x00F0, 0x000F, 0xF000)
    for alpha, expected in ((0xF000, (0x77, 0x77, 0x77)), (0, (0x77, 0x77, 0x77)), (0x1000, None)):
        values = np.full((24, 40), 0x0777 | alpha, "<u2")
        values[0] |= 0x0000 if alpha != 0x1000 else 0xF000
        pixels = decode_image(images_factory.bmp_by_masks(values, masks, header_size=124), GREEN)
        if expected is not None:
            assert tuple(pixels[5, 5]) == expected
        else:
            assert np.abs(pixels[5, 5] - np.array([8, 195, 8])).max() <= 8


@pytest.mark.parametrize("alpha", [0, 0xFF000000])
def test_a_bmp_whose_alpha_is_zero_everywhere_is_opaque(images_factory: ModuleType, alpha: int) -> None:
    picture = images_factory.picture()
    values = (picture.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)) | np.uint32(alpha)
    masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    data = images_factory.bmp_by_masks(values.astype("<u4"), masks, header_size=124)
    np.testing.assert_array_equal(decode_image(data, GREEN), picture)


@pytest.mark.parametrize("masks", [(0xF00, 0xF0, 0x5), (0, 0xF0, 0xF)])
def test_masks_that_cannot_be_are_an_error(images_factory: ModuleType, masks: tuple[int, ...]) -> None:
    with pytest.raises(ImageError, match="BMP bitfields"):
        decode_image(images_factory.bmp_by_masks(np.zeros((24, 40), "<u2"), masks), SPEC)


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_an_orientation_that_only_xmp_gives_does_not_turn_the_picture(images_factory: ModuleType, format_: str) -> None:
    xmp = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
    )
    picture = Image.fromarray(images_factory.picture())
    if format_ == "TIFF":
        data = images_factory.encode(picture, format_, tiffinfo={700: xmp})
    elif format_ == "PNG":
        packet = b"XML:com.adobe.xmp\0\0\0\0\0" + xmp
        rows = [row.tobytes() for row in images_factory.picture()]
        data = images_factory.png(rows, (40, 24), 8, 2, before=images_factory.png_chunk(b"iTXt", packet))
    else:
        data = images_factory.encode(picture, format_, xmp=xmp, **({"lossless": True} if format_ == "WEBP" else {}))
    assert b"tiff:Orientation" in data
    pixels = decode_image(data, SPEC)
    assert np.abs(pixels.astype(int) - images_factory.picture()).mean() <= (4 if format_ == "JPEG" else 0)
