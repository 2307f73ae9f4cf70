from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from PIL import Image

from fashionbatch.testing.bundles import class_colour, make_tiny_bundle

Paint = Callable[[Mapping[str, int]], Path]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with the classes red, green and blue, which labels an image by its mean colour."""
    return make_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """An empty folder."""
    folder = tmp_path / "photos"
    folder.mkdir()
    return folder


@pytest.fixture
def paint(photos: Path) -> Paint:
    """Paint photos in the colour of a class: `paint({"a.png": 0, "sub/b.png": 2})`; gives the folder."""

    def make(files: Mapping[str, int]) -> Path:
        for name, number in files.items():
            path = photos / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (8, 8), class_colour(number, 3)).save(path)
        return photos

    return make
