"""Images that are decoded, split and ready to be fed: what training and evaluation work on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fashionbatch.decisions import DecisionRule, rule_for
from fashionbatch.specs import Decoding, Split


@dataclass(frozen=True)
class SplitData:
    """One split.

    Attributes:
        images: uint8 `(n, height, width, channels)`, in memory or memory-mapped.
        targets: float32 `(n, outputs)`: one-hot, one column of 0 and 1, or multi-hot, by the head's decoding.
        labels: for each image the names of its classes.
        names: for each image a name that a person recognises: its path within the source, or split and index.
    """

    name: Split
    images: NDArray[np.uint8]
    targets: NDArray[np.float32]
    labels: Sequence[tuple[str, ...]]
    names: Sequence[str]

    def __len__(self) -> int:
        return len(self.names)

    def taken(self, rows: NDArray[np.int64]) -> SplitData:
        """Some of its images, by their positions; their pixels are read when they are asked for."""
        return replace(
            self,
            images=TakenImages(self.images, rows),  # type: ignore[arg-type]  # indexed as an array is
            targets=self.targets[rows],
            labels=[self.labels[row] for row in rows],
            names=[self.names[row] for row in rows],
        )


class TakenImages:
    """Some images of an array, by their positions. A copy of them might not fit into memory.

    It is indexed and sliced as the array of them would be, and gives arrays.

    Args:
        images: uint8 `(n, height, width, channels)`, which may be memory-mapped.
        rows: int64 `(m,)`, positions in it.
    """

    def __init__(self, images: NDArray[np.uint8], rows: NDArray[np.int64]) -> None:
        self._images, self._rows = images, rows
        self.shape, self.dtype, self.ndim = (len(rows), *images.shape[1:]), images.dtype, images.ndim

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, key: Any) -> NDArray[np.uint8]:
        taken: NDArray[np.uint8] = self._images[self._rows[key]]
        return taken


@dataclass(frozen=True)
class Whole:
    """What splits were taken from that are folds of something: its features are computed once for all of them.

    Attributes:
        data: all images, in one split.
        rows: for each split that was taken the positions of its images there, int64.
    """

    data: PreparedData
    rows: Mapping[Split, NDArray[np.int64]]


@dataclass(frozen=True)
class PreparedData:
    """Every split, and what a person should know about how it came to be.

    Attributes:
        class_names: in the order of the network's outputs.
        display_names: how classes are shown, in the same order.
        splits: the splits that are not empty.
        skipped: files that were left out, with the reason.
        duplicates: groups of names whose files are the same, byte for byte, in different splits.
        notes: sentences about the data that the user should read.
        label_groups: attribute -> its labels, where the source says them.
        fingerprint: SHA-256 over images, labels, splits and image spec: the same data again has the same one.
        whole: what the splits were taken from, where they are folds.
    """

    class_names: tuple[str, ...]
    display_names: tuple[str, ...]
    decoding: Decoding
    splits: Mapping[Split, SplitData]
    skipped: Sequence[tuple[str, str]]
    duplicates: Sequence[tuple[str, ...]]
    notes: Sequence[str]
    fingerprint: str
    label_groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    whole: Whole | None = None

    @property
    def rule(self) -> DecisionRule:
        """How a network for these data is read before thresholds are chosen and groups are told."""
        return rule_for(self.decoding, self.class_names)
