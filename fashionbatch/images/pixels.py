"""From any of Pillow's pixel modes to 8-bit grey or RGB, without clipping and without transparency."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Colour = tuple[int, int, int]

_TRANSPARENT_MODES: Final = frozenset({"RGBA", "LA", "PA", "RGBa", "La"})
_BITS_PER_SAMPLE, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339
_WHITE_IS_ZERO, _UNSIGNED = 0, 1
_PIXELS_AT_A_TIME = 1 << 20


def to_eight_bits(image: Image.Image, channels: int, background: Colour) -> Image.Image:
    """The loaded image in mode `L` or `RGB`; `L` stays where RGB was asked for, to be widened after resizing.

    Args:
        image: of any mode that the allowed formats give.
        channels: 1 gives `L`; 3 gives `RGB`, or `L` for a picture that is grey anyway.
        background: red, green, blue under transparent pixels.
    """
    if image.mode.startswith("I") or image.mode == "F":
        grey = _scaled_grey(image)
        key = image.info.get("transparency")
        if not isinstance(key, int):
            return grey
        # One shade of a 16-bit PNG is transparent: exactly that one, none of those that become the same byte.
        grey.putalpha(Image.fromarray(np.where(np.asarray(image) == key, 0, 255).astype(np.uint8)))
        image = grey
    if image.mode in _TRANSPARENT_MODES or "transparency" in image.info:
        image = _composited(image, background)
    elif image.mode == "1":
        return image.convert("L")
    elif image.mode not in {"L", "RGB"}:
        image = image.convert("RGB")
    return image.convert("L") if channels == 1 and image.mode != "L" else image


def scaled_samples(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Samples of any type as bytes, by the rules for pictures of that type.

    Args:
        values: `(height, width, samples)`, unsigned, signed or floating; one sample is grey, more are colours.

    Returns:
        uint8 of the same shape. Colours are scaled together.
    """
    flat = values.reshape(len(values), -1)
    if values.dtype.kind == "f":
        scaled = _scale_floats(flat.astype(np.float32) if values.dtype.itemsize == 2 else flat)
    elif values.dtype == np.uint8:
        scaled = flat
    elif values.dtype == np.uint16:
        scaled = _scale_integers(flat, 0xFFFF) if values.shape[2] == 1 else (flat >> 8).astype(np.uint8)
    else:
        scaled = _scale_wide_integers(flat)
    return scaled.reshape(values.shape)


def scaled_alpha(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Transparency of any unsigned or floating type as bytes: by the type's range, floats by 0..1 or 0..255."""
    if values.dtype.kind == "f":
        finite = np.nan_to_num(values.astype(np.float32), nan=0.0)
        return np.rint(np.clip(finite * (255 if finite.max() <= 1 else 1), 0, 255)).astype(np.uint8)
    return (values >> (8 * (values.dtype.itemsize - 1))).astype(np.uint8)


def _composited(image: Image.Image, background: Colour) -> Image.Image:
    coloured = image if image.mode == "RGBA" else image.convert("RGBA")
    alpha = coloured.getchannel("A")
    # A histogram is counted in half of the time that the extremes take to find.
    if alpha.histogram()[255] == coloured.width * coloured.height:
        return coloured.convert("RGB")
    below = Image.new("RGB", coloured.size, background)
    below.paste(coloured, mask=alpha)
    return below


def _scaled_grey(image: Image.Image) -> Image.Image:
    values = np.asarray(image)
    tags: Any = getattr(image, "tag_v2", {})
    bits = _first(tags.get(_BITS_PER_SAMPLE))
    if image.mode == "F":
        grey = _scale_floats(values)
    elif image.mode.startswith("I;16"):
        # A TIFF may keep fewer bits than its 16, such as a microscope's 12.
        grey = _scale_integers(values, (1 << bits) - 1 if bits and 8 < bits < 16 else 0xFFFF)
    else:
        # Pillow has no unsigned 32-bit mode: large values come as negative ones.
        if bits == 32 and _first(tags.get(_SAMPLE_FORMAT), _UNSIGNED) == _UNSIGNED:
            values = values.view(np.uint32)
        grey = _scale_wide_integers(values)
    if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        grey = 255 - grey
    return Image.fromarray(grey)


def _first(value: Any, default: int | None = None) -> int | None:
    if isinstance(value, tuple):
        value = value[0] if value else None
    return value if isinstance(value, int) else default


def _scale_integers(values: NDArray[Any], largest: int) -> NDArray[np.uint8]:
    table = np.minimum((np.arange(0x10000) * 255 + largest // 2) // largest, 255).astype(np.uint8)
    return _by_rows(values, lambda rows: table[rows])


def _scale_wide_integers(values: NDArray[Any]) -> NDArray[np.uint8]:
    low, high = int(values.min()), int(values.max())
    if low >= 0 and high <= 0xFF:
        return values.astype(np.uint8)
    if low >= 0 and high <= 0xFFFF:
        return _scale_integers(values, 0xFFFF)
    return _scale_range(values, low, high)


def _scale_floats(values: NDArray[Any]) -> NDArray[np.uint8]:
    low, high = np.inf, -np.inf
    for rows in _rows(values):
        finite = rows[np.isfinite(rows)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    if low > high:
        raise ValueError("a picture without a single finite value")
    if low >= 0 and high <= 1:
        return _scale_range(values, 0.0, 1.0, darkest=low, brightest=high)
    if low >= 0 and high <= 255:
        return _scale_range(values, 0.0, 255.0, darkest=low, brightest=high)
    return _scale_range(values, low, high)


def _scale_range(
    values: NDArray[Any], low: float, high: float, *, darkest: float | None = None, brightest: float | None = None
) -> NDArray[np.uint8]:
    """Low to 0, high to 255; what is no number becomes the darkest, what is infinite the nearest of the two ends."""
    if low == high:
        return np.zeros(values.shape, np.uint8)
    first, last = low if darkest is None else darkest, high if brightest is None else brightest

    def scale(rows: NDArray[Any]) -> NDArray[np.uint8]:
        # float64: the difference of two large float32 values may be more than float32 holds. One of the two kinds of
        # NaN makes NumPy warn when it is converted.
        with np.errstate(invalid="ignore"):
            wide = np.nan_to_num(rows.astype(np.float64), nan=first, posinf=last, neginf=first)
        return np.rint((wide - low) * (255.0 / (high - low))).astype(np.uint8)

    return _by_rows(values, scale)


def _by_rows(values: NDArray[Any], scale: Callable[[NDArray[Any]], NDArray[np.uint8]]) -> NDArray[np.uint8]:
    return np.concatenate([scale(rows) for rows in _rows(values)])


def _rows(values: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """A picture in pieces, so that numbers of eight bytes are made for few of its pixels at a time."""
    step = max(1, _PIXELS_AT_A_TIME // values.shape[1])
    for start in range(0, len(values), step):
        yield values[start : start + step]
