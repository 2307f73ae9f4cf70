"""HEIC photos of phones, with the extra that reads them and without."""

from __future__ import annotations

import io
import sys
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from fashionbatch.errors import ImageError
from fashionbatch.images import DecodeLimits, decode_image, sniff
from fashionbatch.images.formats import foreign_kind
from fashionbatch.specs import IMAGE_EXTENSIONS, ImageSpec

SPEC = ImageSpec(size=(24, 40))
HEAD = b"\0\0\0\x1cftypheic\0\0\0\0mif1heicmiaf" + bytes(36)


def heic(image: Image.Image, **options: object) -> bytes:
    pillow_heif = pytest.importorskip("pillow_heif")
    buffer = io.BytesIO()
    pillow_heif.from_pillow(image).save(buffer, quality=95, chroma=444, **options)
    return buffer.getvalue()


def test_a_heic_photo_shows_its_picture(images_factory: ModuleType) -> None:
    picture = images_factory.picture()
    data = heic(Image.fromarray(picture))
    assert sniff(data[:64]) == "HEIF"
    for channels in (1, 3):
        spec = ImageSpec(size=(24, 40), channels=channels)  # type: ignore[arg-type]
        expected = decode_image(images_factory.encode(picture, "PNG"), spec)
        assert np.abs(decode_image(data, spec).astype(int) - expected).mean() < 4


def test_a_heic_photo_is_turned_once(images_factory: ModuleType) -> None:
    picture = Image.fromarray(images_factory.picture())
    turned = picture.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[274] = 6
    data = heic(turned, exif=exif.tobytes())
    pixels = decode_image(data, ImageSpec(size=(24, 40)))
    assert np.abs(pixels.astype(int) - images_factory.picture()).mean() < 5


def test_transparency_of_a_heic_photo_shows_the_background() -> None:
    data = heic(Image.new("RGBA", (40, 24), (200, 10, 10, 0)))
    pixels = decode_image(data, ImageSpec(size=(24, 40), background=(0, 200, 0)))
    assert np.abs(pixels.astype(int) - (0, 200, 0)).max() <= 3


def test_a_heic_photo_that_is_cut_anywhere_is_an_error(images_factory: ModuleType) -> None:
    data = heic(Image.fromarray(images_factory.picture(400, 300)))
    for share in (0.02, 0.1, 0.3, 0.6, 0.9, 0.99):
        with pytest.raises(ImageError, match=r"^OSError: a HEIC or HEIF photo that is damaged or cut short$"):
            decode_image(data[: int(len(data) * share)], SPEC)


def test_limits_hold_for_heic_photos(images_factory: ModuleType) -> None:
    data = heic(Image.fromarray(images_factory.picture()))
    with pytest.raises(ImageError, match="40 x 24 pixels, more than the limit of 959"):
        decode_image(data, SPEC, limits=DecodeLimits(pixels=959))


def test_without_the_extra_the_row_says_which_one_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(ImageError) as caught:
        decode_image(HEAD, SPEC)
    expected = "MissingExtraError: a HEIC or HEIF photo; to read it: pip install 'fashionbatch[heif]'"
    assert caught.value.message == expected


@pytest.mark.parametrize(
    ("brands", "expected"),
    [
        (b"avif\0\0\0\0mif1miaf", "AVIF"),
        (b"avis\0\0\0\0msf1", "AVIF"),
        (b"mif1\0\0\0\0avifmiaf", "AVIF"),
        (b"mif1\0\0\0\0heicmiaf", "HEIF"),
        (b"mif1\0\0\0\0", "HEIF"),
        (b"msf1\0\0\0\0hevc", "HEIF"),
        (b"heix\0\0\0\0mif1", "HEIF"),
        (b"isom\0\0\0\0mp41", None),
    ],
)
def test_heif_is_told_from_avif_by_what_the_container_says(brands: bytes, expected: str | None) -> None:
    head = (8 + len(brands)).to_bytes(4, "big") + b"ftyp" + brands
    assert sniff(head.ljust(64, b"\0")) == expected


@pytest.mark.parametrize(
    ("format_", "words"),
    [
        ("JPEG2000", "JPEG 2000"),
        ("ICO", "ICO"),
        ("PPM", "PPM"),
        ("TGA", "TGA"),
        ("SGI", "SGI"),
        ("DDS", "DDS"),
        ("EPS", "PostScript"),
    ],
)
def test_foreign_pictures_are_named_for_what_they_are(images_factory: ModuleType, format_: str, words: str) -> None:
    with pytest.raises(ImageError, match=f"UnidentifiedImageError: .*{words}.*, not an image in one of"):
        decode_image(images_factory.encode(images_factory.picture(), format_), SPEC)


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"\xff\x0a" + bytes(20), "JPEG XL"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"\xff\x4f\xff\x51" + bytes(20), "JPEG 2000"),
        (b"P3 2 2 255\n1 2 3", "PPM"),
        (b"P5\n# made by hand\n", "PPM"),
        (b"Print this text, please", "text"),
        (b"RIFF\x10\0\0\0AVI LIST", "video"),
        (b"qoif" + bytes(10), "QOI"),
        (b"Rar!\x1a\x07", "RAR"),
        (bytes(64), "zero bytes"),
        (b"", "an empty file"),
        (bytes(range(1, 60)), "unknown kind"),
    ],
)
def test_a_head_says_what_a_file_is(head: bytes, words: str) -> None:
    assert words in foreign_kind(head)


def test_endings_of_phones_cameras_and_browsers_are_those_of_images() -> None:
    wanted = {".heic", ".heif", ".hif", ".mpo", ".jfif", ".jpe", ".pjpeg", ".avifs", ".dib", ".jpg_large", ".jpg:large"}
    assert wanted < IMAGE_EXTENSIONS
    assert {".svg", ".pdf", ".mp4", ".jp2", ".jxl", ".ico", ".tga", ".ppm"}.isdisjoint(IMAGE_EXTENSIONS)
