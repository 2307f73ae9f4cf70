"""Features of a frozen backbone, computed once: an epoch then trains the head alone.

The head's phase sees each image's features unchanged in every epoch where the backbone is frozen altogether and nothing
random comes before it. They are kept on disk, keyed by everything that they depend on: images, weights, and arithmetic.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fashionbatch import disk
from fashionbatch.data.context import cache_directory
from fashionbatch.data.prepared import PreparedData, SplitData
from fashionbatch.errors import OutputError
from fashionbatch.model.framework import arithmetic_of_tensorflow
from fashionbatch.model.network import Network
from fashionbatch.plan import Plan, PlannedPhase
from fashionbatch.specs import Split
from fashionbatch.training.checkpoint import write_text
from fashionbatch.training.report import Reporter

_BATCH = 32
_FORMAT = 2


def can_be_kept(network: Network, phase: PlannedPhase) -> bool:
    """Whether a phase sees the same features in every epoch."""
    return not network.backbone.trainable_weights and not phase.augmentation


def with_features(plan: Plan, network: Network, data: PreparedData, reporter: Reporter) -> PreparedData:
    """The data with features float32 `(n, features)` in the place of images, from the cache or newly computed.

    Args:
        plan: names the architecture.
        network: its backbone is frozen.
        data: the splits `train` and `validation` are taken; what judges the network is labeled by the bundle.
        reporter: shows a bar while features are computed.

    Raises:
        OutputError: the cache cannot be written.
    """
    key = _key(plan, network, data)
    splits: dict[Split, SplitData] = {}
    for name in data.splits:
        if name != "test":
            split = data.splits[name]
            # What `images` holds is features from here on; batches are made of them alike.
            splits[name] = replace(split, images=_features(network, split, key, reporter))  # type: ignore[arg-type]
    return replace(data, splits=splits)


def export_features(plan: Plan, network: Network, data: PreparedData, folder: Path, reporter: Reporter) -> None:
    """Write `SPLIT.npy`, float32 `(n, features)` in file order, and `SPLIT.csv` with each row's name and labels.

    Args:
        plan: names the architecture.
        network: its backbone gives the features.
        data: every split is written.
        folder: made if it is not there.
        reporter: shows a bar while features are computed.

    Raises:
        OutputError: something cannot be written.
    """
    key = _key(plan, network, data)
    for name, split in data.splits.items():
        features = _features(network, split, key, reporter)
        order = sorted(range(len(split)), key=lambda index: os.fsencode(split.names[index]))
        starts = range(0, len(order), _BATCH)
        _write(folder / f"{name}.npy", features.shape, (features[order[at : at + _BATCH]] for at in starts))
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["name", "labels"])
        writer.writerows([split.names[index], "|".join(split.labels[index])] for index in order)
        write_text(folder / f"{name}.csv", text.getvalue())


def _key(plan: Plan, network: Network, data: PreparedData) -> str:
    """A digest of everything that features depend on, besides the split's name."""
    facts = {
        "format": _FORMAT,
        "data": data.fingerprint,
        "architecture": plan.architecture.resolved(),
        "version": plan.architecture.provider.version,
        "arithmetic": arithmetic_of_tensorflow(),
        "keras": metadata.version("keras"),
        "tensorflow": metadata.version("tensorflow"),
    }
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for weight in network.backbone.weights:
        digest.update(np.ascontiguousarray(weight.numpy()).tobytes())
    return digest.hexdigest()


def _features(network: Network, split: SplitData, key: str, reporter: Reporter) -> NDArray[np.float32]:
    shape = (len(split), int(network.backbone.outputs[0].shape[1]))
    path = cache_directory() / "features" / key / f"{split.name}.npy"
    if path.is_file():
        kept = _read(path, shape)
        if kept is not None:
            reporter.show(f"features of {split.name}: {len(split):,}, from the cache")
            return kept
    with reporter.bar(f"features of {split.name}", len(split), "image") as advance:

        def compute() -> Iterator[NDArray[np.float32]]:
            for start in range(0, len(split), _BATCH):
                pixels = np.asarray(split.images[start : start + _BATCH], np.float32)
                yield np.asarray(network.backbone.predict_on_batch(pixels), np.float32)
                advance(start + len(pixels), {})

        _write(path, shape, compute())
    reporter.show(f"features of {split.name}: {len(split):,} computed, and kept in {path.parent}")
    features = _read(path, shape)
    if features is None:
        raise OutputError(f"{path}: was written and cannot be read again")
    return features


def _read(path: Path, shape: tuple[int, int]) -> NDArray[np.float32] | None:
    """The features in a file, memory-mapped; None where it is not what it should be, and is made again."""
    try:
        # A named pipe would keep NumPy waiting for ever.
        disk.open_regular(path).close()
        features: Any = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return features if features.shape == shape and features.dtype == np.float32 else None


def _write(path: Path, shape: tuple[int, int], parts: Iterable[NDArray[np.float32]]) -> None:
    """Write an .npy file part by part, in one step for whoever looks for it."""
    with disk.output_errors(path):
        disk.make_directory(path.parent)
        disk.remove_leftovers(path)
        with disk.writing(path) as file:
            header = {"descr": "<f4", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            for part in parts:
                file.write(np.ascontiguousarray(part, "<f4").tobytes())
