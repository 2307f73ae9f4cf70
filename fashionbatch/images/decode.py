"""Open, check, load, turn, resize: one image file to uint8 pixels, or one ImageError."""

from __future__ import annotations

import io
import logging
import os
import re
import stat
import struct
import threading
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

from fashionbatch.errors import ImageError
from fashionbatch.images import bmp, geometry, jpeg, plain_png, png
from fashionbatch.images.formats import HEAD_BYTES, WITHOUT_EXTRAS, foreign_kind, sniff
from fashionbatch.images.pixels import to_eight_bits
from fashionbatch.images.spec import AnyImageSpec, PlainResize, PlainSpec

if TYPE_CHECKING:
    from fashionbatch.images.mending import Mended

ImageFileLike: TypeAlias = Path | bytes | BinaryIO

_ADDRESS: Final = re.compile(r"<[^<>]* at 0x[0-9a-fA-F]+>|0x[0-9a-fA-F]{6,}")
_LONGEST_MESSAGE: Final = 200
# What a reader of Pillow's stumbles over, rather than says.
_OF_PYTHON: Final = (struct.error, LookupError, TypeError, AttributeError, AssertionError, EOFError)


@dataclass(frozen=True)
class DecodeLimits:
    """What an image may cost. It is judged by the header, before memory is taken.

    Attributes:
        pixels: width times height. The default is the size that Pillow itself refuses to go beyond (0.7 GB as RGB), so
            a larger one has no effect.
    """

    pixels: int = 178_956_970


DEFAULT_LIMITS: Final = DecodeLimits()

# Pillow logs what it dislikes in a TIFF; without any handler, Python would print that to the terminal.
logging.getLogger("PIL").addHandler(logging.NullHandler())


def decode_image(
    file: ImageFileLike, spec: AnyImageSpec, *, limits: DecodeLimits = DEFAULT_LIMITS
) -> NDArray[np.uint8]:
    """Decode one image as every network of FashionBatch sees it.

    Args:
        file: a path, a file's bytes, or an open binary file that can seek; the latter is left open.
        spec: size, channels, resizing and background.
        limits: what the image may cost.

    Returns:
        uint8 `(height, width, channels)`, writable and contiguous.

    Raises:
        ImageError: the file is no image in one of `FORMATS`, is damaged or cut short, or passes the limits. The message
            is one line, `Class: what is wrong`, and the same in every run; the cause is what was raised.

    Example:
        >>> from fashionbatch.images.spec import AnyImageSpec
        >>> decode_image(Path("dress.jpg"), ImageSpec(size=(224, 224)))  # doctest: +SKIP
    """
    out = np.empty(spec.shape, np.uint8)
    decode_into(file, spec, out, limits=limits)
    return out


def fit_pixels(pixels: NDArray[np.uint8], spec: AnyImageSpec) -> NDArray[np.uint8]:
    """An image that is an array already, as if it had been read from a file without loss.

    Args:
        pixels: uint8 `(height, width)`, or `(height, width, channels)` with 1, 3 or 4 channels, the last for alpha.
        spec: size, channels, resizing and background.

    Returns:
        uint8 of the spec's shape.
    """
    image = Image.fromarray(pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels)
    fitted = np.asarray(_fit(image, (0, 0, *image.size), geometry.UPRIGHT, spec))
    return fitted.reshape(spec.shape)


def fit_image(image: Image.Image, spec: AnyImageSpec, *, limits: DecodeLimits = DEFAULT_LIMITS) -> NDArray[np.uint8]:
    """A picture that Pillow has opened or made, as if it had been read from a file without loss; it stays as it is.

    Args and returns as `decode_image`, which it raises as, too.
    """
    _check_cost("image", image.size, limits)
    try:
        with own_pillow:
            own = image.copy()
            return np.asarray(_fit(own, (0, 0, *own.size), geometry.read_orientation(own), spec)).reshape(spec.shape)
    except Exception as error:
        raise ImageError(one_line(error)) from error


def decode_into(
    file: ImageFileLike, spec: AnyImageSpec, out: NDArray[np.uint8], *, limits: DecodeLimits = DEFAULT_LIMITS
) -> str:
    """Decode one image into a piece of memory, such as one row of a batch.

    Args:
        file: as `decode_image`.
        spec: as `decode_image`.
        out: uint8 `(height, width, channels)`; it is written only when the whole image was decoded.
        limits: as `decode_image`.

    Returns:
        A note for the image's row, such as `note: the end marker is missing`; empty for nearly all images.

    Raises:
        ImageError: as `decode_image`.
        ValueError: `out` has another shape or type; that is the caller's mistake.
    """
    if out.shape != spec.shape or out.dtype != np.uint8:
        raise ValueError(f"out is {out.dtype} {out.shape}, the image is uint8 {spec.shape}")
    plain = _plain_pixels(file, spec, limits) if isinstance(file, bytes) else None
    pixels, note = (
        (plain, "")
        if plain is not None
        else _pixels(
            file, lambda opened, is_mended: _decode(opened, spec, limits, is_mended=is_mended), spec.accept_truncated
        )
    )
    out[...] = pixels if pixels.ndim == 3 else pixels[:, :, np.newaxis]
    return note


