"""What an image file says of itself before its pixels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fashionbatch.errors import ImageError
from fashionbatch.images import geometry
from fashionbatch.images.decode import DEFAULT_LIMITS, DecodeLimits, identify, one_line, open_regular, own_pillow

_GREY_MODES: Final = frozenset({"1", "L", "LA", "La", "I", "F"})
_FIRST_ON_ITS_SIDE: Final = 5
"""From this EXIF orientation on, width and height change places."""


@dataclass(frozen=True)
class ImageHeader:
    """An image file's format and size.

    Attributes:
        format: Pillow's name of it, such as `JPEG`.
        width: in pixels, as the photo is seen, whichever way the camera was held.
        height: the same.
        is_grey: whether it has no colours at all; a file with colours may still look grey.
    """

    format: str
    width: int
    height: int
    is_grey: bool


def read_header(file: Path, *, limits: DecodeLimits = DEFAULT_LIMITS) -> ImageHeader:
    """What an image file says of itself; no pixel is decoded, so damaged ones are not noticed.

    Args:
        file: its path.
        limits: as `decode_image`.

    Raises:
        ImageError: the file cannot be read, or is no image in one of `FORMATS`.
    """
    try:
        with own_pillow, open_regular(file) as opened, identify(opened, limits) as image:
            width, height = image.size
            if geometry.read_orientation(image) >= _FIRST_ON_ITS_SIDE:
                width, height = height, width
            return ImageHeader(image.format or "", width, height, image.mode.split(";")[0] in _GREY_MODES)
    except ImageError:
        raise
    except Exception as error:
        # Everything, as where pixels are decoded: Pillow raises half a dozen classes on broken files.
        raise ImageError(one_line(error)) from error
