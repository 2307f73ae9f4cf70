"""The one decoding and preprocessing policy, for training and labeling alike.

From a file, whatever it is called, to uint8 pixels of an `ImageSpec`, or to one ImageError. Nothing of Pillow's global
state is changed, so a program that uses Pillow itself sees no difference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fashionbatch.images.decode import (
    DEFAULT_LIMITS,
    DecodeLimits,
    ImageFileLike,
    decode_image,
    decode_into,
    fit_image,
    fit_pixels,
    one_line,
    open_regular,
    view_image,
)
from fashionbatch.images.formats import FORMATS, sniff
from fashionbatch.images.header import ImageHeader, read_header
from fashionbatch.images.policy import POLICY
from fashionbatch.images.spec import AnyImageSpec, PlainSpec

if TYPE_CHECKING:
    from fashionbatch.specs import IMAGE_EXTENSIONS as EXTENSIONS

__all__ = [
    "DEFAULT_LIMITS",
    "EXTENSIONS",
    "FORMATS",
    "POLICY",
    "AnyImageSpec",
    "DecodeLimits",
    "ImageFileLike",
    "ImageHeader",
    "PlainSpec",
    "decode_image",
    "decode_into",
    "fit_image",
    "fit_pixels",
    "one_line",
    "open_regular",
    "read_header",
    "sniff",
    "view_image",
]


def __getattr__(name: str) -> object:
    # Only who searches folders wants it: a decode worker need not wait for pydantic, which `specs` imports.
    if name == "EXTENSIONS":
        from fashionbatch.specs import IMAGE_EXTENSIONS

        return IMAGE_EXTENSIONS
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
