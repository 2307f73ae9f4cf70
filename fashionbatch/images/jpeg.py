"""What JPEG alone needs: decoding at a fraction of the size, and noticing pictures that end too early.

Where the data of a JPEG stop, libjpeg paints the rest mid-grey, or leaves a progressive picture coarse, and warns;
Pillow does not pass the warning on. It raises only where the file itself stops, not where an end marker or the zeros of
an unfinished download follow.
"""

from __future__ import annotations

import io
import os
from typing import Any, BinaryIO, Final

from PIL import Image

from fashionbatch.errors import ImageError
from fashionbatch.images.jpeg_marks import read_marks

END: Final = b"\xff\xd9"
"""The marker behind the last scan."""

_START_OF_SCAN: Final = b"\xff\xda"
_MISSING: Final = frozenset({127, 128})
# Any bytes that are no marker and that no decoder takes for grey.
_PADDING: Final = bytes((index * 73 + 29) % 251 for index in range(4096))
_TRUNCATED: Final = "OSError: image file is truncated"
_NO_END: Final = f"{_TRUNCATED} (without an end marker)"
_EARLY_END: Final = f"{_TRUNCATED} (an end marker before the end of the picture)"
# libjpeg looks at up to eight bytes beyond the block that it is at.
_AHEAD, _PROBES = 12, 6


def draft(image: Image.Image, scale: int, channels: int) -> tuple[float, float, float, float]:
    """Have a JPEG that is not loaded yet decoded at `1 / scale`, one of 1, 1/2, 1/4 and 1/8.

    Returns:
        The part of the decoded image that shows the photo: its sides need not be multiples of the scale.
    """
    # Pillow takes a size and picks a scale; this size makes it pick ours.
    wanted = (max(1, image.width // scale), max(1, image.height // scale))
    drafted = image.draft("L" if channels == 1 else "RGB", wanted)
    return drafted[1] if drafted else (0, 0, *image.size)


def load(file: BinaryIO, image: Image.Image, scale: int, *, is_mended: bool) -> None:
    """Load a JPEG, and refuse one whose data end before its picture does.

    Args:
        file: the file that the image was opened from.
        image: not loaded yet; `draft` was called.
        scale: what for.
        is_mended: what is missing is known, and accepted.

    Raises:
        ImageError: there is no end marker, or pixels or the finer parts of them are missing before it.
        OSError: what else Pillow says of damaged data.
    """
    if is_mended:
        image.load()
        return
    start = file.tell()
    if image.info.get("progressive") or _has_several_scans(file, image):
        file.seek(0)
        data = file.read()
        marks = read_marks(data)
        if marks.end is None:
            raise ImageError(_NO_END)
        if marks.lacks_scans() or marks.lacks_restarts(data):
            raise ImageError(_EARLY_END)
        if not marks.is_arithmetic:
            _load_by_scans(image, data[: marks.end])
            return
    image.load()
    _check_whole(file, image, start, scale)


def _load_by_scans(image: Any, data: bytes) -> None:
    """Load a progressive JPEG, without its end marker, and find out whether its last scan is complete.

    After a complete scan libjpeg looks for the next marker and swallows whatever bytes come before it. Within a scan it
    takes bytes only as far as they make whole blocks, and leaves the others.
    """
    image.load_prepare()
    name, extents, _, arguments = image.tile[0]
    decoder = Image._getdecoder(image.mode, name, arguments, image.decoderconfig)
    try:
        decoder.setimage(image.im, extents)
        rest = _fed(decoder, _fed(decoder, data) + _PADDING[:_AHEAD])
        for probe in range(_AHEAD, _AHEAD + _PROBES):
            if rest:
                raise ImageError(_EARLY_END)
            rest = _fed(decoder, rest + _PADDING[probe : probe + 1])
        taken, error = decoder.decode(END)
        if taken >= 0 or error:
            raise ImageError(f"{_TRUNCATED} (its data are damaged)")
    finally:
        decoder.cleanup()
    image.tile = []
    image.load()


def ends_complete(coded: bytes) -> bool:
    """Whether a JPEG without its end marker holds every block of its picture."""
    try:
        with Image.open(io.BytesIO(coded), formats=("JPEG",)) as image:
            several = image.info.get("progressive") or _has_several_scans(io.BytesIO(coded), image)
            draft(image, 8, 1)
            if several:
                _load_by_scans(image, coded)
                return True
            # Of a single scan the decoder says itself when it has the last block.
            return _is_done_with(image, coded + _PADDING[:_AHEAD])
    except (ImageError, OSError, SyntaxError):
        return False


def _is_done_with(image: Any, data: bytes) -> bool:
    image.load_prepare()
    name, extents, _, arguments = image.tile[0]
    decoder = Image._getdecoder(image.mode, name, arguments, image.decoderconfig)
    try:
        decoder.setimage(image.im, extents)
        taken, error = decoder.decode(data)
        return bool(taken < 0 and not error)
    finally:
        decoder.cleanup()


def _has_several_scans(file: BinaryIO, image: Any) -> bool:
    """Whether the first scan leaves out components; Pillow has read to the end of its header."""
    place = image.fp.tell()
    if not place:
        # Of several pictures in one file, an MPO, Pillow goes back to the start of the first.
        file.seek(0)
        return len(read_marks(file.read()).scans) > 1
    # The header of a scan of all components has eight bytes, and two for each of them.
    file.seek(max(0, place - 8 - 2 * image.layers))
    return file.read(2) != _START_OF_SCAN


def _fed(decoder: Any, data: bytes) -> bytes:
    """What a decoder leaves of the data that it is given."""
    taken, error = decoder.decode(data)
    if taken < 0:
        raise ImageError(f"OSError: broken data in a progressive JPEG ({error})")
    return data[taken:]


def _check_whole(file: BinaryIO, image: Image.Image, start: int, scale: int) -> None:
    file.seek(-len(END), os.SEEK_END)
    if file.read() != END:
        # Cameras may append a preview or a film: the marker need not be the end, but it has to be there.
        file.seek(0)
        data = file.read()
        # Where the scan begins is not known of an MPO, and a thumbnail before it has an end marker of its own.
        if (data.find(END, start) < 0) if start else (read_marks(data).end is None):
            raise ImageError(_NO_END)
    corner = image.getpixel((image.width - 1, image.height - 1))
    looks_cut = _MISSING.issuperset(corner if isinstance(corner, tuple) else (corner,))
    if looks_cut and not _same_with_more(file, image, scale):
        raise ImageError(_EARLY_END)


def _same_with_more(file: BinaryIO, image: Image.Image, scale: int) -> bool:
    """Whether further data before the end marker would change nothing: then the grey corner is the photo's own."""
    file.seek(0)
    data = file.read()
    marks = read_marks(data)
    if marks.end is None or marks.lacks_restarts(data):
        # Further data would be skipped in search of the next restart marker.
        return False
    with Image.open(io.BytesIO(data[: marks.end] + _PADDING + END), formats=("JPEG",)) as longer:
        draft(longer, scale, len(image.getbands()))
        longer.load()
        return longer.tobytes() == image.tobytes()
