"""Labels a folder with ONNX Runtime, as a careful user of it would: threads decode ahead, batches of 32, a CSV.

    python onnxruntime_pool.py FOLDER MODEL.onnx OUT.csv --size 224 --scaling -1..1|caffe|0..255 [--grey]

JPEGs are decoded small (Pillow's draft mode), which is what makes Pillow fast on photos.
"""

from __future__ import annotations

import argparse
import csv
import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
from onnx_photos import load_photo

BATCH = 32
AHEAD = 4 * BATCH


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("model")
    parser.add_argument("table")
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--scaling", required=True)
    parser.add_argument("--grey", action="store_true")
    options = parser.parse_args()

    paths = sorted(path for path in options.folder.iterdir() if path.is_file())
    session = onnxruntime.InferenceSession(options.model, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    with ThreadPoolExecutor(os.cpu_count()) as pool, open(options.table, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "label", "prob"])
        start = 0
        for batch in batches(paths, pool, options):
            (probabilities,) = session.run(None, {name: batch})
            for path, row in zip(paths[start : start + BATCH], probabilities, strict=True):
                writer.writerow([path.name, int(row.argmax()), float(row.max())])
            start += BATCH


def batches(paths: list[Path], pool: ThreadPoolExecutor, options: argparse.Namespace) -> Iterator[np.ndarray]:
    """Decoded batches in order, while the next photos are being decoded."""

    def begin(path: Path) -> Future[np.ndarray]:
        return pool.submit(load_photo, path, options.size, options.scaling, grey=options.grey)

    waiting = [begin(path) for path in paths[:AHEAD]]
    following = iter(paths[AHEAD:])
    while waiting:
        batch = [photo.result() for photo in waiting[:BATCH]]
        waiting = waiting[BATCH:] + [begin(path) for _, path in zip(batch, following, strict=False)]
        yield np.stack(batch)


if __name__ == "__main__":
    main()
