"""The rules of decoding, as data: a bundle stores them, so that a reader can tell what its network was trained on."""

from __future__ import annotations

from typing import Any, Final

DRAFT_FACTOR: Final = 2
"""A JPEG is decoded at the smallest of its scales that is at least this many times the size in the network."""

REDUCING_GAP: Final = 2.0
"""Pillow's `reducing_gap`: photos are first shrunk by whole factors down to this many times the size."""

POLICY: Final[dict[str, Any]] = {
    "version": 1,
    "formats": "by content: JPEG PNG WEBP GIF BMP TIFF AVIF, and HEIF with the extra heif",
    "frame": "the first",
    "orientation": "EXIF applied to the pixels before resizing; broken EXIF and XMP ignored",
    "colour_profile": "ignored",
    "alpha": "composited on the background before resizing",
    "cmyk": "Adobe's inverted convention; R = (255 - C) * (255 - K) / 255",
    "grey": "a JPEG's own luma, else ITU-R 601",
    "integers_of_16_bits": "scaled by the type's range, rounded; RGB of 16 bits by the high byte",
    "integers_of_32_bits": "0..255 as they are, 0..65535 as 16 bits, else by the picture's own range",
    "floats": "0..1 times 255, 0..255 as they are, else by the picture's own range; NaN is the darkest value",
    "jpeg_scale": f"1/8, 1/4 or 1/2 while at least {DRAFT_FACTOR} times the size",
    "reducing_gap": REDUCING_GAP,
    "crop_fraction": "the centre, the same fraction of both sides",
    "damaged": "an error, never a part of a picture, unless the image spec accepts a share of missing rows",
    "end_marker": "may be missing from a JPEG or PNG, and of a JPEG less than its last row of blocks with it",
}
