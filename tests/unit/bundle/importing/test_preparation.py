"""timm's file beside a model says how photos are prepared; what it says otherwise is left to the user."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fashionbatch.bundle.importing.preparation import preparation_beside

IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}


def _beside(folder: Path, said: object) -> Path:
    (folder / "config.json").write_text(json.dumps({"architecture": "resnet18", "pretrained_cfg": said}))
    return folder / "net.onnx"


@pytest.mark.parametrize(
    ("said", "scaling"),
    [
        (IMAGENET, "imagenet"),
        ({"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}, "-1..1"),
        ({"mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0]}, "0..1"),
        ({"mean": [0.48145466, 0.4578275, 0.40821073], "std": [0.26862954, 0.26130258, 0.27577711]}, None),
        ({"mean": [0.5], "std": [0.5]}, None),
        ({"mean": ["0", "0", "0"], "std": [1, 1, True]}, None),
    ],
)
def test_mean_and_deviation_name_a_scaling_or_none(tmp_path: Path, said: dict[str, Any], scaling: str | None) -> None:
    found = preparation_beside(_beside(tmp_path, said))
    assert found is not None
    assert (found.scaling, found.file, found.resize) == (scaling, tmp_path / "config.json", {})


@pytest.mark.parametrize(
    ("more", "resize"),
    [
        (
            {"crop_pct": 0.875, "interpolation": "bicubic", "crop_mode": "center"},
            {"mode": "crop", "crop_fraction": 0.875, "interpolation": "bicubic"},
        ),
        ({"crop_pct": 1}, {"mode": "crop", "crop_fraction": 1.0}),
        ({"crop_pct": 0.9, "crop_mode": "squash"}, {}),
        ({"crop_pct": 0, "interpolation": "random"}, {}),
        ({"crop_pct": "0.9"}, {}),
    ],
)
def test_the_crop_is_taken_as_far_as_labeling_does_the_same(
    tmp_path: Path, more: dict[str, Any], resize: dict[str, Any]
) -> None:
    found = preparation_beside(_beside(tmp_path, {**IMAGENET, **more}))
    assert found is not None
    assert found.resize == resize


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pretrained_cfg": []}', '{"id2label": {"0": "a"}}', "[" * 100_000])
def test_another_file_says_nothing(tmp_path: Path, text: str) -> None:
    assert preparation_beside(tmp_path / "net.onnx") is None
    (tmp_path / "config.json").write_text(text)
    assert preparation_beside(tmp_path / "net.onnx") is None
