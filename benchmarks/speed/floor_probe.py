"""The floor of labeling on this machine: decoding alone and the network alone, each on all cores.

    python floor_probe.py FOLDER GRAPH.xml PRECISION HEIGHT WIDTH CHANNELS

Written with Pillow and OpenVINO alone, so that what FashionBatch itself costs is no part of it. Prints images a second.
Decoding: JPEGs in draft mode at no less than twice the target, one process a core. The network: static batches of 8,
as many streams as OpenVINO's throughput hint makes, for several seconds.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

AT_MOST = 2000
BATCH = 8
SECONDS = 4.0
_HINTS = {"float32": "f32", "int8": "f32", "bfloat16": "bf16"}


def main() -> None:
    folder, graph, precision, *shape = sys.argv[1:7]
    height, width, channels = map(int, shape)
    decoding = decoding_rate(Path(folder), height, width, "L" if channels == 1 else "RGB")
    network = network_rate(graph, precision, (BATCH, height, width, channels))
    print(json.dumps({"decoding": decoding, "network": network}))


def decoding_rate(folder: Path, height: int, width: int, mode: str) -> float:
    """Photos a second, decoded to pixels of the network's size."""
    cores = len(os.sched_getaffinity(0))
    photos = [(str(path), height, width, mode) for path in sorted(folder.iterdir())[:AT_MOST]]
    with multiprocessing.get_context("spawn").Pool(cores) as pool:
        pool.starmap(decode, photos[: 20 * cores])
        began = time.perf_counter()
        pool.starmap(decode, photos, chunksize=10)
        return len(photos) / (time.perf_counter() - began)


def decode(path: str, height: int, width: int, mode: str) -> int:
    with Image.open(path) as photo:
        photo.draft(mode, (2 * width, 2 * height))
        small = photo.convert(mode).resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
        return np.asarray(small).size


def network_rate(graph: str, precision: str, shape: tuple[int, ...]) -> float:
    """Images a second of the network, on random pixels."""
    import openvino

    core = openvino.Core()
    model = core.read_model(graph)
    model.reshape(shape)
    settings = {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": _HINTS[precision]}
    compiled = core.compile_model(model, "CPU", settings)
    kind = np.uint8 if model.input(0).element_type == openvino.Type.u8 else np.float32
    batch = np.random.default_rng(0).integers(0, 256, shape).astype(kind)
    queue = openvino.AsyncInferQueue(compiled)
    for _ in range(2 * len(queue)):
        queue.start_async({0: batch})
    queue.wait_all()
    began, images = time.perf_counter(), 0
    while time.perf_counter() - began < SECONDS:
        queue.start_async({0: batch})
        images += len(batch)
    queue.wait_all()
    return images / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
