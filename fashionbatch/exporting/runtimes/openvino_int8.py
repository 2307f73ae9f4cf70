"""An OpenVINO graph of 8 bits by OpenVINO."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np


def open_model(path: str) -> tuple[dict[str, Any], Any]:
    """What the directory says of itself, and a function from images to probabilities."""
    import openvino

    with open(os.path.join(path, "fashionbatch.json"), encoding="utf-8") as file:
        about = json.load(file)
    options = {"INFERENCE_PRECISION_HINT": "f32", "EXECUTION_MODE_HINT": "ACCURACY"}
    core = openvino.Core()
    graph = core.read_model(os.path.join(path, "model.xml"))
    # With an open batch size other numbers are rounded.
    graph.reshape([1, *about["image"]["size"], about["image"]["channels"]])
    network = core.compile_model(graph, "CPU", options)
    return about, lambda images: np.concatenate([network(image[None])[0] for image in images])
