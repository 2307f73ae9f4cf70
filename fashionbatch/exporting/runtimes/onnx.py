"""ONNX by ONNX Runtime."""

from __future__ import annotations

import json
from typing import Any


def open_model(path: str) -> tuple[dict[str, Any], Any]:
    """What the file says of itself, and a function from images to probabilities."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    about = json.loads(session.get_modelmeta().custom_metadata_map["fashionbatch"])
    return about, lambda images: session.run(["probabilities"], {"image": images})[0]
