"""TIFFs that Pillow reads wrongly or refuses: every sample counts as it is stored, or there is an error."""

from __future__ import annotations

import io
import itertools
import struct
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from fashionbatch.errors import ImageError
from fashionbatch.images import DecodeLimits, decode_image
from fashionbatch.specs import ImageSpec

SPEC = ImageSpec(size=(24, 40))
GREY, RGB, PALETTE, CMYK, YCBCR = 1, 2, 3, 5, 6
LAYOUTS: list[dict[str, Any]] = [{}, {"rows_per_strip": 7}, {"tile": (16, 32)}]
PACKINGS: list[dict[str, Any]] = [{}, {"deflate": True}, {"deflate": True, "predictor": 2}]
ORDERS: list[dict[str, Any]] = [{"order": order, "is_big": is_big} for order in "<>" for is_big in (False, True)]


def noise(samples: int) -> NDArray[np.uint8]:
    return np.random.default_rng(samples).integers(0, 256, (24, 40, samples), np.uint8)


def widened(values: NDArray[np.uint8], dtype: str) -> NDArray[Any]:
    """The same picture in another type."""
    if dtype.startswith("f"):
        return (values / 255).astype(dtype)
    bits = np.dtype(dtype).itemsize * 8
    return values.astype(np.uint64).__mul__((2**bits - 1) // 255).astype(dtype)


def on_white(colours: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.float64]:
    return (colours.astype(float) * alpha + 255.0 * (255 - alpha.astype(float))) / 255


def assert_near(pixels: NDArray[np.uint8], expected: NDArray[Any], most: float = 1.01) -> None:
    assert np.abs(pixels.astype(float) - expected).max() <= most


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "f2", "f4", "f8"])
@pytest.mark.parametrize("is_planar", [False, True])
def test_colours_of_every_type_and_layout_are_right(images_factory: ModuleType, dtype: str, is_planar: bool) -> None:
    colours = noise(3)
    for layout, packing, order in itertools.product(LAYOUTS, PACKINGS, ORDERS):
        if dtype.startswith("f") and "predictor" in packing:
            continue
        data = images_factory.tiff(widened(colours, dtype), RGB, is_planar=is_planar, **layout, **packing, **order)
        np.testing.assert_array_equal(decode_image(data, SPEC), colours, err_msg=f"{layout} {packing} {order}")


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "f4"])
@pytest.mark.parametrize("is_planar", [False, True])
def test_transparency_of_every_kind_is_seen(images_factory: ModuleType, dtype: str, is_planar: bool) -> None:
    four, two = noise(4), noise(2)
    cases: list[tuple[NDArray[np.uint8], int, tuple[int, ...], NDArray[Any]]] = [
        (four, RGB, (2,), on_white(four[:, :, :3], four[:, :, 3:])),
        (four, RGB, (0,), four[:, :, :3]),
        (two, GREY, (2,), on_white(two[:, :, :1], two[:, :, 1:])),
        (two, GREY, (0,), two[:, :, :1]),
    ]
    for alpha, colours, photometric in ((four[:, :, 3:], four[:, :, :3], RGB), (two[:, :, 1:], two[:, :, :1], GREY)):
        multiplied = (colours.astype(int) * alpha // 255).astype(np.uint8)
        together = np.dstack([multiplied, alpha])
        cases.append((together, photometric, (1,), multiplied + 255.0 - alpha))
    for values, photometric, extra, expected in cases:
        for layout, packing, order in itertools.product(LAYOUTS, PACKINGS[:2], ORDERS[::3]):
            data = images_factory.tiff(
                widened(values, dtype), photometric, extra=extra, is_planar=is_planar, **layout, **packing, **order
            )
            assert_near(decode_image(data, SPEC), expected, 2.01 if extra == (1,) else 1.01)


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
@pytest.mark.parametrize("is_planar", [False, True])
def test_inks_are_right(images_factory: ModuleType, dtype: str, is_planar: bool) -> None:
    inks = noise(4)
    expected = (255.0 - inks[:, :, :3]) * (255.0 - inks[:, :, 3:]) / 255
    for layout, packing, order in itertools.product(LAYOUTS, PACKINGS[:2], ORDERS):
        data = images_factory.tiff(widened(inks, dtype), CMYK, is_planar=is_planar, **layout, **packing, **order)
        assert_near(decode_image(data, SPEC), expected)


@pytest.mark.parametrize("dtype", ["u2", "u4", "i2", "i4", "f4", "f8"])
def test_grey_is_right_in_both_byte_orders_compressed_or_not(images_factory: ModuleType, dtype: str) -> None:
    grey = noise(1)
    values = (grey * 257.0).astype(dtype) if dtype in {"u2", "u4"} else (grey / 1.0).astype(dtype)
    for layout, packing, order in itertools.product(LAYOUTS, PACKINGS[:2], ORDERS):
        data = images_factory.tiff(values, GREY, **layout, **packing, **order)
        expected = np.repeat(grey, 3, axis=2)
        np.testing.assert_array_equal(decode_image(data, SPEC), expected, err_msg=f"{layout} {packing} {order}")


def test_signed_bytes_are_scaled_as_other_signed_numbers(images_factory: ModuleType) -> None:
    ramp = np.tile(np.linspace(-128, 127, 40), (24, 1))[:, :, np.newaxis].astype("i1")
    pixels = decode_image(images_factory.tiff(ramp, GREY), SPEC)
    assert (pixels[0, 0, 0], pixels[0, -1, 0]) == (0, 255)
    with pytest.raises(ImageError, match="TIFF"):
        decode_image(images_factory.tiff(noise(3).astype("i2"), RGB), SPEC)


def test_white_is_zero_counts_for_every_type(images_factory: ModuleType) -> None:
    grey = noise(1)
    for dtype, order in itertools.product(["u2", "u4", "f4"], "<>"):
        data = images_factory.tiff(widened(grey, dtype), 0, order=order)
        np.testing.assert_array_equal(decode_image(data, SPEC), 255 - np.repeat(grey, 3, axis=2))


@pytest.mark.parametrize("largest", [255, 65535])
@pytest.mark.parametrize("order", ORDERS)
def test_a_palette_of_bytes_is_no_black_picture(
    images_factory: ModuleType, largest: int, order: dict[str, Any]
) -> None:
    indices = noise(1)
    colours = np.random.default_rng(9).integers(0, 256, (3, 256))
    stored = tuple((colours * (largest // 255)).ravel().tolist())
    data = images_factory.tiff(indices, PALETTE, tags={320: ("H", stored)}, **order)
    np.testing.assert_array_equal(decode_image(data, SPEC), colours.T[indices[:, :, 0]])


def test_subsampled_colours_without_compression_are_right(images_factory: ModuleType) -> None:
    # Four lumas, then one of each chroma, for every two by two pixels: a picture of four flat quarters.
    blocks = []
    for y, x in itertools.product(range(12), range(20)):
        luma, blue, red = ((82, 90, 240), (145, 54, 34), (41, 240, 110), (210, 16, 146))[(y >= 6) * 2 + (x >= 10)]
        blocks.append(bytes([luma] * 4 + [blue, red]))
    data = images_factory.tiff(np.zeros((24, 40, 3), "u1"), YCBCR, tags={530: ("H", (2, 2)), 339: ("H", (1, 1, 1))})
    packed = b"".join(blocks)
    data = data[:8] + packed + data[8 + len(packed) :]
    pixels = decode_image(data, SPEC).astype(int)
    for corner, (luma, blue, red) in zip(
        [pixels[2, 2], pixels[2, -3], pixels[-3, 2], pixels[-3, -3]],
        [(82, 90, 240), (145, 54, 34), (41, 240, 110), (210, 16, 146)],
        strict=True,
    ):
        wanted = [
            luma + 1.402 * (red - 128),
            luma - 0.344136 * (blue - 128) - 0.714136 * (red - 128),
            luma + 1.772 * (blue - 128),
        ]
        assert np.abs(corner - np.clip(wanted, 0, 255)).max() <= 3


@pytest.mark.parametrize("order", ORDERS)
def test_the_orientation_of_samples_counts(images_factory: ModuleType, order: dict[str, Any]) -> None:
    upright = noise(3)
    lying = np.ascontiguousarray(np.rot90(upright))
    for dtype in ("u1", "u2", "f4"):
        data = images_factory.tiff(widened(lying, dtype), RGB, is_planar=True, tags={274: ("H", (6,))}, **order)
        np.testing.assert_array_equal(decode_image(data, SPEC), upright)


@pytest.mark.parametrize("deflate", [False, True])
def test_a_cut_of_planes_is_told_in_rows(images_factory: ModuleType, deflate: bool) -> None:
    data = images_factory.tiff(widened(noise(3), "u2"), RGB, is_planar=True, rows_per_strip=6, deflate=deflate)
    # The directory comes last, so what is cut has to be cut from the middle.
    wrong = bytearray(data)
    at = data.index(struct.pack("<HHL", 273, 4, 12)) + 8
    (offsets,) = struct.unpack_from("<L", data, at)
    struct.pack_into("<L", wrong, offsets + 4 * 11, len(data) - 1)
    with pytest.raises(ImageError, match="6 of 24 rows are missing"):
        decode_image(bytes(wrong), SPEC)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("tags", [{278: 64}, {}])
def test_a_tiff_of_jpegs_is_whole_or_an_error(images_factory: ModuleType, mode: str, tags: dict[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(90, 160, (200, 300, 3), np.uint8)
    image = Image.fromarray(pixels).convert(mode)
    data = images_factory.encode(image, "TIFF", compression="jpeg", tiffinfo=tags)
    spec = ImageSpec(size=(200, 300))
    expected = decode_image(images_factory.encode(image, "TIFF"), spec)
    assert np.abs(decode_image(data, spec).astype(int) - expected).mean() < 25
    with Image.open(io.BytesIO(data)) as opened:
        fields = opened.tag_v2  # type: ignore[attr-defined]
        offset, count = (fields[tag][-1] for tag in (273, 279))
    for end in (b"\xff\xd9", b""):
        # The last piece is cut in its middle, and what was behind the cut is put out of the way.
        wrong = bytearray(data)
        wrong[offset + count // 2 : offset + count] = end.ljust(count - count // 2, b"\0")
        with pytest.raises(ImageError, match="of 200 rows are missing"):
            decode_image(bytes(wrong), spec)


def test_limits_hold_for_samples_too(images_factory: ModuleType) -> None:
    data = images_factory.tiff(widened(noise(3), "u2"), RGB, is_planar=True)
    with pytest.raises(ImageError, match=r"40 x 24 pixels, more than the limit of 959$"):
        decode_image(data, SPEC, limits=DecodeLimits(pixels=959))
    vast = images_factory.tiff(
        widened(noise(3), "f8"), RGB, is_planar=True, tags={256: ("L", (13000,)), 257: ("L", (13000,))}
    )
    with pytest.raises(ImageError, match="DecompressionBombError"):
        decode_image(vast, SPEC)


def test_what_neither_reader_knows_is_an_error_and_no_guess(images_factory: ModuleType) -> None:
    two = images_factory.tiff(noise(2), GREY, extra=(1,), tags={259: ("H", (7,))})
    with pytest.raises(ImageError, match="samples that are not read"):
        decode_image(two, SPEC)
    many = images_factory.tiff(noise(2), GREY, extra=(0,), tags={258: ("H", (8, 4))})
    with pytest.raises(ImageError):
        decode_image(many, SPEC)
