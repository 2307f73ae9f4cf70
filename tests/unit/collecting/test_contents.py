"""Which photos are copies of each other, and which only look a little alike."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from fashionbatch.collecting.contents import Album, look_at
from fashionbatch.errors import ImageError

LIMIT = 10_000_000


def encoded(image: Image.Image, format_: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()


def look(content: bytes):
    return look_at(content, pixels=LIMIT)[1]


@pytest.fixture
def original(photo) -> Image.Image:
    return Image.open(io.BytesIO(photo(3, size=(320, 240)))).convert("RGB")


@pytest.mark.parametrize(
    "change",
    [
        lambda image: encoded(image, "JPEG", quality=60),
        lambda image: encoded(image.resize((160, 120))),
        lambda image: encoded(ImageEnhance.Brightness(image).enhance(1.08)),
        lambda image: encoded(image, "WEBP", quality=80),
    ],
)
def test_another_copy_of_a_photo_is_found(original, change):
    album = Album()
    album.add("first", look(encoded(original)))

    assert album.copy_of(look(change(original))) == "first"


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        lambda image: Image.fromarray(np.asarray(image)[..., ::-1].copy()),  # red becomes blue
        lambda image: image.crop((0, 0, 160, 240)),
    ],
)
def test_another_photo_is_no_copy(original, change):
    album = Album()
    album.add("first", look(encoded(original)))

    assert album.copy_of(look(encoded(change(original)))) is None


def test_photos_that_have_nothing_in_common_are_apart(photo):
    album = Album()
    for seed in range(300):
        own = look(photo(seed))
        assert album.copy_of(own) is None
        album.add(str(seed), own)


@pytest.mark.parametrize(("format_", "ending"), [("JPEG", ".jpg"), ("PNG", ".png"), ("WEBP", ".webp"), ("GIF", ".gif")])
def test_the_ending_is_made_from_the_content(original, format_, ending):
    assert look_at(encoded(original, format_), pixels=LIMIT)[0] == ending


def test_a_photo_is_seen_upright(images_factory):
    upright = look(images_factory.oriented(1, "JPEG"))
    turned = look(images_factory.oriented(6, "JPEG"))

    assert (upright.width, upright.height) == (turned.width, turned.height)


def test_what_is_damaged_or_too_large_is_refused(original, images_factory):
    for content in (b"", b"text", images_factory.truncated("JPEG"), images_factory.bomb_png()):
        with pytest.raises(ImageError):
            look_at(content, pixels=LIMIT)
    with pytest.raises(ImageError, match="320 x 240 pixels"):
        look_at(encoded(original), pixels=76_000)
