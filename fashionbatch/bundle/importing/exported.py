"""What an ONNX file that `fashionbatch export` wrote says of itself: all that an import has to be told otherwise."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import Field, ValidationError

from fashionbatch.bundle.importing.onnx_file import read_metadata
from fashionbatch.bundle.manifest import Labels
from fashionbatch.bundle.part import Part
from fashionbatch.errors import BundleError
from fashionbatch.specs import Decoding, ImageSpec
from fashionbatch.versions import UPDATE, refusal

DESCRIPTION_FORMAT = 1
"""Of the description: a key that is there keeps its name and meaning while the number stays."""
_KEY = "fashionbatch"
_VERSION = "format_version"


class Exported(Part):
    """The description that an export carries.

    Attributes:
        labels: as tables show them, in the order of the outputs.
        decoding: how outputs become labels.
        thresholds: as in a bundle's head.
        groups: attribute -> the labels of which one wins.
        image: how photos are prepared.
    """

    labels: tuple[str, ...] = Field(min_length=1)
    decoding: Decoding
    thresholds: tuple[float, ...] = ()
    groups: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    image: ImageSpec


def exported_description(model: Path) -> Exported | None:
    """Read the description of an export.

    Args:
        model: the model's file or directory, of any format.

    Returns:
        The description; None where the file is no ONNX, or was not written by `fashionbatch export`.

    Raises:
        BundleError: the file is damaged, its description is not one that an export has, or a later version wrote it.
    """
    if model.suffix.lower() != ".onnx":
        return None
    text = read_metadata(model).get(_KEY)
    if text is None:
        return None
    try:
        document = json.loads(text)
        version = document.get(_VERSION) if isinstance(document, dict) else None
        # The first exports carried no number.
        if version is not None and (refused := refusal(version, DESCRIPTION_FORMAT)):
            raise BundleError(f"{model}: {_KEY!r} of its metadata: {refused}", hint=UPDATE)
        found = Exported.model_validate({key: document[key] for key in Exported.model_fields if key in document})
        Labels(class_names=found.labels, display_names=found.labels)
    except (ValidationError, ValueError, TypeError, RecursionError) as error:
        first = error.errors(include_url=False)[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise BundleError(
            f"{model}: {_KEY!r} of its metadata is not what `fashionbatch export` writes: {first[:200]}",
            hint="somebody changed the file; export the bundle again",
        ) from None
    return found
