"""What an exported file says of its network beside the weights: labels, decisions, how a photo is prepared."""

from __future__ import annotations

from typing import Any

from fashionbatch import __version__
from fashionbatch.bundle.importing.exported import DESCRIPTION_FORMAT
from fashionbatch.bundle.open import Bundle
from fashionbatch.exporting.kinds import ExportDtype
from fashionbatch.specs import Precision

KEY = "fashionbatch"
"""The name of the whole description within a file's metadata."""
FILE = "fashionbatch.json"
"""The same where metadata are files."""
LABELS_FILE = "labels.txt"


def describe(
    bundle: Bundle,
    *,
    licence: str | None,
    precision: Precision = "float32",
    dtype: ExportDtype = "float32",
    quantization: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Everything that a stranger needs to label a photo as the bundle does, as JSON.

    Args:
        bundle: what is exported.
        licence: under which the network may be used; None where nobody said.
        precision: whose thresholds are meant.
        dtype: of the weights.
        quantization: how they came to 8 bits: `way`, `tried` and `images`.

    Returns:
        `labels` are those that tables show, in the order of the outputs; `image` is how a photo is prepared.
    """
    manifest = bundle.manifest
    head = manifest.decision.head_in(precision)
    shown = dict(zip(manifest.labels.class_names, manifest.labels.display_names, strict=True))
    return {
        "format_version": DESCRIPTION_FORMAT,
        "name": manifest.name,
        "labels": list(manifest.labels.display_names),
        "class_names": list(manifest.labels.class_names),
        "decoding": head.decoding,
        "thresholds": list(head.thresholds),
        "groups": {group: [shown[name] for name in members] for group, members in head.groups.items()},
        "image": manifest.image.model_dump(mode="json"),
        "dtype": dtype,
        "quantization": quantization,
        "bundle": bundle.digest,
        "licence": licence,
        "made_by": f"fashionbatch {__version__}",
    }