def _plain_pixels(content: bytes, spec: AnyImageSpec, limits: DecodeLimits) -> NDArray[np.uint8] | None:
    """Pixels of a small, plain PNG; None for another file, and where anything is wrong, which is for others to say."""
    try:
        image = plain_png.load(content, limits.pixels)
        return None if image is None else np.asarray(_fit(image, (0, 0, *image.size), geometry.UPRIGHT, spec))
    except Exception:  # noqa: BLE001 - whatever it is, the usual way comes to it too
        return None


def view_image(
    file: ImageFileLike, side: int, *, limits: DecodeLimits = DEFAULT_LIMITS, accept_truncated: float = 0.0
) -> NDArray[np.uint8]:
    """Decode one image for people to look at: the whole of it, upright, in its own shape and colours.

    Args:
        file: as `decode_image`.
        side: the longer side of what comes back, in pixels; a smaller image keeps its size.
        limits: as `decode_image`.
        accept_truncated: the share of its rows that the image may lack.

    Returns:
        uint8 `(height, width, 3)`, transparent pixels on white.

    Raises:
        ImageError: as `decode_image`.
    """
    pixels, _ = _pixels(
        file, lambda opened, is_mended: _view(opened, side, limits, is_mended=is_mended), accept_truncated
    )
    return pixels


def _pixels(
    file: ImageFileLike, decode: Callable[[BinaryIO, bool], Image.Image], accepted: float
) -> tuple[NDArray[np.uint8], str]:
    """What a decoder makes of a file, or else of what can be mended of it; and a note of that."""
    try:
        with own_pillow, ExitStack() as stack:
            source = stack.enter_context(open_regular(file)) if isinstance(file, Path) else file
            opened = io.BytesIO(source) if isinstance(source, bytes) else source
            try:
                return np.asarray(decode(opened, False)), ""
            except Exception as error:
                second = None if _is_final(error) else _mended(opened, error, accepted)
                if second is None:
                    raise
                return np.asarray(decode(io.BytesIO(second.content), True)), second.note
    except ImageError:
        raise
    except Exception as error:
        # Everything: Pillow raises OSError, ValueError, SyntaxError, MemoryError and more on broken files.
        raise ImageError(one_line(error)) from error


def _is_final(error: Exception) -> bool:
    """Whether a second try could only fail, or cost what the first one refused to spend."""
    return isinstance(error, MemoryError | Image.DecompressionBombError) or "DecompressionBomb" in str(error)


def _mended(file: BinaryIO, error: Exception, accepted: float) -> Mended | None:
    # Imported here: most runs never need it.
    from fashionbatch.images import mending

    return mending.mended(file, error, accepted)


def open_regular(path: Path) -> BinaryIO:
    """Open a file to read; a named pipe, a device or a folder is an error at once and never waited for.

    Raises:
        ImageError: it is not a regular file.
        OSError: as `open`.
    """
    # Not by `fashionbatch.disk`, which takes decode workers modules that they need for nothing else.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ImageError("NotAFileError: not a regular file")
    return open(descriptor, "rb")


def _decode(file: BinaryIO, spec: AnyImageSpec, limits: DecodeLimits, *, is_mended: bool) -> Image.Image:
    with identify(file, limits) as image:
        shown, orientation = _load(file, image, spec, limits, is_mended=is_mended)
        return _fit(image, shown, orientation, spec)


def _view(file: BinaryIO, side: int, limits: DecodeLimits, *, is_mended: bool) -> Image.Image:
    with identify(file, limits) as image:
        bounds = PlainSpec((side, side), 3, PlainResize("pad", "lanczos", 1.0), (255, 255, 255))
        shown, orientation = _load(file, image, bounds, limits, is_mended=is_mended)
        picture = to_eight_bits(image, bounds.channels, bounds.background)
        picture, shown = geometry.turn_upright(picture, shown, orientation)
        width, height = shown[2] - shown[0], shown[3] - shown[1]
        factor = min(1.0, side / max(width, height))
        size = (max(1, round(height * factor)), max(1, round(width * factor)))
        whole = replace(bounds, size=size, resize=replace(bounds.resize, mode="stretch"))
        return geometry.resize(picture, shown, whole).convert("RGB")


def _load(
    file: BinaryIO, image: Image.Image, spec: AnyImageSpec, limits: DecodeLimits, *, is_mended: bool
) -> tuple[geometry.Box, int]:
    """Load the pixels, with enough of them for the spec; where in the image the photo lies, and its orientation."""
    _check_cost("image", image.size, limits)
    if image.format in {"JPEG", "MPO"}:
        return _load_jpeg(file, image, spec, is_mended=is_mended)
    geometry.forget_xmp(image)
    if image.format == "TIFF":
        _load_tiff(image, limits)
    if image.format == "PNG":
        png.correct_key(image)
        png.load(file, image)
    # EXIF may follow the pixels of a PNG, and Pillow turns a TIFF while it loads it: so it is read afterwards.
    image.load()
    if image.format == "BMP":
        bmp.ignore_unused_alpha(image)
    return (0, 0, *image.size), geometry.read_orientation(image)


