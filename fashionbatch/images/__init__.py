"""The one decoding and preprocessing policy, for training and labeling alike.

From a file, whatever it is called, to uint8 pixels of an `ImageSpec`, or to one ImageError. Nothing of Pillow's global
state is changed, so a program that uses Pillow itself sees no difference.
"""

from fashionbatch.images.decode import (
    DEFAULT_LIMITS,
    DecodeLimits,
    ImageFileLike,
    decode_image,
    decode_into,
    fit_pixels,
    one_line,
    open_regular,
)
from fashionbatch.images.formats import EXTENSIONS, FORMATS, sniff
from fashionbatch.images.policy import POLICY

__all__ = [
    "DEFAULT_LIMITS",
    "EXTENSIONS",
    "FORMATS",
    "POLICY",
    "DecodeLimits",
    "ImageFileLike",
    "decode_image",
    "decode_into",
    "fit_pixels",
    "one_line",
    "open_regular",
    "sniff",
]
