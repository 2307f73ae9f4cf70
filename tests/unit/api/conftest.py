"""A bundle whose answers are known, and a few photos, one of them damaged."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from fashionbatch.testing.bundles import class_colour, make_tiny_bundle

CLASSES = ("red", "green", "blue")


@pytest.fixture(scope="session")
def bundle_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny", class_names=CLASSES)


@pytest.fixture(scope="session")
def several_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bundle(
        tmp_path_factory.mktemp("bundle") / "several",
        decoding="several_of_many",
        thresholds=(0.5, 0.5, 0.5),
        groups={"warm": ["red", "green"]},
    )


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`blue/0.png`, `green/1.png` ... of different sizes, and `red/bad.jpg`, which is no image."""
    folder = tmp_path_factory.mktemp("photos")
    for index in range(6):
        name = CLASSES[index % 3]
        (folder / name).mkdir(exist_ok=True)
        Image.new("RGB", (30 + index, 20), class_colour(index % 3, 3)).save(folder / name / f"{index}.png")
    (folder / "red" / "bad.jpg").write_bytes(b"no image")
    return folder
