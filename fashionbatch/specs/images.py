"""The image that a network takes."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, field_validator, model_serializer

from fashionbatch.specs.base import Parameters

IMAGE_EXTENSIONS = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".jfi", ".jif", ".pjpeg", ".pjp", ".mpo", ".png", ".apng", ".webp", ".gif",
     ".bmp", ".dib", ".tif", ".tiff", ".btf", ".avif", ".avifs", ".heic", ".heif", ".heics", ".heifs", ".hif",
     ".jpg_large", ".jpg-large", ".jpg:large", ".jpeg_large", ".png_large", ".png-large", ".png:large", ".jpg_orig",
     ".jpg:orig", ".png_orig", ".png:orig"}
)  # fmt: skip
"""Lower-case file name endings that say "image" where a folder is searched; what a file is, its content says."""


class Resize(Parameters):
    """How a photo of any shape becomes the network's."""

    mode: Literal["stretch", "crop", "pad"] = Field(
        "stretch",
        description="stretch: both sides to the size; crop: the centre, as much as fits; pad: all, on background.",
    )
    interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "bilinear"
    crop_fraction: float = Field(
        1.0, gt=0, le=1, description="The central part of the photo that is used, as a fraction of each side."
    )


class ImageSpec(Parameters):
    """The image that a network takes. Training and labeling decode by the same one; a bundle stores it."""

    size: tuple[int, int] = Field(description="Height and width in pixels.")
    channels: Literal[1, 3] = Field(3, description="1 is grey, 3 is red, green, blue.")
    resize: Resize = Resize()
    background: tuple[int, int, int] = Field(
        (255, 255, 255),
        description="Red, green, blue under transparent pixels and beside padded photos, 0..255.",
    )

    accept_truncated: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of its rows that a JPEG or PNG may lack; they are mid-grey in a JPEG and black in a PNG.",
    )

    @field_validator("size")
    @classmethod
    def _size_is_sane(cls, size: tuple[int, int]) -> tuple[int, int]:
        if not all(1 <= side <= 4096 for side in size):
            raise ValueError("height and width must be between 1 and 4096 pixels")
        return size

    @field_validator("background")
    @classmethod
    def _background_is_a_colour(cls, background: tuple[int, int, int]) -> tuple[int, int, int]:
        if not all(0 <= value <= 255 for value in background):
            raise ValueError("red, green and blue must be between 0 and 255")
        return background

    @model_serializer(mode="wrap")
    def _without_what_is_usual(self, whole: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Bundles and caches of pictures that have to be whole stay as they were before others could be accepted.
        dump: dict[str, Any] = whole(self)
        if not dump.get("accept_truncated"):
            dump.pop("accept_truncated", None)
        return dump

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of one decoded image."""
        return (*self.size, self.channels)
