"""Features of a frozen backbone, computed once: an epoch then trains the head alone.

The head's phase sees each image's features unchanged in every epoch where the backbone is frozen altogether and nothing
random comes before it. The runtime that labels computes them, in float32, from the graph that a bundle would hold: so
the finished network's answers can be had from them, too. They are kept on disk, keyed by everything that they depend
on: images, weights, and what computes them.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fashionbatch import disk
from fashionbatch.data.places import cache_directory
from fashionbatch.data.prepared import PreparedData, SplitData, TakenImages, Whole
from fashionbatch.errors import BundleError, OutputError, RuntimeUnavailableError
from fashionbatch.inference.cpu import cpu_name
from fashionbatch.inference.session import DEFAULT_RUNTIME
from fashionbatch.model.framework import arithmetic_of_tensorflow
from fashionbatch.model.network import Network
from fashionbatch.plan import Plan, PlannedPhase
from fashionbatch.registry import Registry
from fashionbatch.specs import Split
from fashionbatch.training.checkpoint import write_text
from fashionbatch.training.epochs.backbone import BATCH, backbone_by_keras, backbone_by_runtime
from fashionbatch.training.report import Reporter

if TYPE_CHECKING:
    import openvino as ov

_FORMAT = 4
_SEAL_BYTES = 32
_ROWS_AT_ONCE = 256


def can_be_kept(network: Network, phase: PlannedPhase) -> bool:
    """Whether a phase sees the same features in every epoch."""
    return not network.backbone.trainable_weights and not phase.augmentation


@dataclass(frozen=True)
class FeatureSource:
    """Where features come from: the cache, else the backbone of a network.

    Attributes:
        plan: names the architecture.
        network: its backbone gives the features, with the weights that it has now.
        data: whose images they are of.
        registry: where the runtime is registered.
        reporter: what the user sees.
        convert: gives the graph that a bundle of the network would hold; called where something is to be computed.
    """

    plan: Plan
    network: Network
    data: PreparedData
    registry: Registry
    reporter: Reporter
    convert: Callable[[], ov.Model]

    def of(self, splits: Collection[Split]) -> dict[Split, NDArray[np.float32]]:
        """The features of splits, float32 `(n, features)`, memory-mapped; what the cache lacks is computed into it.

        Raises:
            OutputError: the cache cannot be written.
        """
        if self.data.whole is not None:
            return _rows_of(self.data.whole, splits, self._of_whole(self.data.whole).of)
        by_runtime = self._key(self._facts_of_runtime())
        found = self._kept(by_runtime, splits)
        if len(found) < len(splits):
            try:
                self._compute(by_runtime, splits, found)
            except (BundleError, RuntimeUnavailableError) as error:
                self.reporter.show(f"features are computed by Keras, not by the runtime: {error.message}")
                by_keras = self._key(self._facts_of_keras())
                found = self._kept(by_keras, splits)
                self._compute(by_keras, splits, found, keras=True)
        return found

    def kept(self, splits: Collection[Split]) -> dict[Split, NDArray[np.float32]]:
        """Those that the runtime computed and the cache holds; nothing is computed."""
        if self.data.whole is not None:
            return _rows_of(self.data.whole, splits, self._of_whole(self.data.whole).kept)
        return self._kept(self._key(self._facts_of_runtime()), splits, told=False)

    def _of_whole(self, whole: Whole) -> FeatureSource:
        """The source of the features that those of every fold are among."""
        return replace(self, data=whole.data)

    def _key(self, facts: Mapping[str, str]) -> str:
        """A digest of everything that features depend on, besides the split's name."""
        architecture = self.plan.architecture
        known = {
            "format": _FORMAT,
            "data": self.data.fingerprint,
            "architecture": architecture.resolved(),
            "version": architecture.provider.version,
            "keras": metadata.version("keras"),
            "tensorflow": metadata.version("tensorflow"),
            **facts,
        }
        digest = hashlib.sha256(json.dumps(known, sort_keys=True).encode())
        for weight in self.network.backbone.weights:
            digest.update(np.ascontiguousarray(weight.numpy()).tobytes())
        return digest.hexdigest()

    @staticmethod
    def _facts_of_runtime() -> dict[str, str]:
        return {
            "runtime": DEFAULT_RUNTIME,
            "openvino": metadata.version("openvino"),
            "batch": str(BATCH),
            "cpu": cpu_name(),
        }

    @staticmethod
    def _facts_of_keras() -> dict[str, str]:
        return {"arithmetic": arithmetic_of_tensorflow()}

    def _kept(self, key: str, splits: Collection[Split], *, told: bool = True) -> dict[Split, NDArray[np.float32]]:
        found = {}
        for name in splits:
            features = _read(_file(key, name), self._shape(name))
            if features is not None:
                found[name] = features
                if told:
                    self.reporter.show(f"features of {name}: {len(features):,}, from the cache")
            elif told and _file(key, name).exists():
                self.reporter.show(f"features of {name}: those in the cache are damaged, and are computed anew")
        return found

    def _compute(
        self, key: str, splits: Collection[Split], found: dict[Split, NDArray[np.float32]], *, keras: bool = False
    ) -> None:
        """Compute what is missing of `found`, and add it."""
        if keras:
            opened = backbone_by_keras(self.network)
        else:
            opened = backbone_by_runtime(self.network, self.plan, self.registry, self.convert)
        with opened as backbone:
            for name in splits:
                if name not in found:
                    found[name] = self._computed(_file(key, name), self.data.splits[name], backbone.compute)
                    computed = f"{len(found[name]):,} computed by {backbone.version}"
                    self.reporter.show(f"features of {name}: {computed}, and kept in {_file(key, name).parent}")

    def _computed(self, path: Path, split: SplitData, compute: Any) -> NDArray[np.float32]:
        shape = self._shape(split.name)
        with self.reporter.bar(f"features of {split.name}", len(split), "image") as advance:

            def told() -> Iterator[NDArray[np.float32]]:
                done = 0
                for rows in compute(split.images):
                    yield rows
                    done += len(rows)
                    advance(done)

            _write(path, shape, told(), sealed=True)
        features = _read(path, shape)
        if features is None:
            raise OutputError(f"{path}: was written and cannot be read again")
        return features

    def _shape(self, split: Split) -> tuple[int, int]:
        return len(self.data.splits[split]), int(self.network.backbone.outputs[0].shape[1])


