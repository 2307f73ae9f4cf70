"""A picture that Pillow has opened already becomes what its file becomes."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from fashionbatch.errors import ImageError
from fashionbatch.images import DecodeLimits, decode_image, fit_image
from fashionbatch.specs import ImageSpec

SPEC = ImageSpec(size=(12, 16))


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P", "1", "I;16", "LA"])
@pytest.mark.parametrize("channels", [1, 3])
def test_it_is_that_of_the_file(mode: str, channels: int) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (20, 30, 4), dtype=np.uint8)
    picture = Image.fromarray(pixels).convert("L" if mode == "I;16" else mode)
    if mode == "I;16":
        picture = Image.fromarray(np.asarray(picture).astype(np.uint16) * 200)
    content = io.BytesIO()
    picture.save(content, "PNG")
    spec = SPEC.model_copy(update={"channels": channels})
    opened = Image.open(content)
    assert np.array_equal(fit_image(opened, spec), decode_image(content.getvalue(), spec))


def test_a_photo_is_turned_as_its_camera_says() -> None:
    exif = Image.Exif()
    exif[274] = 6
    content = io.BytesIO()
    top = np.zeros((40, 40, 3), np.uint8)
    top[:20] = 255
    Image.fromarray(top).save(content, "JPEG", exif=exif.tobytes(), quality=95)
    fitted = fit_image(Image.open(content), SPEC)
    assert np.abs(fitted.astype(int) - decode_image(content.getvalue(), SPEC)).mean() < 2
    assert fitted[:, -1].mean() > 200 > fitted[:, 0].mean()


def test_one_that_is_cut_off_or_too_large_is_an_image_error() -> None:
    content = io.BytesIO()
    Image.effect_noise((60, 60), 50).save(content, "PNG")
    with pytest.raises(ImageError):
        fit_image(Image.open(io.BytesIO(content.getvalue()[:1500])), SPEC)
    with pytest.raises(ImageError, match="limit of 10"):
        fit_image(Image.new("L", (4, 4)), SPEC, limits=DecodeLimits(pixels=10))
