"""Writes a network as a SavedModel, TensorFlow's own format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fashionbatch import disk
from fashionbatch.exporting.description import FILE
from fashionbatch.exporting.network import converting, save, traced

if TYPE_CHECKING:
    import keras


def write_saved_model(model: keras.Model, about: dict[str, Any], target: Path) -> None:
    """Write a network as a SavedModel with the signature `serving_default` of uint8 images.

    Args:
        model: as `model_of` gives it.
        about: as `describe` gives it; it lies in `assets.extra`, where TensorFlow leaves room for others.
        target: a new directory in a folder for temporary files.

    Raises:
        BundleError: the network cannot be converted.
        ScratchError: temporary files find no room.
    """
    with converting("a SavedModel"):
        save(traced(model, None), target)
    with disk.scratch_errors():
        (target / "assets.extra").mkdir()
        with disk.write_new(target / "assets.extra" / FILE, sync=False) as file:
            file.write(f"{json.dumps(about, ensure_ascii=False, indent=2)}\n".encode())
