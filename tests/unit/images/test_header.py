"""What a file says of itself before its pixels."""

from __future__ import annotations

import pytest

from fashionbatch.errors import ImageError
from fashionbatch.images import ImageHeader, read_header


@pytest.fixture
def header(tmp_path):
    def of(content: bytes) -> ImageHeader:
        file = tmp_path / "photo"
        file.write_bytes(content)
        return read_header(file)

    return of


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "BMP", "TIFF"])
def test_format_and_size_of_a_photo(header, images_factory, format_):
    height, width = images_factory.picture().shape[:2]
    assert header(images_factory.plain(format_)) == ImageHeader(format_, width, height, is_grey=False)


def test_a_photo_on_its_side_has_the_size_that_is_seen(header, images_factory):
    upright = images_factory.picture()
    found = header(images_factory.oriented(8, "JPEG", upright))
    assert (found.height, found.width) == upright.shape[:2]


def test_grey_files_are_known(header, images_factory):
    assert header(images_factory.one_bit()).is_grey
    assert header(images_factory.grey_with_alpha(255)).is_grey


def test_pixels_that_are_cut_short_are_not_noticed(header, images_factory):
    assert header(images_factory.truncated("JPEG")).format == "JPEG"


@pytest.mark.parametrize("content", [b"", b"<html>", b"\xff\xd8\xff"])
def test_what_is_no_image_is_one_error(header, content):
    with pytest.raises(ImageError):
        header(content)


def test_a_bomb_is_refused(header, images_factory):
    with pytest.raises(ImageError, match="DecompressionBombError"):
        header(images_factory.bomb_png())


def test_a_file_that_is_not_there_is_one_error(tmp_path):
    with pytest.raises(ImageError):
        read_header(tmp_path / "none.png")
