"""Writes the graph of 8 bits that a bundle holds as OpenVINO's own format."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

from fashionbatch import disk
from fashionbatch.bundle.graph.record import GRAPH_FILES, GRAPH_NAME, GRAPH_WEIGHTS_NAME
from fashionbatch.bundle.open import Bundle
from fashionbatch.errors import BundleError
from fashionbatch.exporting.description import FILE, LABELS_FILE


def quantization_of(bundle: Bundle) -> dict[str, Any] | None:
    """How a bundle's graph came to 8 bits; None where it does not say."""
    graph = bundle.manifest.graphs.get("int8")
    made = None if graph is None else graph.quantization
    return None if made is None else {"way": made.way, "tried": list(made.tried), "images": made.images}


def write_openvino_int8(bundle: Bundle, about: dict[str, Any], target: Path) -> None:
    """Copy the graph of 8 bits, with the labels as files beside it.

    Args:
        bundle: whose graph it is.
        about: as `describe` gives it.
        target: a new directory in a folder for temporary files.

    Raises:
        BundleError: the bundle has no such graph.
        ScratchError: temporary files find no room.
    """
    if "int8" not in bundle.manifest.graphs:
        # Of an imported bundle nobody knows what data it was trained with.
        data = "" if bundle.recipe else " --data PHOTOS"
        where = shlex.quote(str(bundle.path))
        raise BundleError(
            f"{bundle.path}: holds no graph of 8 bits", hint=f"first: fashionbatch bundle quantize {where}{data}"
        )
    with disk.scratch_errors():
        target.mkdir()
        for source, name in zip(GRAPH_FILES["int8"], (GRAPH_NAME, GRAPH_WEIGHTS_NAME), strict=True):
            disk.copy_new(bundle.path / source, target / name)
        texts = {
            FILE: f"{json.dumps(about, ensure_ascii=False, indent=2)}\n",
            LABELS_FILE: "".join(f"{label}\n" for label in about["labels"]),
        }
        for name, text in texts.items():
            with disk.write_new(target / name, sync=False) as file:
                file.write(text.encode("utf-8"))
