"""What a user relies on when a file is decoded, and what a file may not do."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import pickle
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from fashionbatch.errors import ImageError
from fashionbatch.images import EXTENSIONS, DecodeLimits, PlainSpec, decode_image, decode_into, sniff
from fashionbatch.specs import IMAGE_EXTENSIONS, ImageSpec, Resize

FORMATS = ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"]
LOSSLESS = ["PNG", "BMP", "TIFF", "WEBP"]


def full_size(channels: Any = 3, **options: Any) -> ImageSpec:
    return ImageSpec(size=(24, 40), channels=channels, **options)


def close(one: np.ndarray, other: np.ndarray, most: float) -> bool:
    return bool(np.abs(one.astype(int) - other.astype(int)).mean() <= most)


@pytest.mark.parametrize("format_", FORMATS)
def test_every_allowed_format_shows_its_picture(images_factory: ModuleType, format_: str) -> None:
    pixels = decode_image(images_factory.plain(format_), full_size())
    assert pixels.shape == (24, 40, 3)
    assert pixels.dtype == np.uint8
    assert pixels.flags.writeable
    expected = images_factory.picture()
    if format_ in LOSSLESS:
        np.testing.assert_array_equal(pixels, expected)
    else:
        assert close(pixels, expected, 20 if format_ == "GIF" else 4)


def test_path_bytes_and_open_file_give_the_same_and_a_callers_file_stays_open(
    images_factory: ModuleType, tmp_path: Path
) -> None:
    data = images_factory.plain("JPEG")
    path = tmp_path / "wrong_name.txt"
    path.write_bytes(data)
    spec = ImageSpec(size=(10, 10))
    file = io.BytesIO(b"" + data)
    file.seek(7)
    expected = decode_image(data, spec)
    np.testing.assert_array_equal(decode_image(path, spec), expected)
    np.testing.assert_array_equal(decode_image(file, spec), expected)
    assert not file.closed


def test_decode_into_fills_one_row_of_a_batch_or_leaves_it_alone(images_factory: ModuleType) -> None:
    spec = full_size(1)
    batch = np.full((2, 24, 40, 1), 7, np.uint8)
    decode_into(images_factory.plain("PNG"), spec, batch[1])
    np.testing.assert_array_equal(batch[1], decode_image(images_factory.plain("PNG"), spec))
    with pytest.raises(ImageError):
        decode_into(b"", spec, batch[0])
    assert (batch[0] == 7).all()
    with pytest.raises(ValueError, match="out is"):
        decode_into(images_factory.plain("PNG"), spec, batch[:, :, :, 0])


# ------------------------------------------------------------------------------------------------- damaged and foreign


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("share", [0.02, 0.3, 0.5, 0.9])
def test_a_truncated_file_is_an_error_and_never_part_of_a_picture(
    images_factory: ModuleType, format_: str, share: float
) -> None:
    with pytest.raises(ImageError) as caught:
        decode_image(images_factory.truncated(format_, share), ImageSpec(size=(32, 32)))
    assert_one_line(caught.value)


def test_a_jpeg_whose_end_was_never_written_is_an_error(images_factory: ModuleType) -> None:
    # A download that was cut short in a file of the right length: the rest is zeros.
    data = images_factory.truncated("JPEG", 1.0)
    zeroed = data[: len(data) // 2] + bytes(len(data) - len(data) // 2)
    with pytest.raises(ImageError, match="truncated"):
        decode_image(zeroed, ImageSpec(size=(32, 32)))


@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
@pytest.mark.parametrize("options", [{}, {"restart_marker_rows": 1}])
def test_a_jpeg_that_was_cut_and_given_an_end_marker_is_an_error(
    images_factory: ModuleType, share: float, options: dict[str, Any]
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    data = images_factory.encode(noise, "JPEG", **options)
    for size in [(120, 160), (30, 30)]:
        with pytest.raises(ImageError, match="of 120 rows are missing"):
            decode_image(data[: int(len(data) * share)] + b"\xff\xd9", ImageSpec(size=size))


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"optimize": True}])
def test_a_photo_with_a_grey_corner_is_a_photo(images_factory: ModuleType, mode: str, options: dict[str, Any]) -> None:
    pixels = images_factory.picture(401, 259)
    pixels[130:] = 128
    data = images_factory.encode(Image.fromarray(pixels).convert(mode), "JPEG", **options)
    for size in [(259, 401), (100, 100), (20, 20)]:
        for channels in (1, 3):
            decode_image(data, ImageSpec(size=size, channels=channels))  # type: ignore[arg-type]


def test_data_behind_a_jpeg_do_not_matter(images_factory: ModuleType) -> None:
    data = images_factory.plain("JPEG")
    for tail in (b"\n", bytes(5000), b"ftypmp42" * 100):
        np.testing.assert_array_equal(decode_image(data + tail, full_size()), decode_image(data, full_size()))


def test_truncation_is_an_error_even_where_the_program_asks_pillow_to_tolerate_it(
    images_factory: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    for format_ in ("JPEG", "PNG", "GIF", "TIFF"):
        with pytest.raises(ImageError):
            decode_image(images_factory.truncated(format_), ImageSpec(size=(32, 32)))
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "an empty file"),
        (b"hello, this is text\n", "text"),
        ("한국어 글".encode(), "text"),
        (b"<!DOCTYPE html><html></html>", "HTML"),
        (b"\xef\xbb\xbf\n<html>", "HTML"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"%PDF-1.7", "PDF"),
        (b"8BPS\0\1", "Photoshop"),
        (b"\0\0\0\x18ftypisom\0\0\0\0", "MP4"),
        (bytes(100), "zero bytes"),
        (b"\x01\x02\x03\x04", "unknown kind"),
    ],
)
def test_what_is_no_image_is_named_for_what_it_seems_to_be(content: bytes, words: str) -> None:
    with pytest.raises(ImageError, match=words) as caught:
        decode_image(content, full_size())
    assert caught.value.message.startswith("UnidentifiedImageError: ")
    assert_one_line(caught.value)


@pytest.mark.parametrize("format_", ["EPS", "ICO", "PPM", "TGA", "PCX", "JPEG2000", "SGI", "DDS", "MSP", "XBM"])
def test_formats_outside_the_list_are_refused(images_factory: ModuleType, format_: str) -> None:
    image = Image.fromarray(images_factory.picture()).convert("1" if format_ in {"MSP", "XBM"} else "RGB")
    with pytest.raises(ImageError):
        decode_image(images_factory.encode(image, format_), full_size())


def test_a_bomb_is_refused_by_its_header(images_factory: ModuleType) -> None:
    with pytest.raises(ImageError, match="DecompressionBombError"):
        decode_image(images_factory.bomb_png(), full_size())
    # Below Pillow's own limit only ours speaks.
    with pytest.raises(ImageError, match=r"40 x 24 pixels, more than the limit of 959$"):
        decode_image(images_factory.plain("PNG"), full_size(), limits=DecodeLimits(pixels=959))
    decode_image(images_factory.plain("PNG"), full_size(), limits=DecodeLimits(pixels=960))


def test_a_tiff_with_a_giant_tile_is_refused(images_factory: ModuleType) -> None:
    data = images_factory.deep_tiff(images_factory.grey_ramp("<u2", 0, 9), tags={322: ("L", 65536), 323: ("L", 65536)})
    with pytest.raises(ImageError, match=r"tile of 65536 x 65536|DecompressionBomb"):
        decode_image(data, full_size())


def test_a_tiff_with_strips_for_a_part_of_its_picture_is_an_error(images_factory: ModuleType) -> None:
    data = images_factory.deep_tiff(images_factory.grey_ramp("<u2", 0, 9), tags={257: ("L", 100)})
    with pytest.raises(ImageError, match="data for 960 of 4000 pixels"):
        decode_image(data, full_size())


def test_libtiff_does_not_write_to_the_terminal(images_factory: ModuleType, capfd: pytest.CaptureFixture[str]) -> None:
    data = bytearray(images_factory.encode(images_factory.picture(), "TIFF", compression="tiff_deflate"))
    data[20:60] = bytes(40)
    with pytest.raises(ImageError):
        decode_image(bytes(data), full_size())
    assert capfd.readouterr().err == ""


def test_what_pillow_logs_does_not_reach_the_terminal(images_factory: ModuleType) -> None:
    data = images_factory.deep_tiff(images_factory.grey_ramp("<u2", 0, 9), tags={277: ("H", 2048)})
    script = (
        "import sys; from fashionbatch.images import decode_image\n"
        "from fashionbatch.specs import ImageSpec\n"
        "try: decode_image(sys.stdin.buffer.read(), ImageSpec(size=(8, 8)))\n"
        "except Exception as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", script], input=data, capture_output=True, check=True)
    assert b"More samples per pixel" not in done.stderr
    assert done.stderr == b""


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_deflate", "packbits", "jpeg", "tiff_adobe_deflate", None])
def test_tiffs_of_every_usual_compression_decode(images_factory: ModuleType, compression: str | None) -> None:
    pixels = images_factory.picture(300, 200)
    data = images_factory.encode(pixels, "TIFF", compression=compression, tiffinfo={322: 64, 323: 64})
    got = decode_image(data, ImageSpec(size=(200, 300)))
    assert close(got, pixels, 3 if compression == "jpeg" else 0)


def test_out_of_memory_is_an_error_of_the_one_image(
    images_factory: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_memory(self: object) -> None:
        raise MemoryError

    monkeypatch.setattr(ImageFile.ImageFile, "load", no_memory)
    with pytest.raises(ImageError, match=r"^MemoryError: no message$"):
        decode_image(images_factory.plain("BMP"), full_size())


def test_the_message_holds_no_path_and_the_cause_stays(tmp_path: Path) -> None:
    with pytest.raises(ImageError) as caught:
        decode_image(tmp_path / "none.jpg", full_size())
    assert caught.value.message == "FileNotFoundError: No such file or directory"
    assert isinstance(caught.value.__cause__, FileNotFoundError)
    with pytest.raises(ImageError, match=r"^IsADirectoryError|NotAFileError"):
        decode_image(tmp_path, full_size())


def test_a_named_pipe_does_not_make_it_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(ImageError, match="not a regular file"):
        decode_image(tmp_path / "pipe.jpg", full_size())


def test_a_message_is_folded_to_one_short_line(images_factory: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def complain(self: object) -> None:
        raise OSError("bad\r\n\x1b[31m<_io.BytesIO object at 0x7f00deadbeef>\udcff" + "x" * 500)

    monkeypatch.setattr(ImageFile.ImageFile, "load", complain)
    with pytest.raises(ImageError) as caught:
        decode_image(images_factory.plain("BMP"), full_size())
    assert_one_line(caught.value)
    assert "0x" not in caught.value.message
    assert len(caught.value.message) < 250
    assert pickle.loads(pickle.dumps(caught.value)).message == caught.value.message


def test_why_pillow_gave_up_is_said(images_factory: ModuleType) -> None:
    data = bytearray(images_factory.plain("JPEG"))
    data[data.index(b"\xff\xc0") + 4] = 12  # bits a sample
    with pytest.raises(ImageError, match="12-bit"):
        decode_image(bytes(data), full_size())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_bytes_give_pixels_or_an_image_error_and_nothing_else(
    images_factory: ModuleType, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(images_factory.GOOD)))
    content = bytearray(images_factory.GOOD[name]())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, min(len(content) - 1, 400)))] = data.draw(st.integers(0, 255))
    try:
        assert decode_image(bytes(content), ImageSpec(size=(8, 8))).shape == (8, 8, 3)
    except ImageError as error:
        assert_one_line(error)


# ---------------------------------------------------------------------------------------------------------- the policy


@pytest.mark.parametrize("name", ["animated.gif", "animated.webp", "animated.png", "multi_page.tiff"])
def test_of_several_frames_the_first_counts(images_factory: ModuleType, name: str) -> None:
    assert close(decode_image(images_factory.GOOD[name](), full_size()), images_factory.picture(), 20)


@pytest.mark.parametrize("format_", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("mode", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("size", [(16, 16), (20, 9), (7, 30)])
@pytest.mark.parametrize("fraction", [1.0, 0.7])
def test_all_orientations_of_a_lossless_picture_are_identical(
    images_factory: ModuleType, format_: str, mode: Any, size: tuple[int, int], fraction: float
) -> None:
    upright = np.random.default_rng(1).integers(0, 256, (61, 83, 3), np.uint8)
    options = {"lossless": True} if format_ == "WEBP" else {}
    spec = ImageSpec(size=size, resize=Resize(mode=mode, crop_fraction=fraction))
    expected = decode_image(images_factory.encode(upright, "PNG"), spec)
    for orientation in range(1, 9):
        turned = images_factory.oriented(orientation, format_, upright, **options)
        np.testing.assert_array_equal(decode_image(turned, spec), expected, err_msg=f"orientation {orientation}")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(30, 30), (20, 40)])
def test_a_turned_jpeg_that_is_scaled_while_decoding_looks_upright(
    images_factory: ModuleType, orientation: int, size: tuple[int, int]
) -> None:
    upright = images_factory.picture(401, 259)  # no multiple of a JPEG block, so that the edges are tried
    spec = ImageSpec(size=size)
    expected = decode_image(images_factory.encode(upright, "PNG"), spec)
    turned = images_factory.oriented(orientation, "JPEG", upright, quality=95, subsampling=0)
    assert close(decode_image(turned, spec), expected, 1.5)


@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\0\0MM\0*\xff\xff\xff\xffgarbage",
        b"Exif\0\0",
        b"Exif\0\0II*\0\x08\0\0\0\xff\xff",
        b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x02\0\0\0\x01\0\x06\0\0\0\0\0\0",  # the orientation as text
        b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x09\0\0\0\0\0\0",  # orientation 9
    ],
)
def test_broken_exif_is_ignored(images_factory: ModuleType, exif: bytes) -> None:
    pixels = decode_image(images_factory.broken_exif_jpeg(exif), full_size())
    assert close(pixels, images_factory.picture(), 4)


@pytest.mark.parametrize("background", [(255, 255, 255), (0, 0, 0), (200, 100, 0)])
def test_transparency_shows_the_background(images_factory: ModuleType, background: tuple[int, int, int]) -> None:
    spec = full_size(background=background)
    palette = decode_image(images_factory.palette_with_transparency(), spec)
    assert tuple(palette[12, 5]) == (255, 0, 0)
    assert tuple(palette[12, 35]) == background
    assert tuple(decode_image(images_factory.rgba(0), spec)[0, 0]) == background
    assert tuple(decode_image(images_factory.rgba(255), spec)[0, 0]) == (10, 20, 30)
    half = decode_image(images_factory.grey_with_alpha(128), spec)[0, 0]
    assert np.abs(half - (100 * 128 + np.array(background) * 127) / 255).max() <= 1


def test_transparency_by_a_colour_key_shows_the_background(images_factory: ModuleType) -> None:
    data = images_factory.encode(Image.new("RGB", (40, 24), (1, 2, 3)), "PNG", transparency=(1, 2, 3))
    assert tuple(decode_image(data, full_size(background=(9, 8, 7)))[0, 0]) == (9, 8, 7)
    grey = images_factory.encode(Image.new("L", (40, 24), 50), "PNG", transparency=50)
    assert decode_image(grey, full_size(1))[0, 0, 0] == 255


def test_cmyk_and_ycck_have_the_right_colours(images_factory: ModuleType) -> None:
    for data in (images_factory.cmyk_jpeg(), images_factory.ycck_jpeg()):
        with Image.open(io.BytesIO(data)) as image:
            assert image.mode == "CMYK"
        assert close(decode_image(data, full_size()), images_factory.picture(), 5)


def test_one_bit_is_black_and_white(images_factory: ModuleType) -> None:
    pixels = decode_image(images_factory.one_bit(), full_size())
    assert tuple(pixels[0, 0]) == (0, 0, 0)
    assert tuple(pixels[0, -1]) == (255, 255, 255)


@pytest.mark.parametrize("dtype", ["<u2", ">u2", "<i4", ">i4", "<u4"])
def test_sixteen_bits_are_scaled_and_not_clipped(images_factory: ModuleType, dtype: str) -> None:
    ramp = images_factory.grey_ramp(dtype, 0, 65535)
    expected = np.rint(ramp[:, :, np.newaxis].astype(np.uint16) / 257)
    files = [images_factory.deep_tiff(ramp)]
    if dtype == "<u2":
        files.append(images_factory.encode(ramp, "PNG"))
    for data in files:
        np.testing.assert_array_equal(decode_image(data, full_size(1)), expected)


def test_a_dark_sixteen_bit_picture_stays_dark(images_factory: ModuleType) -> None:
    data = images_factory.encode(images_factory.grey_ramp("<u2", 0, 2570), "PNG")
    assert decode_image(data, full_size(1)).max() == 10


@pytest.mark.parametrize(
    ("dtype", "low", "high", "expected"),
    [
        ("<i4", 0, 255, (0, 255)),
        ("<i4", -1000, 1000, (0, 255)),
        ("<u4", 0, 2**32 - 1, (0, 255)),
        ("<i2", -300, 300, (0, 255)),
        ("<f4", 0, 1, (0, 255)),
        ("<f4", 0, 0.5, (0, 128)),
        ("<f4", 0, 100, (0, 100)),
        (">f4", -5, 5, (0, 255)),
        ("<f4", 1000, 3000, (0, 255)),
        ("<f4", -1e38, 3e38, (0, 255)),
        ("<f4", 7000, 7000, (0, 0)),
    ],
)
def test_wide_integers_and_floats_are_scaled(
    images_factory: ModuleType, dtype: str, low: float, high: float, expected: tuple[int, int]
) -> None:
    pixels = decode_image(images_factory.deep_tiff(images_factory.grey_ramp(dtype, low, high)), full_size(1))
    assert (pixels[0, 0, 0], pixels[0, -1, 0]) == expected


def test_white_is_zero_is_inverted(images_factory: ModuleType) -> None:
    data = images_factory.deep_tiff(images_factory.grey_ramp("<u2", 0, 65535), tags={262: ("H", 0)})
    pixels = decode_image(data, full_size(1))
    assert (pixels[0, 0, 0], pixels[0, -1, 0]) == (255, 0)


def test_not_a_number_is_dark_and_a_picture_of_nothing_else_is_an_error(images_factory: ModuleType) -> None:
    values = images_factory.grey_ramp("<f4", 10, 20)
    values[:, 0], values[:, 1], values[:, 2] = np.nan, np.inf, -np.inf
    values.view("<u4")[0, 0] = 0x7F800001  # a signaling NaN
    pixels = decode_image(images_factory.deep_tiff(values), full_size(1))
    assert pixels[0, :3, 0].tolist() == [11, 20, 11]
    with pytest.raises(ImageError, match="finite"):
        decode_image(images_factory.deep_tiff(np.full((24, 40), np.nan, "<f4")), full_size(1))


def test_grey_becomes_three_equal_channels_and_colour_one(images_factory: ModuleType) -> None:
    grey = Image.fromarray(images_factory.picture()).convert("L")
    wide = decode_image(images_factory.encode(grey, "PNG"), full_size(3))
    for channel in range(3):
        np.testing.assert_array_equal(wide[:, :, channel], np.asarray(grey))
    np.testing.assert_array_equal(decode_image(images_factory.plain("PNG"), full_size(1))[:, :, 0], np.asarray(grey))
    assert close(decode_image(images_factory.plain("JPEG"), full_size(1))[:, :, 0], np.asarray(grey), 2)


@pytest.mark.parametrize("name", ["stretch", "crop", "pad"])
def test_resize_modes_place_the_photo(images_factory: ModuleType, name: Any) -> None:
    # Black, with a white stripe a tenth wide at the left and the right.
    wide = np.zeros((100, 200, 3), np.uint8)
    wide[:, :20], wide[:, 180:] = 255, 255
    spec = ImageSpec(size=(50, 50), resize=Resize(mode=name), background=(0, 0, 200))
    pixels = decode_image(images_factory.encode(wide, "PNG"), spec)
    middle = pixels[25]
    if name == "stretch":
        assert middle[:4].min() > 200
        assert tuple(pixels[0, 25]) == (0, 0, 0)
    elif name == "crop":
        assert pixels.max() == 0
    else:
        assert tuple(pixels[0, 25]) == (0, 0, 200)
        assert tuple(pixels[49, 25]) == (0, 0, 200)
        assert middle[:4].min() > 200
        assert (pixels[13:37].reshape(-1, 3) != (0, 0, 200)).any(axis=1).all()


def test_crop_fraction_uses_the_centre(images_factory: ModuleType) -> None:
    framed = np.full((100, 100, 3), 255, np.uint8)
    framed[20:80, 20:80] = 0
    spec = ImageSpec(size=(30, 30), resize=Resize(crop_fraction=0.5))
    assert decode_image(images_factory.encode(framed, "PNG"), spec).max() == 0


def test_nearest_makes_no_new_values(images_factory: ModuleType) -> None:
    noise = np.random.default_rng(0).choice([0, 255], (300, 300)).astype(np.uint8)
    spec = ImageSpec(size=(20, 20), channels=1, resize=Resize(interpolation="nearest"))
    assert set(np.unique(decode_image(images_factory.encode(noise, "PNG"), spec))) <= {0, 255}


@pytest.mark.parametrize("mode", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("size", [(1, 1), (3000, 1), (1, 3000), (13, 7)])
def test_extreme_shapes_decode(images_factory: ModuleType, mode: Any, size: tuple[int, int]) -> None:
    for format_ in ("PNG", "JPEG"):
        data = images_factory.encode(Image.new("RGB", size, (5, 6, 7)), format_)
        for fraction in (1.0, 0.01):
            spec = ImageSpec(size=(9, 21), resize=Resize(mode=mode, crop_fraction=fraction))
            assert decode_image(data, spec).shape == (9, 21, 3)


def test_a_large_jpeg_is_decoded_at_a_fraction(images_factory: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = []
    load = ImageFile.ImageFile.load

    def note_size(self: ImageFile.ImageFile) -> object:
        if self.tile:
            loaded.append(self.size)
        return load(self)

    data = images_factory.encode(Image.new("RGB", (1280, 960)), "JPEG")
    turned = images_factory.oriented(6, "JPEG", np.zeros((1280, 960, 3), np.uint8))
    monkeypatch.setattr(ImageFile.ImageFile, "load", note_size)
    sizes = {(224, 224): (640, 480), (100, 100): (320, 240), (60, 60): (160, 120), (480, 480): (1280, 960)}
    for size, expected in sizes.items():
        decode_image(data, ImageSpec(size=size))
        assert loaded.pop() == expected
    # Stored lying, shown standing: twice 300 x 600 fits into 1280 x 960 only after turning.
    decode_image(turned, ImageSpec(size=(600, 300)))
    assert loaded.pop() == (640, 480) or loaded == []


# ------------------------------------------------------------------------------------------------------ no side effects


def test_pillows_warnings_do_not_leak_and_filters_are_left_as_they_were(images_factory: ModuleType) -> None:
    malformed_mpo = images_factory.plain("JPEG")
    segment = b"MPF\0garbage"
    malformed_mpo = (
        malformed_mpo[:2] + b"\xff\xe2" + (len(segment) + 2).to_bytes(2, "big") + segment + malformed_mpo[2:]
    )
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        before = list(warnings.filters)
        decode_image(malformed_mpo, full_size())
        with Image.open(io.BytesIO(malformed_mpo)):
            pass
        assert warnings.filters == before
    assert [str(warning.message) for warning in seen if "MPO" not in str(warning.message)] == []
    assert len(seen) == 1, "Pillow itself warns; if it no longer does, this test needs another odd file"


def test_threads_that_decode_at_the_same_time_leave_the_filters_as_they_were(images_factory: ModuleType) -> None:
    before = list(warnings.filters)
    data = images_factory.plain("PNG")

    def decode_many() -> None:
        for _ in range(50):
            decode_image(data, full_size())

    threads = [threading.Thread(target=decode_many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert warnings.filters == before


def test_the_factory_knows_good_from_bad(images_factory: ModuleType) -> None:
    for make in images_factory.GOOD.values():
        decode_image(make(), full_size())
    for make in images_factory.BAD.values():
        with pytest.raises(ImageError):
            decode_image(make(), full_size())
    assert len(images_factory.GOOD) > 20
    assert len(images_factory.BAD) >= 10


def test_a_decode_worker_imports_no_pydantic() -> None:
    script = "import sys, fashionbatch.images; print('pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_plain_spec_decodes_as_the_spec_that_it_was_made_from(images_factory: ModuleType) -> None:
    spec = ImageSpec(size=(9, 13), channels=3, resize=Resize(mode="pad", crop_fraction=0.8), background=(1, 2, 3))
    plain = PlainSpec.from_dump(json.loads(spec.model_dump_json()))
    assert plain.shape == spec.shape
    assert set(ImageSpec.model_fields) == {field.name for field in dataclasses.fields(plain)}
    assert set(Resize.model_fields) == {field.name for field in dataclasses.fields(plain.resize)}
    data = images_factory.plain("JPEG")
    np.testing.assert_array_equal(decode_image(data, plain), decode_image(data, spec))


def test_formats_are_told_by_content_and_folders_are_searched_by_name(images_factory: ModuleType) -> None:
    assert [sniff(images_factory.plain(format_)[:16]) for format_ in FORMATS] == FORMATS
    assert sniff(b"") is None
    assert EXTENSIONS is IMAGE_EXTENSIONS
    assert {".jpg", ".png", ".webp", ".avif"} < EXTENSIONS


def assert_one_line(error: ImageError) -> None:
    name, _, text = error.message.partition(": ")
    assert name.isidentifier()
    assert text
    assert text.isprintable()
    assert error.hint is None
