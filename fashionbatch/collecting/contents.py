"""What a file holds: whether it is a photo, how large, and what it looks like in 64 bits and 16x16 pixels."""

from __future__ import annotations

import base64
import hashlib
import threading
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fashionbatch.errors import ImageError
from fashionbatch.images import DecodeLimits, sniff, view_image
from fashionbatch.images.formats import HEAD_BYTES

ENDINGS = {
    "JPEG": ".jpg",
    "PNG": ".png",
    "WEBP": ".webp",
    "GIF": ".gif",
    "BMP": ".bmp",
    "TIFF": ".tif",
    "AVIF": ".avif",
    "HEIF": ".heic",
}
_SIDE, _LOW = 32, 8
_THUMBNAIL = 16
_WHOLE = 1 << 20
"""More than any side: a photo is looked at in its own size."""
_NEAR_BITS = 6
_NEAR_LEVELS = 10.0
_NEAR_SHAPE = 0.05

# A photo of 50 megapixels takes 150 MB: one at a time.
_decoding = threading.Lock()


@dataclass(frozen=True)
class Look:
    """What a photo looks like.

    Attributes:
        print: the perceptual hash, 64 bits.
        thumbnail: uint8 `(16, 16, 3)`.
        width: pixels, upright.
        height: the same.
    """

    print: int
    thumbnail: NDArray[np.uint8]
    width: int
    height: int

    def packed(self) -> str:
        """The thumbnail in base64."""
        return base64.b64encode(self.thumbnail.tobytes()).decode("ascii")


def unpacked(thumbnail: str) -> NDArray[np.uint8]:
    """A thumbnail from base64, uint8 `(16, 16, 3)`."""
    return np.frombuffer(base64.b64decode(thumbnail), np.uint8).reshape(_THUMBNAIL, _THUMBNAIL, 3)


def digest_of(content: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def look_at(content: bytes, *, pixels: int) -> tuple[str, Look]:
    """The ending that a photo's file should have, by its content alone, and what the photo looks like.

    Args:
        content: of the file.
        pixels: the most that the photo may have.

    Raises:
        ImageError: it is no photo in one of the formats that are read, is damaged, or has too many pixels.
    """
    format_ = sniff(content[:HEAD_BYTES])
    with _decoding:
        seen = view_image(content, _WHOLE, limits=DecodeLimits(pixels=pixels))
    if format_ is None:
        raise ImageError("UnidentifiedImageError: the format is not known")
    height, width = seen.shape[:2]
    picture = Image.fromarray(seen)
    small = picture.resize((_THUMBNAIL, _THUMBNAIL), Image.Resampling.BOX)
    return ENDINGS[format_], Look(_perceptual_hash(picture), np.asarray(small), width, height)


def _perceptual_hash(picture: Image.Image) -> int:
    """The signs of the lowest frequencies of a photo's brightness (pHash, Zauner 2010), alike for its copies."""
    grey = np.asarray(picture.convert("L").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS), np.float64)
    waves = _cosines()
    low = (waves @ grey @ waves.T)[:_LOW, :_LOW].ravel()
    bits = low > np.median(low)
    return int("".join("1" if bit else "0" for bit in bits), 2)


@cache
def _cosines() -> NDArray[np.float64]:
    """The first rows of the discrete cosine transform, float64 `(8, 32)`."""
    place = np.arange(_SIDE) + 0.5
    return np.cos(np.pi / _SIDE * np.outer(np.arange(_LOW), place))


class Album:
    """Photos that were seen before, to find the one that another is a copy of."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._looks: list[Look] = []
        self._prints = np.zeros(256, np.uint64)

    def add(self, name: str, look: Look) -> None:
        """Remember a photo by its name."""
        count = len(self._names)
        if count == len(self._prints):
            self._prints = np.concatenate([self._prints, np.zeros_like(self._prints)])
        self._prints[count] = look.print
        self._names.append(name)
        self._looks.append(look)

    def copy_of(self, look: Look) -> str | None:
        """The name of the first photo that this one is nearly equal to, None where there is none.

        Few different bits of the hash make a candidate; pixels decide, so that one dress in red and in blue are two.
        """
        known = self._prints[: len(self._names)]
        bits = np.bitwise_count(known ^ np.uint64(look.print))
        near = (int(number) for number in np.flatnonzero(bits <= _NEAR_BITS))
        return next((self._names[number] for number in near if _is_alike(self._looks[number], look)), None)


def _is_alike(one: Look, other: Look) -> bool:
    """Whether two photos have one shape and nearly the same colours everywhere, the brightness of the whole aside."""
    shapes = one.width / one.height, other.width / other.height
    if abs(shapes[0] - shapes[1]) > _NEAR_SHAPE * max(shapes):
        return False
    levels = [look.thumbnail.astype(np.float64) for look in (one, other)]
    return float(np.abs((levels[0] - levels[0].mean()) - (levels[1] - levels[1].mean())).mean()) <= _NEAR_LEVELS
