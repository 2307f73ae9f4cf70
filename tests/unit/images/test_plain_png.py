"""The short way for small, plain PNGs gives what Pillow's reader gives, and leaves it whatever may be wrong."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from fashionbatch.errors import ImageError
from fashionbatch.images import DecodeLimits, PlainSpec, decode_into, plain_png
from fashionbatch.images.spec import PlainResize

SIGNATURE = b"\x89PNG\r\n\x1a\n"
ALL = 1 << 20


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))


def picture(height: int, width: int, channels: int) -> NDArray[np.uint8]:
    shape = (height, width) if channels == 1 else (height, width, channels)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def saved(image: Image.Image, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", **options)
    return buffer.getvalue()


def png(pixels: NDArray[Any], **options: Any) -> bytes:
    return saved(Image.fromarray(pixels), **options)


def rows_cut_off(rows: int, shade: int = 200) -> bytes:
    """A grey PNG of 20 x 16 whose stream closes properly, but that many rows early."""
    header = struct.pack(">LL5B", 16, 20, 8, 0, 0, 0, 0)
    stream = zlib.compress((b"\0" + bytes([shade]) * 16) * (20 - rows))
    return SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", stream) + chunk(b"IEND", b"")


def spec_of(height: int, width: int, channels: Literal[1, 3]) -> PlainSpec:
    return PlainSpec((height, width), channels, PlainResize("pad", "bilinear", 0.9), (255, 255, 255))


def outcome(file: bytes | io.BytesIO, spec: PlainSpec, limits: DecodeLimits) -> tuple[bytes, str]:
    """Pixels and note, or the error: for bytes by the short way where it is open, for a file by Pillow's reader."""
    out = np.zeros(spec.shape, np.uint8)
    try:
        note = decode_into(file, spec, out, limits=limits)
    except ImageError as error:
        return b"", error.message
    return out.tobytes(), note


def assert_same_both_ways(
    content: bytes, sides: tuple[int, int] = (20, 16), limits: DecodeLimits | None = None
) -> None:
    both_kinds: tuple[Literal[1, 3], ...] = (1, 3)
    for channels in both_kinds:
        spec = spec_of(*sides, channels)
        both = [outcome(file, spec, limits or DecodeLimits()) for file in (content, io.BytesIO(content))]
        assert both[0] == both[1]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("sides", [(1, 1), (1, 40), (28, 28), (97, 13), (128, 96)])
def test_a_plain_picture_is_decoded_as_by_the_reader(sides: tuple[int, int], channels: int) -> None:
    pixels = picture(*sides, channels)
    content = png(pixels)
    image = plain_png.load(content, ALL)
    assert image is not None
    np.testing.assert_array_equal(np.asarray(image), pixels)
    assert_same_both_ways(content, sides)
    assert_same_both_ways(content, (9, 30))


@pytest.mark.parametrize("shade", [0, 1, 255])
def test_a_picture_of_one_shade_is_whole(shade: int) -> None:
    pixels = np.full((20, 16), shade, np.uint8)
    image = plain_png.load(png(pixels), ALL)
    assert image is not None
    np.testing.assert_array_equal(np.asarray(image), pixels)


@pytest.mark.parametrize("rows", [1, 7, 19, 20])
@pytest.mark.parametrize("shade", [0, 1, 200])
def test_a_stream_that_closes_early_is_the_readers_to_refuse(rows: int, shade: int) -> None:
    content = rows_cut_off(rows, shade)
    assert plain_png.load(rows_cut_off(0, shade), ALL) is not None
    assert_same_both_ways(content)
    assert "missing" in outcome(content, spec_of(20, 16, 1), DecodeLimits())[1]


def test_what_is_not_plain_is_left_to_the_reader() -> None:
    pixels = picture(20, 16, 3)
    plain = png(pixels)
    grey = Image.fromarray(pixels).convert("L")
    others = {
        "palette": saved(Image.fromarray(pixels).quantize(4)),
        "transparent": png(np.dstack([pixels, pixels[..., 0]])),
        "16 bits": png(pixels[..., 0].astype(np.uint16)),
        "text": png(pixels, pnginfo=_text()),
        "transparent colour": png(np.asarray(grey), transparency=7),
        "JPEG": b"\xff\xd8\xff",
        "nothing": b"",
        "something behind": plain + b"\n",
        "large": png(np.zeros((257, 256), np.uint8)),
    }
    assert plain_png.load(plain, ALL) is not None
    assert plain_png.load(png(np.zeros((256, 256), np.uint8)), ALL) is not None
    assert [name for name, content in others.items() if plain_png.load(content, ALL) is not None] == []
    for content in others.values():
        assert_same_both_ways(content)


def _text() -> Any:
    from PIL.PngImagePlugin import PngInfo

    text = PngInfo()
    text.add_text("Software", "a program")
    return text


def test_a_picture_of_more_pixels_than_the_limit_is_the_readers_to_refuse() -> None:
    content = png(picture(20, 16, 1))
    assert plain_png.load(content, 320) is not None
    assert plain_png.load(content, 319) is None
    assert_same_both_ways(content, limits=DecodeLimits(319))


@given(at=st.integers(0, 400), value=st.integers(0, 255), cut=st.integers(0, 60), channels=st.sampled_from([1, 3]))
@example(at=29, value=0, cut=0, channels=1)  # checksum of the header
@example(at=400, value=0, cut=4, channels=1)
def test_a_damaged_picture_comes_to_the_same_both_ways(at: int, value: int, cut: int, channels: int) -> None:
    content = bytearray(png(picture(20, 16, channels)))
    content[at % len(content)] = value
    assert_same_both_ways(bytes(content[: len(content) - cut]))
