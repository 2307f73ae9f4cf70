"""`fashionbatch train` against the bottleneck script that people write in plain Keras, on the same photos.

    python benchmarks/bottleneck.py PHOTOS [--weights FILE] [--epochs 15] [--rounds 3] [--output RESULT.json]

PHOTOS has `train`, `validation` and `test` folders with a folder for each class. Both train a dense layer on what a
frozen MobileNetV2 sees at 224x224, and judge it by all three splits. The script in Keras is that of the tutorials:
predict once with the backbone, `fit` the head on what came out, `evaluate` it. `fashionbatch train` also converts the
network, checks the bundle, and draws its pictures. Each runs `--rounds` times in a process of its own, in turns; CPU
seconds (user and system) and wall-clock seconds are those of the whole process, and medians are given. Features that an
earlier run left in the cache are not used. int8 is left out: Keras has nothing of the kind.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SIDE, BATCH, RATE = 224, 32, 0.001
RECIPE = """
version: 1
name: bottleneck
data:
  source: {{name: image_folder, path: {photos}}}
  image: {{size: [{side}, {side}], channels: 3}}
  split: {{validation: {{from: validation}}}}
architecture: {{name: pretrained, backbone: MobileNetV2, weights: {weights}, pooling: average}}
head: {{name: multiclass, dropout: 0.2}}
training:
  batch_size: {batch}
  quantize: "off"
  phases:
    - {{name: top, train: head, epochs: {epochs}, optimizer: {{name: adam, learning_rate: {rate}}}}}
"""


def main() -> None:
    options = parse_options()
    if options.as_keras:
        train_in_keras(options)
        return
    with tempfile.TemporaryDirectory(prefix="fashionbatch-bench-") as scratch:
        recipe = Path(scratch, "bottleneck.yaml")
        recipe.write_text(recipe_text(options), encoding="utf-8")
        ways = {
            "keras": [sys.executable, __file__, *sys.argv[1:], "--as-keras"],
            "fashionbatch": [sys.executable, "-m", "fashionbatch", "train", str(recipe), "-o", f"{scratch}/run"],
        }
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
        for _ in range(options.rounds):
            for name, command in ways.items():
                runs[name].append(run(name, command, Path(scratch)))
                print(name, runs[name][-1], file=sys.stderr)
    medians = {
        name: {figure: statistics.median(one[figure] for one in found) for figure in found[0]}
        for name, found in runs.items()
    }
    result = {
        "cpu": processor(),
        "rounds": options.rounds,
        "medians": medians,
        "fashionbatch_to_keras": {
            figure: round(medians["fashionbatch"][figure] / medians["keras"][figure], 3)
            for figure in ("cpu_seconds", "wall_seconds")
        },
    }
    text = json.dumps(result, indent=2)
    print(text)
    if options.output:
        options.output.write_text(text + "\n")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--weights", type=Path, help="of MobileNetV2 with its top; without it they are random")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--as-keras", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def recipe_text(options: argparse.Namespace) -> str:
    weights = json.dumps(str(options.weights.absolute())) if options.weights else "none"
    photos = json.dumps(str(options.photos.absolute()))
    return RECIPE.format(photos=photos, weights=weights, side=SIDE, batch=BATCH, epochs=options.epochs, rate=RATE)


def run(name: str, command: list[str], scratch: Path) -> dict[str, float]:
    """Run one way in a process of its own; gives what it cost and how often it was right about the test split."""
    environment = {**os.environ, "FASHIONBATCH_CACHE_DIR": tempfile.mkdtemp(dir=scratch)}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [*command, "--overwrite"] if name == "fashionbatch" else command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    wall_s, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if name == "fashionbatch":
        accuracy = json.loads(Path(scratch, "run", "summary.json").read_text())["figures"]["test"]["accuracy"]
    else:
        accuracy = json.loads(done.stdout.splitlines()[-1])["test"]
    spent_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu_seconds": round(spent_s, 1), "wall_seconds": round(wall_s, 1), "test_accuracy": round(accuracy, 4)}


def train_in_keras(options: argparse.Namespace) -> None:
    """The script as its author would write it."""
    import keras
    import numpy as np

    keras.utils.set_random_seed(42)
    network = keras.applications.MobileNetV2(weights=str(options.weights) if options.weights else None)
    backbone = keras.Model(network.inputs, network.layers[-2].output)
    images = keras.Input((SIDE, SIDE, 3))
    extractor = keras.Model(images, backbone(keras.applications.mobilenet_v2.preprocess_input(images)))

    features: dict[str, Any] = {}
    labels: dict[str, Any] = {}
    for split in ("train", "validation", "test"):
        photos = keras.utils.image_dataset_from_directory(
            options.photos / split, image_size=(SIDE, SIDE), batch_size=BATCH, shuffle=False, label_mode="int"
        )
        # Batch by batch, features beside labels: `predict` alone would read every photo once more for its label.
        pairs = [(extractor.predict_on_batch(batch), label.numpy()) for batch, label in photos]
        features[split], labels[split] = (np.concatenate(parts) for parts in zip(*pairs, strict=True))

    classes = int(labels["train"].max()) + 1
    head = keras.Sequential(
        [keras.Input(features["train"].shape[1:]), keras.layers.Dropout(0.2), keras.layers.Dense(classes, "softmax")]
    )
    head.compile(keras.optimizers.Adam(RATE), "sparse_categorical_crossentropy", metrics=["accuracy"])
    head.fit(
        features["train"],
        labels["train"],
        batch_size=BATCH,
        epochs=options.epochs,
        validation_data=(features["validation"], labels["validation"]),
        verbose=0,
    )
    accuracy = {split: head.evaluate(features[split], labels[split], verbose=0)[1] for split in features}
    print(json.dumps(accuracy))


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    main()
