"""The same decoding, network and table without protection: threads in one process, no shards, no commits.

    python benchmarks/unprotected.py DIR BUNDLE OUT.csv PRECISION

What `classify` costs beyond this is the price of isolation and crash-safety. One bad photo ends it.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from fashionbatch.bundle.open import open_bundle
from fashionbatch.images import decode_into
from fashionbatch.inference.session import DEFAULT_BATCH_SIZE, open_session, usable_cores
from fashionbatch.plugins import load_plugins

AHEAD = 4


def main() -> None:
    folder, bundle_path, table, precision = sys.argv[1:5]
    bundle = open_bundle(Path(bundle_path))
    paths = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    names = bundle.manifest.labels.display_names
    registry = load_plugins(hooks={"register_runtimes"}).registry
    kind: Any = precision
    with (
        open_session(bundle, registry=registry, precision=kind) as session,
        ThreadPoolExecutor(usable_cores()) as pool,
        open(table, "w", newline="", encoding="utf-8") as file,
    ):
        probabilities = session.predict(batches(paths, bundle.manifest.image, pool))
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["filepath", "label", "prob"])
        for path, row in zip(paths, probabilities, strict=True):
            best = int(row.argmax())
            writer.writerow([path.name, names[best], f"{row[best]:.6g}"])


def batches(paths: list[Path], spec: Any, pool: ThreadPoolExecutor) -> Iterator[np.ndarray[Any, Any]]:
    """Decoded batches in order, a few of them ahead of the network."""
    starts = list(range(0, len(paths), DEFAULT_BATCH_SIZE))
    waiting = [decode_batch(paths, start, spec, pool) for start in starts[:AHEAD]]
    for start in [*starts[AHEAD:], *[None] * min(AHEAD, len(starts))]:
        out, futures = waiting.pop(0)
        for future in futures:
            future.result()
        if start is not None:
            waiting.append(decode_batch(paths, start, spec, pool))
        yield out


def decode_batch(paths: list[Path], start: int, spec: Any, pool: ThreadPoolExecutor) -> tuple[Any, list[Any]]:
    chosen = paths[start : start + DEFAULT_BATCH_SIZE]
    out = np.empty((len(chosen), *spec.shape), np.uint8)
    return out, [pool.submit(decode_into, path, spec, out[row]) for row, path in enumerate(chosen)]


if __name__ == "__main__":
    main()
