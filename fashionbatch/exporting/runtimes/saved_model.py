"""A SavedModel by TensorFlow."""

from __future__ import annotations

import json
import os
from typing import Any


def open_model(path: str) -> tuple[dict[str, Any], Any]:
    """What the directory says of itself, and a function from images to probabilities."""
    import tensorflow as tf

    with open(os.path.join(path, "assets.extra", "fashionbatch.json"), encoding="utf-8") as file:
        about = json.load(file)
    loaded = tf.saved_model.load(path)
    network = loaded.signatures["serving_default"]
    # The signature does not keep what was loaded alive.
    return about, lambda images, _loaded=loaded: network(image=tf.constant(images))["probabilities"].numpy()
