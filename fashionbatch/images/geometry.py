"""Where the pixels of a photo go: EXIF orientation, the part that is used, the size that is enough."""

from __future__ import annotations

import math
from typing import Final

from PIL import ExifTags, Image

from fashionbatch.images.policy import DRAFT_FACTOR, REDUCING_GAP
from fashionbatch.images.spec import AnyImageSpec

Box = tuple[float, float, float, float]

UPRIGHT: Final = 1
_TRANSPOSE: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_TURNS_LEFT_SIDE_RIGHT: Final = frozenset({2, 3, 6, 7})
_TURNS_TOP_DOWN: Final = frozenset({3, 4, 7, 8})
_SWAPS_SIDES: Final = frozenset({5, 6, 7, 8})
_RESAMPLING: Final = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def read_orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where there is none or the EXIF data is broken."""
    forget_xmp(image)
    try:
        value = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # noqa: BLE001 - Pillow raises half a dozen classes on broken EXIF, none of which hurts the pixels
        return UPRIGHT
    return value if isinstance(value, int) and value in _TRANSPOSE else UPRIGHT


def forget_xmp(image: Image.Image) -> None:
    """Let the EXIF orientation alone count: Pillow would turn a picture by what XMP says, which no browser does."""
    for key in ("xmp", "XML:com.adobe.xmp"):
        image.info.pop(key, None)


def enough_scale(size: tuple[int, int], spec: AnyImageSpec, orientation: int) -> int:
    """The largest of 8, 4, 2 and 1 by which a JPEG may be decoded smaller and still has pixels to spare.

    Args:
        size: width and height of the photo as it is stored.
        spec: what it is decoded for.
        orientation: its EXIF orientation.
    """
    width, height = reversed(size) if orientation in _SWAPS_SIDES else size
    left, top, right, bottom = used_box((0, 0, width, height), spec)
    target_width, target_height = _fitted_size((right - left, bottom - top), spec)
    enough = min(
        (right - left) / (DRAFT_FACTOR * target_width),
        (bottom - top) / (DRAFT_FACTOR * target_height),
    )
    return next((scale for scale in (8, 4, 2) if scale <= enough), 1)


def turn_upright(image: Image.Image, shown: Box, orientation: int) -> tuple[Image.Image, Box]:
    """The image as a person sees it, and where in it the photo then lies."""
    if orientation == UPRIGHT:
        return image, shown
    _, _, right, bottom = shown
    if orientation in _SWAPS_SIDES:
        right, bottom = bottom, right
    turned = image.transpose(_TRANSPOSE[orientation])
    left = turned.width - right if orientation in _TURNS_LEFT_SIDE_RIGHT else 0.0
    top = turned.height - bottom if orientation in _TURNS_TOP_DOWN else 0.0
    return turned, (left, top, left + right, top + bottom)


def used_box(shown: Box, spec: AnyImageSpec) -> Box:
    """The central part of an upright photo that is used; in mode `crop` it has the shape of the size."""
    left, top, right, bottom = shown
    width = (right - left) * spec.resize.crop_fraction
    height = (bottom - top) * spec.resize.crop_fraction
    if spec.resize.mode == "crop":
        aspect = spec.size[1] / spec.size[0]
        width, height = min(width, height * aspect), min(height, width / aspect)
    if (width, height) == (right - left, bottom - top):
        return shown
    x, y = left + (right - left - width) / 2, top + (bottom - top - height) / 2
    # Rounding must not push the box over the edge, which Pillow refuses.
    return max(left, x), max(top, y), min(right, x + width), min(bottom, y + height)


def resize(image: Image.Image, shown: Box, spec: AnyImageSpec) -> Image.Image:
    """An upright `L` or `RGB` photo at the spec's size."""
    box = used_box(shown, spec)
    height, width = spec.size
    fitted = _fitted_size((box[2] - box[0], box[3] - box[1]), spec)
    if fitted != image.size or box != (0, 0, *image.size):
        resampling = _RESAMPLING[spec.resize.interpolation]
        # Nearest takes single pixels; a reduction before it would average.
        gap = None if resampling is Image.Resampling.NEAREST else REDUCING_GAP
        image = image.resize(fitted, resampling, box=box, reducing_gap=gap)
    if fitted == (width, height):
        return image
    colour = spec.background if image.mode == "RGB" or spec.channels == 3 else _luma(spec.background)
    canvas = Image.new("RGB" if spec.channels == 3 else "L", (width, height), colour)
    canvas.paste(image, ((width - fitted[0]) // 2, (height - fitted[1]) // 2))
    return canvas


def _fitted_size(used: tuple[float, float], spec: AnyImageSpec) -> tuple[int, int]:
    height, width = spec.size
    if spec.resize.mode != "pad":
        return width, height
    factor = min(width / used[0], height / used[1])
    # Half up and not Python's half to even, so that a photo and its turned twin get the same sides.
    return (
        min(width, max(1, math.floor(used[0] * factor + 0.5))),
        min(height, max(1, math.floor(used[1] * factor + 0.5))),
    )


def _luma(colour: tuple[int, int, int]) -> int:
    red, green, blue = colour
    return (red * 299 + green * 587 + blue * 114 + 500) // 1000
