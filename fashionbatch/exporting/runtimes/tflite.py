"""TensorFlow Lite by LiteRT. Labels and description lie in a ZIP archive at the end of the file."""

from __future__ import annotations

import json
import zipfile
from typing import Any

import numpy as np


def open_model(path: str) -> tuple[dict[str, Any], Any]:
    """What the file says of itself, and a function from images to probabilities."""
    from ai_edge_litert.interpreter import Interpreter

    with zipfile.ZipFile(path) as archive:
        about = json.loads(archive.read("fashionbatch.json"))
    network = Interpreter(path).get_signature_runner("serving_default")
    return about, lambda images: np.concatenate([network(image=image[None])["probabilities"] for image in images])
