"""Labels a folder the way tutorials end: one photo is loaded, `predict` is called with it, then comes the next.

python keras_loop.py FOLDER MODEL OUT.csv --count 100 --size 224 [--weights FILE] [--grey]
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import keras  # noqa: TID253 - as its users write it
import numpy as np


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("model")
    parser.add_argument("table")
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--weights")
    parser.add_argument("--grey", action="store_true")
    options = parser.parse_args()

    if options.model.endswith(".keras"):
        model = keras.models.load_model(options.model)
    else:
        model = getattr(keras.applications, options.model)(weights=options.weights)
    mode = "grayscale" if options.grey else "rgb"
    with open(options.table, "w", newline="") as file:
        writer = csv.writer(file)
        for path in sorted(options.folder.iterdir())[: options.count]:
            photo = keras.utils.load_img(path, color_mode=mode, target_size=(options.size, options.size))
            pixels = keras.utils.img_to_array(photo)
            probabilities = model.predict(np.expand_dims(pixels, 0), verbose=0)[0]
            writer.writerow([path.name, probabilities.argmax(), probabilities.max()])


if __name__ == "__main__":
    main()
