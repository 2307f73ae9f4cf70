"""Opens a TIFF: by Pillow where Pillow is right, else by reading its samples."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import BinaryIO, Final

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFile, ImagePalette, TiffImagePlugin, UnidentifiedImageError

from fashionbatch.errors import ImageError
from fashionbatch.images import jpeg
from fashionbatch.images.damage import truncated
from fashionbatch.images.jpeg_marks import read_marks
from fashionbatch.images.pixels import scaled_alpha, scaled_samples
from fashionbatch.images.tiff import directory as tags
from fashionbatch.images.tiff.directory import Directory, as_classic, read_directory
from fashionbatch.images.tiff.samples import layout_of, read_samples

_WHITE_IS_ZERO, _RGB, _PALETTE, _CMYK, _YCBCR = 0, 2, 3, 5, 6
_COLOURS: Final = {_WHITE_IS_ZERO: 1, 1: 1, _RGB: 3, _CMYK: 4}
_ASSOCIATED = 1
_ALPHAS: Final = frozenset({_ASSOCIATED, 2, 999})
_NOT_COMPRESSED, _JPEG = 1, 7
_SEPARATE = 2
_COMPONENTS_OF_JPEG: Final = frozenset({1, 3, 4})
_PILLOW: Final = int(PIL.__version__.partition(".")[0])

CostCheck = Callable[[str, tuple[int, int]], None]
"""Called with what is about to be read and its width and height; raises ImageError where that is too much."""


def open_tiff(file: BinaryIO, check_cost: CostCheck) -> Image.Image:
    """Open a TIFF.

    Args:
        file: the whole file, open and able to seek.
        check_cost: refuses what is too large, before memory is taken.

    Returns:
        An image of Pillow's that is not loaded yet, or one made of the samples, with its orientation in `getexif`.

    Raises:
        ImageError: it is too large, cut short, or of a kind that would come out wrong.
        UnidentifiedImageError: neither Pillow nor this module can read it.
    """
    try:
        directory = read_directory(file)
    except ValueError:
        # Pillow says better than a limit of ours what is wrong, and reads some that break a rule.
        return _by_pillow(file)
    if directory.is_big and directory.order == ">":
        # Pillow reads the header of a big-endian BigTIFF as that of a classic TIFF.
        file.seek(0)
        file = io.BytesIO(as_classic(file.read(), directory))
        directory = read_directory(file)
    if _comes_out_wrong(directory):
        image = _by_samples(file, directory, check_cost)
        if image is None:
            raise ImageError("UnidentifiedImageError: a TIFF of samples that are not read in this type and order")
        return image
    try:
        image = _by_pillow(file)
    except UnidentifiedImageError:
        unusual = _by_samples(file, directory, check_cost)
        if unusual is None:
            raise
        return unusual
    if directory.number(tags.COMPRESSION, _NOT_COMPRESSED) == _JPEG:
        _check_jpegs(file, directory)
        file.seek(0)
    return _mended(image, directory)


def _check_jpegs(file: BinaryIO, directory: Directory) -> None:
    """Refuse a TIFF of JPEGs one of which ends before its picture does: libtiff shows the rest in grey.

    Raises:
        ImageError: rows are missing.
    """
    is_planar = directory.number(tags.PLANAR, 1) == _SEPARATE
    if not is_planar and directory.number(tags.SAMPLES, 1) not in _COMPONENTS_OF_JPEG:
        # Pillow opens such a JPEG within a TIFF alone.
        return
    width, height = directory.number(tags.WIDTH, 1), directory.number(tags.LENGTH, 1)
    is_tiled = bool(directory.numbers(tags.TILE_OFFSETS))
    offsets = directory.numbers(tags.TILE_OFFSETS if is_tiled else tags.STRIP_OFFSETS)
    counts = directory.numbers(tags.TILE_COUNTS if is_tiled else tags.STRIP_COUNTS)
    across = -(-width // max(1, directory.number(tags.TILE_WIDTH, width))) if is_tiled else 1
    rows = max(1, directory.number(tags.TILE_LENGTH if is_tiled else tags.ROWS_PER_STRIP, height))
    shared = directory.fields.get(tags.JPEG_TABLES)
    # What all pieces share stands once, as a JPEG without a picture, between its start and its end marker.
    tables = shared.data.removesuffix(jpeg.END) if shared is not None else b""
    for number, (offset, count) in enumerate(zip(offsets, counts, strict=False)):
        file.seek(offset)
        piece = file.read(count)
        whole = tables + piece[2:] if tables else piece
        if not jpeg.ends_complete(whole[: read_marks(whole).data_end]):
            top = min(number // across * rows, height - 1)
            raise ImageError(truncated(height - top, height))


def _by_pillow(file: BinaryIO) -> Image.Image:
    file.seek(0)
    return Image.open(file, formats=("TIFF",))


def _comes_out_wrong(directory: Directory) -> bool:
    """Whether Pillow would open the file and give other pixels than it holds."""
    colours = _COLOURS.get(directory.number(tags.PHOTOMETRIC, 0))
    samples = directory.number(tags.SAMPLES, 1)
    bits = max(directory.numbers(tags.BITS) or (1,))
    if colours is None or bits < 8:
        return False
    is_planar = directory.number(tags.PLANAR, 1) == _SEPARATE and samples > 1
    is_grey_with_more = colours == 1 and samples > 1
    is_turned_round = directory.order == ">" and directory.number(tags.COMPRESSION, 1) != _NOT_COMPRESSED
    is_signed_byte = bits == 8 and set(directory.numbers(tags.SAMPLE_FORMAT)) == {2}
    return (
        (is_planar and (bits > 8 or samples > colours))
        or (is_grey_with_more and (is_planar or _alpha(directory, samples, colours)[1]))
        or (is_turned_round and bits > 8)
        or is_signed_byte
    )


def _mended(image: Image.Image, directory: Directory) -> Image.Image:
    """Correct what Pillow takes from the fields of a file that it otherwise reads rightly."""
    photometric = directory.number(tags.PHOTOMETRIC, 0)
    if photometric == _PALETTE and image.mode in {"P", "PA"}:
        colours = directory.numbers(tags.COLOUR_MAP)
        if colours and max(colours) < 256:
            # Some programs write bytes where the format wants 16 bits.
            image.palette = ImagePalette.raw("RGB;L", bytes(colours))
    is_raw = directory.number(tags.COMPRESSION, 1) == _NOT_COMPRESSED
    if photometric == _YCBCR and is_raw and directory.number(tags.SAMPLES, 1) == 3:
        is_subsampled = tuple(directory.numbers(tags.SUBSAMPLING) or (2, 2)) != (1, 1)
        if is_subsampled and isinstance(image, TiffImagePlugin.TiffImageFile):
            # libtiff puts the colours of several pixels beside each of them; Pillow's own way takes them for pixels.
            width, height = directory.number(tags.WIDTH, 0), directory.number(tags.LENGTH, 0)
            image._mode = "RGB"
            image.use_load_libtiff = True
            # Pillow 12 names the compression too, which libtiff reads for itself.
            named = ("raw",) if _PILLOW < 13 else ()
            arguments = ("RGBX", *named, False, image.tag_v2.offset)
            image.tile = [ImageFile._Tile("libtiff", (0, 0, width, height), 0, arguments)]
    return image


def _by_samples(file: BinaryIO, directory: Directory, check_cost: CostCheck) -> Image.Image | None:
    """The picture, made of the samples; None where they are of a kind that is not read."""
    layout = layout_of(directory)
    photometric = directory.number(tags.PHOTOMETRIC, 0)
    colours = _COLOURS.get(photometric)
    if layout is None or colours is None or layout.samples < colours:
        return None
    if layout.dtype.kind == "i" and layout.samples > 1:
        # Nothing says which of its values a signed sample shows as full colour.
        return None
    check_cost("image", (layout.width, layout.height))
    check_cost("tile", layout.piece)
    values = read_samples(file, layout)
    shown = scaled_samples(values[:, :, :colours])
    if photometric == _WHITE_IS_ZERO:
        shown = 255 - shown
    position, is_associated = _alpha(directory, layout.samples, colours)
    if position is not None and photometric != _CMYK:
        alpha = scaled_alpha(values[:, :, position : position + 1])
        shown = np.dstack([_divided(shown, alpha) if is_associated else shown, alpha])
    image = _image(shown, "CMYK" if photometric == _CMYK else {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[shown.shape[2]])
    image.getexif()[ExifTags.Base.Orientation] = directory.number(tags.ORIENTATION, 1)
    return image


def _alpha(directory: Directory, samples: int, colours: int) -> tuple[int | None, bool]:
    """Which sample is the transparency, and whether the colours were multiplied by it."""
    extra = directory.numbers(tags.EXTRA_SAMPLES)
    for number, kind in enumerate(extra[: samples - colours]):
        if kind in _ALPHAS:
            return colours + number, kind == _ASSOCIATED
    # Four samples of which nothing is said are red, green, blue and transparency to Pillow and to most viewers.
    return (3 if not extra and (samples, colours) == (4, 3) else None), False


def _divided(shown: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Colours that were multiplied by their transparency, as they were before."""
    wide = shown.astype(np.float32) * 255 / np.maximum(alpha, 1)
    return np.minimum(np.rint(wide), 255).astype(np.uint8)


def _image(shown: NDArray[np.uint8], mode: str) -> Image.Image:
    height, width, _ = shown.shape
    return Image.frombytes(mode, (width, height), np.ascontiguousarray(shown).tobytes())
