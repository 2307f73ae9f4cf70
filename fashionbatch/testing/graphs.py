"""A network small enough to know its answers by heart, made without TensorFlow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SHARPNESS = 1 / 32


def mean_colour_graph(folder: Path, *, size: tuple[int, int]) -> Path:
    """Write `model.xml` and `model.bin` of a network whose three classes are the primary colours.

    It takes uint8 `(batch, height, width, 3)` and gives the softmax of the mean of each channel divided by 32.

    Returns:
        The path of `model.xml`.
    """
    import openvino
    from openvino import opset13 as ops

    image = ops.parameter([-1, *size, 3], openvino.Type.u8, name="image")
    mean = ops.reduce_mean(ops.convert(image, "f32"), ops.constant(np.array([1, 2], np.int64)), keep_dims=False)
    scaled = ops.multiply(mean, ops.constant(np.float32(SHARPNESS)))
    graph = folder / "model.xml"
    model = openvino.Model([ops.softmax(scaled, axis=1)], [image], "mean_colour")
    openvino.save_model(model, graph, compress_to_fp16=False)
    return graph


def mean_colour_probabilities(photos: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What the network answers, computed by NumPy: float32 `(batch, 3)`."""
    scaled = photos.astype(np.float64).mean(axis=(1, 2)) * SHARPNESS
    exponentials = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True), np.float32)
