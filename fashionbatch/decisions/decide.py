"""Probabilities -> labels, by the decoding that the bundle stores. NumPy alone; every caller decides alike.

Labels are class numbers here, in bundle order; names are the caller's to look up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fashionbatch.bundle.manifest import BundleManifest

PLAIN_THRESHOLD = 0.5
"""What a probability must reach where the bundle has no threshold of its own."""


@dataclass(frozen=True)
class Winners:
    """One class for each image.

    Attributes:
        classes: int64 `(n,)`, class numbers in bundle order.
        probabilities: float32 `(n,)`, the probability of that class.
    """

    classes: NDArray[np.int64]
    probabilities: NDArray[np.float32]


@dataclass(frozen=True)
class Decoded:
    """The labels of n images.

    Attributes:
        class_probabilities: float32 `(n, classes)`, a column for each class: for `yes_or_no` both.
        winner: the class that stands in `label`: the likeliest, ties to the earlier; for `yes_or_no` with a threshold
            the second class from the threshold on.
        chosen: bool `(n, classes)`: the classes that an image is labeled with: its winner, or for `several_of_many`
            those at or over their thresholds, which may be none.
        groups: for each attribute group of the head its own winner among the group's classes.
        valid: bool `(n,)`: whether the network's numbers are probabilities. Where they are not, nothing else here means
            anything: the network failed on that image.
    """

    class_probabilities: NDArray[np.float32]
    winner: Winners
    chosen: NDArray[np.bool_]
    groups: Mapping[str, Winners]
    valid: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.class_probabilities)

    def labels(self, image: int) -> list[int]:
        """The chosen classes of one image, the most likely first, ties in bundle order."""
        [classes] = np.nonzero(self.chosen[image])
        order = np.argsort(-self.class_probabilities[image, classes], kind="stable")
        return [int(number) for number in classes[order]]

    def top(self, count: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The first classes of each image, the winner first, then by probability, ties to the earlier class.

        Args:
            count: how many; no more than there are classes come back.

        Returns:
            Class numbers int64 `(n, count)` and their probabilities float32 `(n, count)`.
        """
        sortable = -self.class_probabilities.astype(np.float64)
        # A threshold can make the less likely of two classes win.
        sortable[np.arange(len(self)), self.winner.classes] = -np.inf
        order = np.argsort(sortable, axis=1, kind="stable")[:, :count]
        return order.astype(np.int64), np.take_along_axis(self.class_probabilities, order, axis=1)


def decode(probabilities: NDArray[np.float32], manifest: BundleManifest) -> Decoded:
    """Read a network's output as the bundle says.

    Args:
        probabilities: float32 `(n, outputs)`.
        manifest: of the bundle that the network came from.

    Returns:
        The labels, for all images at once.

    Raises:
        ValueError: the array is not `(n, outputs)`.

    Example:
        >>> decoded = decode(session.predict(images), bundle.manifest)  # doctest: +SKIP
        >>> [manifest.labels.display_names[number] for number in decoded.winner.classes]  # doctest: +SKIP
        ['Coat', 'Bag']
    """
    if probabilities.ndim != 2 or probabilities.shape[1] != manifest.outputs:
        raise ValueError(f"expected probabilities (n, {manifest.outputs}), got {probabilities.shape}")
    head = manifest.head
    columns = class_probabilities(probabilities, manifest)
    winner = _winner(columns, head.thresholds if head.decoding == "yes_or_no" else ())
    if head.decoding == "several_of_many":
        limits = np.asarray(head.thresholds or [PLAIN_THRESHOLD] * columns.shape[1], np.float64)
        chosen = columns >= limits
    else:
        chosen = np.zeros(columns.shape, np.bool_)
        chosen[np.arange(len(columns)), winner.classes] = True
    numbers = {name: number for number, name in enumerate(manifest.labels.class_names)}
    groups = {
        group: _group_winner(columns, [numbers[name] for name in members]) for group, members in head.groups.items()
    }
    return Decoded(columns, winner, chosen, groups, _valid(probabilities))


def class_probabilities(probabilities: NDArray[np.float32], manifest: BundleManifest) -> NDArray[np.float32]:
    """A column for each class: what `prob_<class>` columns hold.

    `yes_or_no` networks give the second class's probability alone; the first class's is what remains to 1.

    Args:
        probabilities: float32 `(n, outputs)`.
        manifest: of the bundle that the network came from.

    Returns:
        float32 `(n, classes)`.
    """
    if manifest.head.decoding != "yes_or_no":
        return probabilities
    return np.concatenate([np.float32(1) - probabilities, probabilities], axis=1)


def _winner(columns: NDArray[np.float32], thresholds: Sequence[float]) -> Winners:
    if thresholds:
        classes = np.asarray(columns[:, 1] >= np.float64(thresholds[0]), np.int64)
    else:
        classes = columns.argmax(axis=1).astype(np.int64)
    return Winners(classes, columns[np.arange(len(columns)), classes])


def _group_winner(columns: NDArray[np.float32], members: Sequence[int]) -> Winners:
    # Sorted, since ties go to the class that is earlier in the bundle, not in the group's list.
    candidates = np.array(sorted(members), np.int64)
    within = columns[:, candidates]
    best = within.argmax(axis=1)
    return Winners(candidates[best], within[np.arange(len(within)), best])


def _valid(probabilities: NDArray[np.float32]) -> NDArray[np.bool_]:
    # Rounding may carry a softmax a little over 1. NaN fails both comparisons.
    inside = (probabilities >= -1e-4) & (probabilities <= 1 + 1e-4)
    return np.asarray(inside.all(axis=1), np.bool_)
