"""What verbs that train are tried on: forty pictures of noise in two classes, and a recipe for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

TWO_SHAPES = """
version: 1
name: two shapes
data:
  source: {name: npz, path: pictures.npz}
  image: {size: [8, 8], channels: 1}
  split: {validation: 0.25, test: 0.0}
architecture: {name: mlp, dense: [4]}
training: {epochs: 2, batch_size: 8}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """The file of the recipe, with its pictures beside it."""
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "pictures.npz", x_train=images, y_train=np.arange(40) % 2)
    path = tmp_path / "two.yaml"
    path.write_text(TWO_SHAPES, encoding="utf-8")
    return path
