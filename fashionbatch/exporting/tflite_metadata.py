"""The metadata of a TensorFlow Lite file: what its tensors mean, and the files that are packed into it.

The description is a FlatBuffer within the model, by TensorFlow's `metadata_schema.fbs` (version 1.1.0); the files that
it names stand in a ZIP archive that is appended to the model. The package that writes both, tflite-support, has no
builds for Python 3.12 and later, so they are written here: a field is its number in the schema.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from typing import Any

from fashionbatch.decisions import rule_for
from fashionbatch.exporting.description import FILE, LABELS_FILE

_METADATA_NAME = b"TFLITE_METADATA"
_MODEL_IDENTIFIER, _METADATA_IDENTIFIER = b"TFL3", b"M001"
_MIN_PARSER_VERSION = "1.0.0"
_DESCRIPTIONS, _TENSOR_AXIS_LABELS = 1, 2
_RGB, _GRAYSCALE = 1, 2
_IMAGE_PROPERTIES = 2
_EPOCH = (1980, 1, 1, 0, 0, 0)


def with_metadata(model: bytes, about: dict[str, Any]) -> bytes:
    """The model with its metadata and the packed files `labels.txt` and `fashionbatch.json`.

    Args:
        model: as the converter gives it.
        about: as `describe` gives it.
    """
    import flatbuffers
    from tensorflow.lite.python import schema_py_generated as schema

    tree = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(model, 0))
    buffer = schema.BufferT()
    buffer.data = list(_metadata(about))
    entry = schema.MetadataT()
    entry.name, entry.buffer = _METADATA_NAME, len(tree.buffers)
    tree.buffers.append(buffer)
    tree.metadata = [*(tree.metadata or ()), entry]
    builder = flatbuffers.Builder(len(model))
    builder.Finish(tree.Pack(builder), _MODEL_IDENTIFIER)
    whole = io.BytesIO(bytes(builder.Output()))
    with zipfile.ZipFile(whole, "a") as archive:
        for name, text in (
            (LABELS_FILE, "".join(f"{label}\n" for label in _labels(about))),
            (FILE, json.dumps(about, ensure_ascii=False, indent=2) + "\n"),
        ):
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), text.encode("utf-8"))
    return whole.getvalue()


def _labels(about: dict[str, Any]) -> list[str]:
    """One for each output: a network of yes or no gives the probability of its second label alone."""
    labels: list[str] = about["labels"]
    return [labels[number] for number in rule_for(about["decoding"], labels).output_classes]


def _metadata(about: dict[str, Any]) -> bytes:
    import flatbuffers

    builder = flatbuffers.Builder(1024)
    build = _Tables(builder)
    grey = about["image"]["channels"] == 1
    image = build.table(((0, "int8", _GRAYSCALE if grey else _RGB),), 2)
    content = build.table(((0, "int8", _IMAGE_PROPERTIES), (1, "table", image)), 3)
    pixels = build.table(
        (
            (0, "table", builder.CreateString("image")),
            (1, "table", builder.CreateString("The photo, uint8, 0 to 255. It is scaled within the network.")),
            (3, "table", content),
        ),
        7,
    )
    axis = build.table(
        ((0, "table", builder.CreateString(LABELS_FILE)), (2, "int8", _TENSOR_AXIS_LABELS)),
        4,
    )
    probabilities = build.table(
        (
            (0, "table", builder.CreateString("probabilities")),
            (1, "table", builder.CreateString("The probability of each label.")),
            (6, "table", build.vector([axis])),
        ),
        7,
    )
    graph = build.table(((2, "table", build.vector([pixels])), (3, "table", build.vector([probabilities]))), 7)
    whole = build.table(((0, "table", builder.CreateString(FILE)), (2, "int8", _DESCRIPTIONS)), 4)
    fields = [
        (0, "table", builder.CreateString(about["name"])),
        (3, "table", build.vector([graph])),
        (4, "table", builder.CreateString(about["made_by"])),
        (6, "table", build.vector([whole])),
        (7, "table", builder.CreateString(_MIN_PARSER_VERSION)),
    ]
    if about["licence"]:
        fields.append((5, "table", builder.CreateString(about["licence"])))
    builder.Finish(build.table(fields, 8), _METADATA_IDENTIFIER)
    return bytes(builder.Output())


class _Tables:
    """Writes tables and vectors of tables into a FlatBuffer; what they refer to is written before."""

    def __init__(self, builder: Any) -> None:
        self._builder = builder

    def table(self, fields: Sequence[tuple[int, str, int]], count: int) -> int:
        """A table of a schema with so many fields.

        Args:
            fields: number in the schema, `int8` or `table`, and the number or the place of what it refers to.
            count: fields that the schema has.
        """
        self._builder.StartObject(count)
        for number, kind, value in fields:
            if kind == "int8":
                self._builder.PrependInt8Slot(number, value, 0)
            else:
                self._builder.PrependUOffsetTRelativeSlot(number, value, 0)
        return int(self._builder.EndObject())

    def vector(self, places: Sequence[int]) -> int:
        """A vector of tables, by their places."""
        self._builder.StartVector(4, len(places), 4)
        for place in reversed(places):
            self._builder.PrependUOffsetTRelative(place)
        return int(self._builder.EndVector())
