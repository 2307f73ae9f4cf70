"""What is said of the labeled images that a network is judged by."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from fashionbatch.bundle.open import open_bundle
from fashionbatch.evaluation.truth import truth_of_folder
from fashionbatch.plan import Plan, plan_from_text
from fashionbatch.plugins import load_plugins
from fashionbatch.testing.bundles import make_tiny_bundle

CLASSES = ("blue", "red")
RECIPE = """
version: 1
name: colours
data:
  source: {{name: image_folder, path: {path}}}
  image: {{size: [8, 8]}}
  split: {{validation: {validation}}}
architecture: cnn
head: multiclass
"""


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for name in CLASSES:
        (folder / name).mkdir(parents=True)
        for number in range(10):
            Image.new("RGB", (8, 8), name).save(folder / name / f"{number}.png")
    return folder


def notes(folder: Path, tmp_path: Path, *, path: str = "photos", validation: float = 0.2) -> tuple[str, ...]:
    registry = load_plugins().registry
    plan: Plan = plan_from_text(RECIPE.format(path=path, validation=validation), registry, tmp_path)
    manifest = open_bundle(make_tiny_bundle(tmp_path / "bundle", class_names=CLASSES)).manifest
    return truth_of_folder(folder, manifest, registry, plan).notes


def test_the_photos_that_a_network_was_trained_with_flatter_it(photos: Path, tmp_path: Path) -> None:
    assert notes(photos, tmp_path) == (
        "the network was trained on 16 of these 20 images, so the figures flatter it; "
        "without --data its validation split is judged alone",
    )


def test_another_folder_is_judged_without_a_word(photos: Path, tmp_path: Path) -> None:
    assert notes(photos, tmp_path, path="elsewhere") == ()


def test_where_nothing_was_held_back_nothing_else_can_be_judged(photos: Path, tmp_path: Path) -> None:
    assert notes(photos, tmp_path, validation=0.0) == ()
