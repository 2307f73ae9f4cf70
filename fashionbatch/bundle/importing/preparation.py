"""How photos are prepared for a network of timm, by the `config.json` that lies beside its model.

It is said there under `pretrained_cfg`: mean and deviation of pixels in 0..1, how photos are resized, and `crop_pct`.
timm resizes the shorter side to the size divided by that, and cuts out the middle: a crop with a fraction here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fashionbatch import disk
from fashionbatch.bundle.importing.adapt import SCALINGS, Scaling

_CONFIG, _LIMIT = "config.json", 16 * 2**20
_NAMED: tuple[Scaling, ...] = ("0..1", "-1..1", "imagenet")
_INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos")
_ROUNDED = 5e-4
"""Means and deviations are written with three digits."""


@dataclass(frozen=True)
class Preparation:
    """What a file beside a model says.

    Attributes:
        file: that file.
        scaling: what is done to pixels; None where it says nothing, or what no scaling here does.
        resize: fields of `Resize`, as far as they are said.
    """

    file: Path
    scaling: Scaling | None = None
    resize: Mapping[str, Any] = field(default_factory=dict)


def preparation_beside(model: Path) -> Preparation | None:
    """Read what lies beside a model, or in it where it is a directory.

    Args:
        model: the model's file or directory.

    Returns:
        What is said there; None where there is no such file, or it says nothing of pixels.
    """
    file = (model if model.is_dir() else model.parent) / _CONFIG
    try:
        document = json.loads(disk.read_regular(file, _LIMIT))
    except (OSError, ValueError, RecursionError):
        return None
    said = document.get("pretrained_cfg") if isinstance(document, dict) else None
    if not isinstance(said, dict) or not {"mean", "std"} <= set(said):
        return None
    resize: dict[str, Any] = {}
    fraction: Any = said.get("crop_pct")
    if said.get("crop_mode", "center") == "center" and _is_number(fraction) and 0 < fraction <= 1:
        resize = {"mode": "crop", "crop_fraction": float(fraction)}
    if said.get("interpolation") in _INTERPOLATIONS:
        resize["interpolation"] = said["interpolation"]
    return Preparation(file, _scaling(said["mean"], said["std"]), resize)


def _scaling(mean: object, deviation: object) -> Scaling | None:
    """The scaling that subtracts a mean and divides by a deviation, both of red, green, blue in 0..1."""
    wanted = [numbers for numbers in (mean, deviation) if _are_three(numbers)]
    if len(wanted) < 2:
        return None
    for name in _NAMED:
        ours = np.array([SCALINGS[name].mean, SCALINGS[name].scale]) / 255
        if np.allclose(np.array(wanted, np.float64), ours, rtol=0, atol=_ROUNDED):
            return name
    return None


def _are_three(numbers: object) -> bool:
    return isinstance(numbers, list) and len(numbers) == 3 and all(map(_is_number, numbers))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
