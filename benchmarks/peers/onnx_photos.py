"""Photos as the ONNX peers feed them: decoded by Pillow, scaled by NumPy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

CAFFE_MEAN = np.array([103.939, 116.779, 123.68], np.float32)


def load_photo(path: Path, size: int, scaling: str, *, grey: bool) -> np.ndarray:
    """float32 `(size, size, channels)`, scaled as the network was trained."""
    with Image.open(path) as photo:
        mode = "L" if grey else "RGB"
        photo.draft(mode, (2 * size, 2 * size))
        pixels = np.asarray(photo.convert(mode).resize((size, size), Image.Resampling.BILINEAR), np.float32)
    pixels = pixels.reshape(size, size, -1)
    if scaling == "-1..1":
        return pixels / 127.5 - 1
    if scaling == "caffe":
        return pixels[..., ::-1] - CAFFE_MEAN
    return pixels
