"""A photo as people look at it: whole, upright, in its own shape."""

from __future__ import annotations

import io
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fashionbatch.errors import ImageError
from fashionbatch.images import DecodeLimits, view_image


def encoded(image: Image.Image, format_: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_the_longer_side_is_the_one_that_was_asked_for(format_: str) -> None:
    assert view_image(encoded(Image.new("RGB", (900, 300)), format_), 120).shape == (40, 120, 3)


def test_a_small_photo_keeps_its_size() -> None:
    assert view_image(encoded(Image.new("L", (30, 20))), 480).shape == (20, 30, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_is_heeded(images_factory: ModuleType, orientation: int) -> None:
    seen = view_image(images_factory.oriented(orientation, "PNG"), 480)
    np.testing.assert_array_equal(seen, view_image(images_factory.oriented(1, "PNG"), 480))


def test_what_is_transparent_lies_on_white() -> None:
    seen = view_image(encoded(Image.new("RGBA", (8, 8), (0, 0, 0, 0))), 8)
    assert seen.min() == 255


def test_a_photo_that_is_broken_or_too_large_is_an_image_error() -> None:
    with pytest.raises(ImageError, match="not an image"):
        view_image(b"text", 8)
    with pytest.raises(ImageError, match="pixels"):
        view_image(encoded(Image.new("L", (100, 100))), 8, limits=DecodeLimits(pixels=9_999))