def with_features(source: FeatureSource, splits: Collection[Split]) -> PreparedData:
    """The data with features float32 `(n, features)` in the place of images, from the cache or newly computed.

    Args:
        source: its network's backbone is frozen.
        splits: those that are computed; the data have no others then.

    Raises:
        OutputError: the cache cannot be written.
    """
    # What `images` holds is features from here on; batches are made of them alike.
    found = source.of(splits)
    taken = {name: replace(source.data.splits[name], images=found[name]) for name in splits}  # type: ignore[arg-type]
    return replace(source.data, splits=taken)


def export_features(source: FeatureSource, folder: Path) -> None:
    """Write `SPLIT.npy`, float32 `(n, features)` in file order, and `SPLIT.csv` with each row's name and labels.

    Args:
        source: every split of its data is written.
        folder: made if it is not there.

    Raises:
        OutputError: something cannot be written.
    """
    for name, features in source.of(source.data.splits).items():
        split = source.data.splits[name]
        order = sorted(range(len(split)), key=lambda index: os.fsencode(split.names[index]))
        starts = range(0, len(order), _ROWS_AT_ONCE)
        _write(folder / f"{name}.npy", features.shape, (features[order[at : at + _ROWS_AT_ONCE]] for at in starts))
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["name", "labels"])
        writer.writerows([split.names[index], "|".join(split.labels[index])] for index in order)
        write_text(folder / f"{name}.csv", text.getvalue())


def _rows_of(
    whole: Whole, splits: Collection[Split], features: Callable[[Collection[Split]], dict[Split, NDArray[np.float32]]]
) -> dict[Split, NDArray[np.float32]]:
    """The features of folds, by their rows among those of all images; empty where those are not known."""
    [(name, _)] = whole.data.splits.items()
    found = features([name])
    if name not in found:
        return {}
    return {split: TakenImages(found[name], whole.rows[split]) for split in splits}  # type: ignore[misc,arg-type]


def _file(key: str, split: Split) -> Path:
    return cache_directory() / "features" / key / f"{split}.npy"


def _read(path: Path, shape: tuple[int, int]) -> NDArray[np.float32] | None:
    """The features in a file, memory-mapped; None where it is not what it should be, and is made again."""
    try:
        # A named pipe would keep NumPy waiting for ever.
        disk.open_regular(path).close()
        features: Any = np.load(path, mmap_mode="r", allow_pickle=False)
        seal = _seal(path)
    except (OSError, ValueError, EOFError):
        return None
    if features.shape != shape or features.dtype != np.float32:
        return None
    # A bit that has flipped would train another head, without a word.
    digest = hashlib.blake2b(features.reshape(-1), digest_size=_SEAL_BYTES).digest()
    return features if digest == seal else None


def _seal(path: Path) -> bytes:
    with disk.open_regular(path) as file:
        file.seek(-_SEAL_BYTES, os.SEEK_END)
        return file.read()


def _write(path: Path, shape: tuple[int, int], parts: Iterable[NDArray[np.float32]], *, sealed: bool = False) -> None:
    """Write an .npy file part by part, in one step for whoever looks for it; its seal is a digest after the rows."""
    with disk.output_errors(path):
        disk.make_directory(path.parent)
        disk.remove_leftovers(path)
        with disk.writing(path) as file:
            header = {"descr": "<f4", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            digest = hashlib.blake2b(digest_size=_SEAL_BYTES)
            for part in parts:
                content = np.ascontiguousarray(part, "<f4").tobytes()
                digest.update(content)
                file.write(content)
            if sealed:
                file.write(digest.digest())
