from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from fashionbatch.evaluation.predictions import predict_labels

NAMES = ("T-shirt/top", "드레스", "a class with quite a long name that is cut somewhere")


@pytest.fixture
def pixels():
    """Reads a PNG file as uint8 `(height, width, 3)`."""

    def read(path):
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))

    return read


@pytest.fixture
def photos():
    return np.random.default_rng(1).integers(0, 200, (30, 28, 28, 1), np.uint8)


@pytest.fixture
def predictions():
    """Of 30 photos, 21 right and 9 wrong."""
    numbers = np.arange(30) % 3
    targets = np.eye(3, dtype=np.float32)[numbers]
    probabilities = targets * 0.8 + 0.1
    probabilities[:9] = np.roll(probabilities[:9], 1, axis=1)
    return predict_labels(targets, probabilities, NAMES, "one_of_many")
