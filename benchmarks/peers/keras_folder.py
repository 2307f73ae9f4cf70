"""Labels a folder the way Keras's own guide does: `image_dataset_from_directory`, `predict`, a DataFrame.

    python keras_folder.py FOLDER MODEL OUT.csv --size 224 [--weights FILE] [--grey]

MODEL is the name of a network in keras.applications, or a `.keras` file that scales its images itself.
"""

from __future__ import annotations

import argparse

import keras  # noqa: TID253 - as its users write it
import pandas as pd  # noqa: TID253 - likewise

# The applications that are measured, and the module that holds each one's preprocessing.
MODULES = {"MobileNetV2": "mobilenet_v2", "ResNet50": "resnet"}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("model")
    parser.add_argument("table")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--weights")
    parser.add_argument("--grey", action="store_true")
    options = parser.parse_args()

    images = keras.utils.image_dataset_from_directory(
        options.folder,
        labels=None,
        color_mode="grayscale" if options.grey else "rgb",
        image_size=(options.size, options.size),
        batch_size=32,
        shuffle=False,
        verbose=0,
    )
    names = images.file_paths
    if options.model.endswith(".keras"):
        model = keras.models.load_model(options.model)
    else:
        model = getattr(keras.applications, options.model)(weights=options.weights)
        images = images.map(getattr(keras.applications, MODULES[options.model]).preprocess_input)
    probabilities = model.predict(images.prefetch(2), verbose=0)
    table = {"file": names, "label": probabilities.argmax(axis=1), "prob": probabilities.max(axis=1)}
    pd.DataFrame(table).to_csv(options.table, index=False)


if __name__ == "__main__":
    main()
