"""Parts of the photos that take turns at being held back: each class in each part, equal photos in the same one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fashionbatch.data.stratify import draw

FOLDS = 5


def fold_count(labels: Sequence[tuple[str, ...]]) -> int:
    """Five, or fewer where a class has not so many images; at least two."""
    counts: dict[str, int] = {}
    for names in labels:
        for name in names:
            counts[name] = counts.get(name, 0) + 1
    return max(2, min(FOLDS, *counts.values())) if counts else 2


def draw_folds(
    labels: Sequence[tuple[str, ...]], groups: NDArray[np.int64], folds: int, seed: int
) -> NDArray[np.int64]:
    """The fold of each image.

    Args:
        labels: for each image the names of its classes; each class keeps its share in every fold.
        groups: int64 `(images,)`; images of one group share a fold.
        folds: how many.
        seed: which images.

    Returns:
        int64 `(images,)`, in 0..folds-1.
    """
    names = {name: number for number, name in enumerate(sorted({name for each in labels for name in each}))}
    _, unit_of = np.unique(groups, return_inverse=True)
    holds = np.zeros((int(unit_of.max()) + 1, max(1, len(names))), np.int64)
    for unit, own in zip(unit_of.reshape(-1), labels, strict=True):
        for name in own:
            holds[unit, names[name]] += 1
    kinds, kind_of = np.unique(holds, axis=0, return_inverse=True)
    parts = draw(kinds, kind_of.reshape(-1), [1 / folds] * (folds - 1), np.random.default_rng(seed), stratify=True)
    return parts[unit_of.reshape(-1)]


def groups_of_equal_images(images: Any) -> NDArray[np.int64]:
    """A number for each image, the same for those of equal pixels: a photo that lies in the folder twice.

    Args:
        images: uint8 `(n, height, width, channels)`, or what is indexed like it.
    """
    numbers: dict[bytes, int] = {}
    found = np.empty(len(images), np.int64)
    for index in range(len(images)):
        digest = hashlib.blake2b(np.ascontiguousarray(images[index]).tobytes(), digest_size=16).digest()
        found[index] = numbers.setdefault(digest, len(numbers))
    return found
