"""A second try for a picture that could not be decoded: what may be left out or put to its end, and what is missing.

Nothing here runs for a file that decodes. What cannot be mended is told in rows of pixels.
"""

from __future__ import annotations

import contextlib
import io
import re
from dataclasses import dataclass
from typing import BinaryIO, Final

import numpy as np
from PIL import Image

from fashionbatch.errors import ImageError
from fashionbatch.images import jpeg, png
from fashionbatch.images.damage import share_text, truncated
from fashionbatch.images.formats import HEAD_BYTES, sniff
from fashionbatch.images.jpeg_marks import read_marks

NO_END: Final = "note: the end marker is missing"
"""What stands in the row of a picture that is shown in full, though its file lacks the end."""

_CUT_SHORT: Final = re.compile(r"truncated|not processed|not large enough|decoder error -2|Truncated File Read", re.I)
_INTERNALS: Final = {"WEBP": "a WebP", "AVIF": "an AVIF", "GIF": "a GIF"}
_MOST_PIXELS = 50_000_000
_COUNTED: Final = frozenset({"BMP", "TIFF"})
_COUNTED_MODES: Final = frozenset({"L", "P", "RGB", "RGBA", "CMYK"})


@dataclass(frozen=True)
class Mended:
    """Another file with the pixels that can be had.

    Attributes:
        content: of the file.
        note: what its row says of it; empty where no pixel is missing or in doubt.
    """

    content: bytes
    note: str = ""


def mended(file: BinaryIO, error: Exception, accepted: float) -> Mended | None:
    """What to decode instead of a file that could not be decoded; None where there is nothing better.

    Args:
        file: the file.
        error: why it could not be decoded.
        accepted: the share of its rows that may be missing.

    Raises:
        ImageError: clearer words than the error's, such as how many rows are missing.
    """
    file.seek(0)
    format_ = sniff(file.read(HEAD_BYTES))
    if format_ == "JPEG":
        return _mended_jpeg(file, accepted)
    if format_ == "PNG":
        return _mended_png(file, accepted)
    if format_ in _COUNTED and _CUT_SHORT.search(str(error)) and not isinstance(error, ImageError):
        file.seek(0)
        found = _missing_rows(file.read(), format_)
        if found is not None:
            raise ImageError(truncated(*found)) from error
    if format_ in _INTERNALS and "DecompressionBomb" not in str(error):
        raise ImageError(f"OSError: {_INTERNALS[format_]} that is damaged or cut short") from error
    return None


def _mended_png(file: BinaryIO, accepted: float) -> Mended | None:
    plain = png.without_text(file)
    completed = png.completed(file)
    if completed is None:
        return None if plain is None else Mended(plain)
    content, missing, rows = completed
    if missing == 0 and plain is not None:
        return Mended(plain)
    if missing == 0:
        return Mended(content, NO_END)
    if missing / rows <= accepted:
        return Mended(content, _part(missing, rows))
    raise ImageError(truncated(missing, rows))


def _mended_jpeg(file: BinaryIO, accepted: float) -> Mended | None:
    file.seek(0)
    data = file.read()
    marks = read_marks(data)
    if not marks.scans or not marks.height or marks.is_arithmetic:
        return None
    coded = data[: marks.data_end]
    if marks.end is None:
        # An unfinished download may have its full length, with zeros where data are to come, or half of the end marker.
        coded = coded.removesuffix(b"\xff") if coded.endswith(b"\xff") else _without_zeros(coded)
    missing = _missing_rows_of_jpeg(coded, several=marks.is_progressive or len(marks.scans) > 1)
    if missing is None:
        return None
    whole = Mended(coded + jpeg.END, NO_END)
    if missing == 0:
        return whole if marks.end is None else None
    # libjpeg gives rows by groups of blocks, the last ones of a group when the next is there.
    groups_there = -(-(marks.height - missing) // marks.group_height)
    groups = -(-marks.height // marks.group_height)
    missing = max(1, marks.height - groups_there * marks.group_height)
    if marks.end is None and groups > 1 and groups_there >= groups - 1:
        return Mended(whole.content, f"{NO_END}, with up to {missing} of {marks.height} rows")
    if missing / marks.height <= accepted:
        return Mended(whole.content, _part(missing, marks.height))
    raise ImageError(truncated(missing, marks.height))


def _without_zeros(coded: bytes) -> bytes:
    shorter = coded.rstrip(b"\0")
    # A zero behind 0xFF belongs to the data.
    return shorter + b"\0" if shorter.endswith(b"\xff") else shorter


def _missing_rows_of_jpeg(coded: bytes, *, several: bool) -> int | None:
    """Rows that cannot be shown of coded data without an end marker; of several scans all, if the last is cut."""
    if several:
        marks = read_marks(coded)
        if marks.lacks_scans() or marks.lacks_restarts(coded) or not jpeg.ends_complete(coded):
            return marks.height
        return 0
    if jpeg.ends_complete(coded):
        return 0
    found = _missing_rows(coded, "JPEG")
    return None if found is None else found[0]


def _part(missing: int, rows: int) -> str:
    return f"note: {missing} of {rows} rows are missing ({share_text(missing / rows)})"


def _missing_rows(content: bytes, format_: str) -> tuple[int, int] | None:
    """How many rows Pillow does not fill of how many; None where that cannot be told."""
    try:
        with Image.open(io.BytesIO(content), formats=(format_,)) as image:
            if image.mode not in _COUNTED_MODES or image.width * image.height > _MOST_PIXELS:
                return None
            # Pillow decodes into the memory that the image has. What still looks like this afterwards was not there.
            row = bytes((index * 7919 + 13) % 251 for index in range(image.width * len(image.getbands())))
            below = Image.frombytes(image.mode, image.size, row * image.height)
            image.im = below.im
            _load_what_there_is(image)
            untouched = np.asarray(below).reshape(below.height, -1) == np.frombuffer(row, np.uint8)
            return int(untouched.all(axis=1).sum()), below.height
    except Exception:  # noqa: BLE001 - it is damaged; the first error says how
        return None


def _load_what_there_is(image: Image.Image) -> None:
    with contextlib.suppress(OSError):
        if image.format != "TIFF":
            image.load()
            return
        from fashionbatch.images.tiff import silent_libtiff

        with silent_libtiff:
            image.load()