def _load_jpeg(file: BinaryIO, image: Image.Image, spec: AnyImageSpec, *, is_mended: bool) -> tuple[geometry.Box, int]:
    orientation = geometry.read_orientation(image)
    scale = geometry.enough_scale(image.size, spec, orientation)
    shown = jpeg.draft(image, scale, spec.channels)
    jpeg.load(file, image, scale, is_mended=is_mended)
    return shown, orientation


def _open_tiff(file: BinaryIO, limits: DecodeLimits) -> Image.Image:
    # Imported here: it finds a C library, which the other formats need not wait for.
    from fashionbatch.images import tiff

    return tiff.open_tiff(file, lambda what, size: _check_cost(what, size, limits))


def _load_tiff(image: Image.Image, limits: DecodeLimits) -> None:
    from fashionbatch.images import tiff

    _check_cost("tile", tiff.tile_size(image), limits)
    tiff.check_whole(image)
    with tiff.silent_libtiff:
        image.load()


def _fit(image: Image.Image, shown: geometry.Box, orientation: int, spec: AnyImageSpec) -> Image.Image:
    picture = to_eight_bits(image, spec.channels, spec.background)
    picture, shown = geometry.turn_upright(picture, shown, orientation)
    picture = geometry.resize(picture, shown, spec)
    return picture.convert("RGB") if spec.channels == 3 and picture.mode == "L" else picture


def identify(file: BinaryIO, limits: DecodeLimits) -> Image.Image:
    """Open an image by what its first bytes say that it is, without decoding pixels; call it within `own_pillow`.

    Raises:
        ImageError: it is no image in one of `FORMATS`, or passes the limits.
    """
    file.seek(0)
    head = file.read(HEAD_BYTES)
    format_ = sniff(head)
    if format_ is None:
        known = " ".join(WITHOUT_EXTRAS)
        raise ImageError(f"UnidentifiedImageError: {foreign_kind(head)}, not an image in one of {known}")
    try:
        if format_ == "TIFF":
            return _open_tiff(file, limits)
        if format_ == "HEIF":
            from fashionbatch.images.heif import open_heif

            return open_heif(file, lambda what, size: _check_cost(what, size, limits))
        return Image.open(file, formats=(format_,))
    except Image.DecompressionBombError as error:
        raise ImageError(f"DecompressionBombError: more pixels than the limit of {limits.pixels}") from error
    except OSError as error:
        unusual = bmp.by_masks(file, limits.pixels) if format_ == "BMP" else None
        if unusual is not None:
            return unusual
        if not isinstance(error, UnidentifiedImageError):
            raise
        reason = _why_not(file, format_)
        raise ImageError(f"UnidentifiedImageError: damaged or unusual {format_}{reason}") from error


def _why_not(file: BinaryIO, format_: str) -> str:
    # Image.open keeps to itself why the format's own reader gave up.
    try:
        file.seek(0)
        Image.OPEN[format_][0](file, "")
    except Exception as error:  # noqa: BLE001 - only its message is wanted
        if isinstance(error, _OF_PYTHON) or isinstance(error.__cause__, _OF_PYTHON):
            return " (its header is damaged or cut short)"
        return f" ({text})" if (text := _folded(str(error))) else ""
    return ""


def _check_cost(what: str, size: tuple[int, int], limits: DecodeLimits) -> None:
    width, height = size
    if width * height > limits.pixels:
        raise ImageError(
            f"DecompressionBombError: {what} of {width} x {height} pixels, more than the limit of {limits.pixels}"
        )


class _OwnPillow:
    """While any thread decodes: Pillow's warnings stay inside, and cut-off files are errors whatever the program set.

    Warnings are about large images, odd EXIF and the like. `warnings.catch_warnings` alone is not safe in threads: the
    second to enter would restore the first one's filters. So the first to enter sets up and the last to leave restores.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._catcher = warnings.catch_warnings()
        self._tolerated = False

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._catcher = warnings.catch_warnings()
                self._catcher.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL\.")
                self._tolerated, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, False
            self._inside += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                ImageFile.LOAD_TRUNCATED_IMAGES = self._tolerated
                self._catcher.__exit__(kind, error, trace)


own_pillow = _OwnPillow()
"""The block within which Pillow is used."""


def one_line(error: BaseException) -> str:
    """An error as `Class: message` in one line, without paths and addresses, so that it is the same in every run."""
    if isinstance(error, ImageError):
        return error.message
    # strerror leaves out the path, which the caller has anyway and which differs between runs.
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    text = _folded(text)
    name = type(error).__name__
    return f"{name}: {text}" if text else f"{name}: no message"


def _folded(text: str) -> str:
    text = _ADDRESS.sub("...", text).encode("utf-8", "backslashreplace").decode()
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= _LONGEST_MESSAGE else text[: _LONGEST_MESSAGE - 3] + "..."
