"""Makes networks with Keras, in a process of its own, since the benchmark itself imports neither Keras nor TensorFlow.

python builders.py small-cnn OUT.keras
python builders.py random-weights APPLICATION OUT.weights.h5
"""

from __future__ import annotations

import sys
from importlib import resources
from pathlib import Path

import numpy as np


def small_cnn(path: str) -> None:
    """Train a small network for a minute, so that its labels, and what int8 makes of them, mean something."""
    import keras

    with np.load(str(resources.files("fashionbatch_plugins") / "samples" / "fashion_mnist_sample.npz")) as sample:
        images, labels = sample["x_train"][..., None], sample["y_train"]
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Conv2D(32, 3, activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Conv2D(64, 3, activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Flatten(),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(images, labels, epochs=5, verbose=0)
    model.save(path)


def random_weights(application: str, path: str) -> None:
    """Weights as a network has them before its training; it is as fast with them as with others."""
    import keras

    getattr(keras.applications, application)(weights=None).save_weights(path)


if __name__ == "__main__":
    Path(sys.argv[-1]).parent.mkdir(parents=True, exist_ok=True)
    if sys.argv[1] == "small-cnn":
        small_cnn(sys.argv[2])
    else:
        random_weights(sys.argv[2], sys.argv[3])
