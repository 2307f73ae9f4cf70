"""An image spec for decode workers: the same fields without pydantic, whose import is half of a worker's start-up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from fashionbatch.specs import ImageSpec


@dataclass(frozen=True)
class PlainResize:
    """The fields of `fashionbatch.specs.Resize`."""

    mode: Literal["stretch", "crop", "pad"]
    interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos"]
    crop_fraction: float


@dataclass(frozen=True)
class PlainSpec:
    """The fields of `fashionbatch.specs.ImageSpec`; nothing is checked, it comes from one that was."""

    size: tuple[int, int]
    channels: Literal[1, 3]
    resize: PlainResize
    background: tuple[int, int, int]
    accept_truncated: float = 0.0

    @classmethod
    def from_dump(cls, dump: Mapping[str, Any]) -> PlainSpec:
        """From `ImageSpec.model_dump()`, also after a way through JSON."""
        height, width = dump["size"]
        red, green, blue = dump["background"]
        resize, accepted = PlainResize(**dump["resize"]), float(dump.get("accept_truncated", 0.0))
        return cls((height, width), dump["channels"], resize, (red, green, blue), accepted)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of one decoded image."""
        return (*self.size, self.channels)


AnyImageSpec: TypeAlias = "ImageSpec | PlainSpec"
