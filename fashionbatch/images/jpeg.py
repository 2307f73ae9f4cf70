"""What JPEG alone needs: decoding at a fraction of the size, and noticing pictures that end too early.

Where the data of a JPEG stop, libjpeg paints the rest mid-grey and warns, and Pillow does not pass the warning on. It
raises only where the file itself stops, not where an end marker or the zeros of an unfinished download follow.
"""

from __future__ import annotations

import io
import os
from typing import BinaryIO, Final

from PIL import Image

from fashionbatch.errors import ImageError

_END: Final = b"\xff\xd9"
_MISSING: Final = frozenset({127, 128})
# Any bytes that are no marker and that no decoder takes for grey.
_PADDING: Final = bytes((index * 73 + 29) % 251 for index in range(4096))
_TRUNCATED: Final = "OSError: image file is truncated"


def draft(image: Image.Image, scale: int, channels: int) -> tuple[float, float, float, float]:
    """Have a JPEG that is not loaded yet decoded at `1 / scale`, one of 1, 1/2, 1/4 and 1/8.

    Returns:
        The part of the decoded image that shows the photo: its sides need not be multiples of the scale.
    """
    # Pillow takes a size and picks a scale; this size makes it pick ours.
    wanted = (max(1, image.width // scale), max(1, image.height // scale))
    drafted = image.draft("L" if channels == 1 else "RGB", wanted)
    return drafted[1] if drafted else (0, 0, *image.size)


def check_whole(file: BinaryIO, image: Image.Image, start: int, scale: int) -> None:
    """Refuse a JPEG whose data end before its picture does.

    Args:
        file: the file that the image was loaded from.
        image: as it was loaded.
        start: where in the file its coded data begin.
        scale: what it was loaded at.

    Raises:
        ImageError: there is no end marker, or pixels are missing before it.
    """
    file.seek(-len(_END), os.SEEK_END)
    if file.read() != _END:
        # Cameras may append a preview or a film: the marker need not be the end, but it has to be there.
        file.seek(start)
        if _END not in file.read():
            raise ImageError(f"{_TRUNCATED} (without an end marker)")
    corner = image.getpixel((image.width - 1, image.height - 1))
    looks_cut = _MISSING.issuperset(corner if isinstance(corner, tuple) else (corner,))
    if looks_cut and not _same_with_more(file, image, start, scale):
        raise ImageError(f"{_TRUNCATED} (an end marker before the end of the picture)")


def _same_with_more(file: BinaryIO, image: Image.Image, start: int, scale: int) -> bool:
    """Whether further data before the end marker would change nothing: then the grey corner is the photo's own."""
    file.seek(0)
    data = file.read()
    end = data.find(_END, start)
    with Image.open(io.BytesIO(data[:end] + _PADDING + _END), formats=("JPEG",)) as longer:
        draft(longer, scale, len(image.getbands()))
        longer.load()
        return longer.tobytes() == image.tobytes()
