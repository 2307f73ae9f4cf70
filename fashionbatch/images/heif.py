"""HEIC and other HEIF files, as phones write them: read by the package of the extra `heif`, where it is installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, BinaryIO

from PIL import Image

from fashionbatch.errors import ImageError

INSTALL = "pip install 'fashionbatch[heif]'"
"""What brings the package."""


def open_heif(file: BinaryIO, check_cost: Callable[[str, tuple[int, int]], None]) -> Image.Image:
    """The primary picture of a HEIF file, upright.

    Turns and mirrors that the file prescribes belong to decoding; its EXIF orientation repeats them and does not count.

    Args:
        file: the file, open and able to seek.
        check_cost: refuses what is too large, before memory is taken.

    Raises:
        ImageError: the package is not installed, or the file is too large or damaged.
    """
    try:
        # Imported here: it brings the whole decoder, for files that most folders do not have.
        import pillow_heif
    except ImportError as error:
        raise ImageError(f"MissingExtraError: a HEIC or HEIF photo; to read it: {INSTALL}") from error
    file.seek(0)
    try:
        container: Any = pillow_heif.open_heif(file.read(), convert_hdr_to_8bit=True, bgr_mode=False)
        primary = container[container.primary_index]
        size: tuple[int, int] = primary.size
    except MemoryError:
        raise
    except Exception as error:
        raise ImageError("OSError: a HEIC or HEIF photo that is damaged or cut short") from error
    check_cost("image", size)
    try:
        image: Image.Image = primary.to_pillow()
    except MemoryError:
        raise
    except Exception as error:
        raise ImageError("OSError: a HEIC or HEIF photo that is damaged or cut short") from error
    for key in ("exif", "xmp"):
        image.info.pop(key, None)
    return image
