"""What is refused before a bundle is exported or quantized; what comes of it is tested with the formats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import fashionbatch as fb


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"to": "onx"}, "there is no format 'onx'; there are onnx, tflite, saved_model, openvino_int8"),
        ({"to": "onnx", "dtype": "int8"}, "onnx takes weights of float32 or float16, not int8"),
        ({"to": "tflite", "opset": 15}, "opset belongs to onnx; tflite has none"),
        ({"to": "onnx", "opset": 3}, "opset must be from 13 to 18, got 3"),
    ],
)
def test_what_a_format_does_not_have_is_the_callers_mistake(
    bundle_path: Path, tmp_path: Path, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        fb.export(bundle_path, output=tmp_path / "out", progress=False, **options)
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_there_cannot_be_exported(tmp_path: Path) -> None:
    with pytest.raises(fb.BundleError, match="nowhere"):
        fb.export(tmp_path / "nowhere", "saved_model", tmp_path / "out", progress=False)
    assert list(tmp_path.iterdir()) == []


def test_photos_without_labels_have_to_be_named(bundle_path: Path) -> None:
    with pytest.raises(ValueError, match="there is none"):
        fb.quantize(bundle_path, unlabeled=True, progress=False)


def test_a_folder_that_is_no_bundle_is_not_replaced_by_a_quantized_one(bundle_path: Path, tmp_path: Path) -> None:
    pytest.importorskip("nncf", reason="the extra `int8` is not installed")
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(fb.OutputError, match="no bundle"):
        fb.quantize(bundle_path, tmp_path, output=tmp_path, overwrite=True, progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
