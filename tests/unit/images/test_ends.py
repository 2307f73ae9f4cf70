"""Pictures that end too early, in every way that a file can hide it, and those that lack nothing but their end."""

from __future__ import annotations

import io
import re
import struct
import zlib
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from fashionbatch.errors import ImageError
from fashionbatch.images import PlainSpec, decode_image, decode_into, png, view_image
from fashionbatch.images.jpeg_marks import read_marks
from fashionbatch.images.spec import PlainResize
from fashionbatch.specs import ImageSpec

END = b"\xff\xd9"
SIDES = (240, 320)
SPEC = ImageSpec(size=SIDES)
SMALL = ImageSpec(size=(30, 40))


def photo(height: int = SIDES[0], width: int = SIDES[1]) -> NDArray[np.uint8]:
    """Smooth with some detail, as a photo is, and with no grey in its corner."""
    y, x = np.mgrid[0:height, 0:width]
    waves = np.stack([np.sin(x / 9 + y / 31), np.cos(y / 7), np.sin((x + y) / 13)], axis=-1) * 90 + 120
    grain = np.random.default_rng(0).normal(0, 12, (height, width, 1))
    return np.clip(waves + grain, 0, 255).astype(np.uint8)


def jpeg(**options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(photo()).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def note_of(data: bytes, spec: ImageSpec) -> str:
    out = np.zeros(spec.shape, np.uint8)
    note = decode_into(data, spec, out)
    assert out.any()
    return note


KINDS: dict[str, dict[str, Any]] = {
    "sequential": {},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_rows": 1},
    "progressive_restarts": {"progressive": True, "restart_marker_rows": 1},
    "full_chroma": {"progressive": True, "subsampling": 0, "quality": 95},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("spec", [SPEC, SMALL], ids=["full", "small"])
def test_a_jpeg_cut_anywhere_with_an_end_marker_behind_is_an_error(kind: str, spec: ImageSpec) -> None:
    data = jpeg(**KINDS[kind])
    marks = read_marks(data)
    first = marks.scans[0].start
    for share in (0.0, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97):
        cut = data[: first + int((len(data) - 2 - first) * share)] + END
        with pytest.raises(ImageError, match="of 240 rows are missing"):
            decode_image(cut, spec)
    assert decode_image(data, spec).any()


@pytest.mark.parametrize("kind", ["sequential", "progressive"])
def test_of_several_jpegs_in_one_file_the_first_has_to_be_whole(images_factory: ModuleType, kind: str) -> None:
    pictures = [Image.fromarray(photo()), Image.fromarray(photo()[::-1])]
    pictures[0].getexif()[271] = "a camera"
    data = images_factory.encode(
        pictures[0], "MPO", save_all=True, append_images=pictures[1:], exif=pictures[0].getexif(), **KINDS[kind]
    )
    for spec in (SPEC, SMALL):
        assert note_of(data, spec) == ""
    plain = decode_image(images_factory.encode(pictures[0], "JPEG", **KINDS[kind]), SPEC)
    np.testing.assert_array_equal(decode_image(data, SPEC), plain)
    end = read_marks(data).end
    assert end is not None
    with pytest.raises(ImageError, match="of 240 rows are missing"):
        decode_image(data[: end * 2 // 3] + data[end:], SPEC)


@pytest.mark.parametrize("kind", ["sequential", "progressive"])
def test_a_grey_corner_behind_a_thumbnail_is_the_photos_own(images_factory: ModuleType, kind: str) -> None:
    pixels = photo()
    pixels[100:] = 128
    exif = Image.Exif()
    exif[271] = "x" * 20
    thumbnail = jpeg()
    segment = b"Exif\0\0" + exif.tobytes()[6:] + thumbnail[:30000]
    data = images_factory.encode(pixels, "JPEG", **KINDS[kind])
    data = data[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + data[2:]
    assert np.abs(decode_image(data, SPEC).astype(int) - pixels).mean() < 12
    with pytest.raises(ImageError, match="rows are missing"):
        decode_image(data[: -len(data) // 8] + END, SPEC)


@pytest.mark.parametrize("kind", ["progressive", "progressive_restarts"])
def test_a_progressive_jpeg_that_lacks_whole_scans_is_an_error(kind: str) -> None:
    data = jpeg(**KINDS[kind])
    scans = read_marks(data).scans
    assert len(scans) > 5
    for scan in scans[:-1]:
        with pytest.raises(ImageError, match="240 of 240 rows are missing, 100%"):
            decode_image(data[: scan.end] + END, SMALL)


def test_a_jpeg_that_is_cut_before_a_restart_marker_is_an_error() -> None:
    data = jpeg(restart_marker_rows=1)
    places = [found.start() for found in re.finditer(rb"\xff[\xd0-\xd7]", data)]
    assert len(places) == 14
    for place in places[:-1]:
        with pytest.raises(ImageError, match="rows are missing"):
            decode_image(data[:place] + END, SPEC)


def test_a_sequential_jpeg_of_several_scans_needs_all_of_them() -> None:
    # One scan for each colour, as some cameras and scanners write it: made of three grey pictures.
    parts = [np.ascontiguousarray(photo()[:, :, channel]) for channel in range(3)]
    files = []
    for part in parts:
        buffer = io.BytesIO()
        Image.fromarray(part).save(buffer, "JPEG", quality=90)
        files.append(buffer.getvalue())
    marks = [read_marks(file) for file in files]
    frame_at = files[0].index(b"\xff\xc0")
    scan_at = files[0].index(b"\xff\xda")
    tables = files[0][2:frame_at]
    components = b"".join(bytes([number, 0x11, 0]) for number in (1, 2, 3))
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 17, 8, *SIDES, 3) + components
    between = files[0][frame_at + 13 : scan_at]
    scans = [
        b"\xff\xda" + struct.pack(">HB", 8, 1) + bytes([number, 0, 0, 63, 0]) + file[mark.scans[0].start : -2]
        for number, file, mark in zip((1, 2, 3), files, marks, strict=True)
    ]
    whole = b"\xff\xd8" + tables + frame + between + b"".join(scans) + END
    assert decode_image(whole, SMALL).any()
    for missing in (whole[: -len(scans[2]) - 2], whole[:-400]):
        with pytest.raises(ImageError, match="240 of 240 rows are missing"):
            decode_image(missing + END, SMALL)


@pytest.mark.parametrize("kind", KINDS)
def test_a_jpeg_that_lacks_its_end_marker_alone_is_labeled_with_a_note(kind: str) -> None:
    data = jpeg(**KINDS[kind])
    for spec in (SPEC, SMALL):
        for tail in (b"", b"\0" * 3000, b"\xff"):
            cut = data[:-2] + tail
            assert note_of(cut, spec) == "note: the end marker is missing"
            np.testing.assert_array_equal(decode_image(cut, spec), decode_image(data, spec))
        assert note_of(data, spec) == ""


@pytest.mark.parametrize("kind", ["sequential", "restarts"])
def test_a_jpeg_that_lacks_less_than_its_last_row_of_blocks_is_labeled_with_a_note(kind: str) -> None:
    data = jpeg(**KINDS[kind])
    cut = data[: -len(data) // 60]
    assert note_of(cut, SPEC) == "note: the end marker is missing, with up to 16 of 240 rows"
    whole, shown = decode_image(data, SPEC), decode_image(cut, SPEC)
    np.testing.assert_array_equal(shown[:220], whole[:220])
    # With the marker put behind, somebody says that it was whole: an error.
    with pytest.raises(ImageError, match="16 of 240 rows are missing, 7%"):
        decode_image(cut + END, SPEC)


def test_a_picture_of_one_row_of_blocks_is_not_taken_for_its_last_row(images_factory: ModuleType) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (16, 400, 3), np.uint8)
    data = images_factory.encode(noise, "JPEG")
    with pytest.raises(ImageError, match="of 16 rows are missing"):
        decode_image(data[: len(data) * 3 // 4], SMALL)


def accepting(share: float) -> ImageSpec:
    return ImageSpec(size=SIDES, accept_truncated=share)


def test_who_accepts_a_share_of_missing_rows_gets_the_rest_and_a_note(images_factory: ModuleType) -> None:
    data = jpeg()
    cut = data[: int(len(data) * 0.7)]
    with pytest.raises(ImageError) as caught:
        decode_image(cut, SPEC)
    found = re.search(r"(\d+) of 240 rows are missing, (\d+)%", caught.value.message)
    assert found is not None
    missing, percent = map(int, found.groups())
    assert 48 <= missing <= 96
    assert missing % 16 == 0
    for content in (cut, cut + END, cut + bytes(1000)):
        with pytest.raises(ImageError, match="rows are missing"):
            decode_image(content, accepting(missing / 240 - 0.01))
        assert note_of(content, accepting(missing / 240)) == f"note: {missing} of 240 rows are missing ({percent}%)"
    whole, shown = decode_image(data, SPEC), decode_image(cut, accepting(0.5))
    np.testing.assert_array_equal(shown[: 240 - missing - 2], whole[: 240 - missing - 2])
    assert (shown[-(missing - 18) :] == 128).all()
    assert view_image(cut, 100, accept_truncated=0.5).shape == (75, 100, 3)
    plain = PlainSpec.from_dump(accepting(0.5).model_dump(mode="json"))
    np.testing.assert_array_equal(decode_image(cut, plain), shown)


def test_a_png_is_accepted_in_part_as_well(images_factory: ModuleType) -> None:
    pixels = photo()
    data = images_factory.encode(pixels, "PNG")
    cut = data[: int(len(data) * 0.75)]
    with pytest.raises(ImageError, match=r"(\d+) of 240 rows are missing"):
        decode_image(cut, SPEC)
    note = note_of(cut, accepting(0.5))
    missing = int(note.split()[1])
    assert 20 < missing < 100
    shown = decode_image(cut, accepting(0.5))
    np.testing.assert_array_equal(shown[:-missing], pixels[:-missing])
    assert not shown[-missing:].any()


def early_png(pixels: NDArray[np.uint8], share: float, *, interlaced: bool = False) -> bytes:
    """A PNG of RGB whose stream closes, in good order, before all rows are there."""
    height, width, _ = pixels.shape
    if interlaced:
        passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
        rows = [row for x, y, dx, dy in passes for row in pixels[y::dy, x::dx]]
    else:
        rows = list(pixels)
    raw = b"".join(b"\0" + np.ascontiguousarray(row).tobytes() for row in rows)
    body = zlib.compress(raw[: int(len(raw) * share)])
    header = struct.pack(">LLBBBBB", width, height, 8, 2, 0, 0, int(interlaced))
    chunks = [(b"IHDR", header), (b"IDAT", body), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data)) for kind, data in chunks
    )


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("height", [240, 241])
def test_a_png_whose_stream_closes_early_is_an_error(interlaced: bool, height: int) -> None:
    pixels = photo(height) | 1
    np.testing.assert_array_equal(
        decode_image(early_png(pixels, 1, interlaced=interlaced), ImageSpec(size=(height, 320))), pixels
    )
    for share in (0.0, 0.2, 0.5, 0.9, 0.99):
        with pytest.raises(ImageError, match=rf"of {height} rows are missing"):
            decode_image(early_png(pixels, share, interlaced=interlaced), SMALL)
    with pytest.raises(ImageError, match=f"{height // 2} of {height} rows|{height // 2 + 1} of {height} rows"):
        decode_image(early_png(pixels, 0.5, interlaced=interlaced), SMALL)


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("height", [16, 239, 240])
def test_a_png_with_a_black_end_is_a_picture_and_unpacked_once(
    interlaced: bool, height: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(png, "missing_rows", lambda file: pytest.fail("it was unpacked twice"))
    pixels = photo(height)
    pixels[-50:] = 0
    decoded = decode_image(early_png(pixels, 1, interlaced=interlaced), ImageSpec(size=(height, SIDES[1])))
    np.testing.assert_array_equal(decoded, pixels)


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("height", [1, 2, 3])
def test_a_black_png_of_few_rows_that_lacks_some_is_an_error(interlaced: bool, height: int) -> None:
    black = np.zeros((height, 64, 3), np.uint8)
    size = ImageSpec(size=(height, 64))
    assert not decode_image(early_png(black, 1, interlaced=interlaced), size).any()
    with pytest.raises(ImageError, match="image file is truncated"):
        decode_image(early_png(black, 0.9, interlaced=interlaced), size)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_a_black_png_is_black_in_every_mode(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    unpacked = []
    monkeypatch.setattr(png, "missing_rows", lambda file: unpacked.append(file) or 0)
    for width in (15, 327, 640):
        buffer = io.BytesIO()
        Image.new(mode, (width, 9)).save(buffer, "PNG")
        black = PlainSpec((9, width), 3, PlainResize("stretch", "bilinear", 1.0), (0, 0, 0))
        # An open file: of bytes, the plainest pictures do not come to the reader.
        assert not decode_image(buffer, black).any()
        seen = len(unpacked)
        assert not decode_image(buffer.getvalue(), black).any()
        del unpacked[seen:]
    # Only pictures that are unpacked in no time are unpacked twice.
    assert len(unpacked) == 2


def test_a_png_that_lacks_nothing_but_its_last_bytes_is_shown() -> None:
    pixels = photo()
    data = early_png(pixels, 1)
    for missing in (4, 12, 16, 18):
        np.testing.assert_array_equal(decode_image(data[:-missing], SPEC), pixels)


@pytest.mark.parametrize("format_", ["BMP", "TIFF"])
def test_how_much_is_missing_is_told_for_other_formats_too(images_factory: ModuleType, format_: str) -> None:
    data = images_factory.encode(photo(), format_)
    if format_ == "TIFF":
        # Pillow writes the directory first.
        assert data.index(b"II*\0") == 0
    with pytest.raises(ImageError, match=r"(59|60|61) of 240 rows are missing, 25%"):
        decode_image(data[: len(data) * 3 // 4], SMALL)


@pytest.mark.parametrize(("format_", "name"), [("WEBP", "a WebP"), ("AVIF", "an AVIF"), ("GIF", "a GIF")])
def test_others_say_in_words_that_they_are_damaged(images_factory: ModuleType, format_: str, name: str) -> None:
    data = images_factory.encode(photo(), format_)
    for length in (40, len(data) // 2):
        with pytest.raises(ImageError, match=f"^OSError: {name} that is damaged or cut short$"):
            decode_image(data[:length], SMALL)


@pytest.mark.parametrize("length", [3, 4, 6, 11, 20, 60, 150])
def test_the_head_of_a_jpeg_alone_is_told_without_words_of_python(length: int) -> None:
    with pytest.raises(ImageError) as caught:
        decode_image(jpeg()[:length], SMALL)
    assert not re.search(r"unpack|index|NoneType|byte string|KeyError", caught.value.message)
