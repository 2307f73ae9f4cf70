"""Draws images for the parts of a split so that every class keeps its share: one label or several, grouped or not.

The method is iterative stratification: K. Sechidis, G. Tsoumakas, I. Vlahavas, "On the Stratification of Multi-Label
Data", ECML PKDD 2011. For single labels it gives each part each class's share, rounded. scikit-learn stratifies single
labels alone, and groups only in folds of equal size.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]


def draw(
    kinds: Counts, units: Counts, fractions: Sequence[float], rng: np.random.Generator, *, stratify: bool
) -> NDArray[np.int64]:
    """Give each unit to a part. A unit is what stays together: an image, or a group of them.

    Args:
        kinds: int64 `(kinds, classes)`: how many images of each class a unit of that kind holds.
        units: int64 `(units,)`: the kind of each unit.
        fractions: the share of the images that each part should get; the rest is the part after the last.
        rng: decides which units.
        stratify: keep each class's share; otherwise only the number of images counts.

    Returns:
        int64 `(units,)`: the number of each unit's part.
    """
    if not stratify:
        # As if there were one class: units differ by their number of images alone.
        sizes, of_kind = np.unique(np.maximum(kinds.sum(axis=1), 1), return_inverse=True)
        kinds, units = sizes[:, np.newaxis], of_kind.reshape(-1)[units]
    images = np.maximum(kinds.sum(axis=1), 1)
    order = rng.permutation(len(units))
    parts = np.full(len(units), -1, np.int64)
    _give_likes(units, fractions, order, parts)
    wanted, wanted_images = _wanted(kinds, units, fractions), np.array([*fractions, 1 - sum(fractions)])
    wanted_images *= images[units].sum()
    for part in range(len(wanted)):
        given = np.bincount(units[parts == part], minlength=len(kinds))
        wanted[part] -= given @ kinds
        wanted_images[part] -= given @ images
    left = order[parts[order] < 0]
    # The rarest class first: later there would be less choice among its units.
    for label in np.argsort((kinds[units[left]] > 0).sum(axis=0), kind="stable"):
        members = [unit for unit in left if parts[unit] < 0 and kinds[units[unit], label]]
        # Large groups first: small ones even out what they leave. Sorting is stable, so the rest stays shuffled.
        members.sort(key=lambda unit: -kinds[units[unit], label])
        for unit in members:
            part = parts[unit] = _neediest(wanted[:, label], wanted_images)
            wanted[part] -= kinds[units[unit]]
            wanted_images[part] -= images[units[unit]]
    # What has no label goes to whoever lacks images.
    for unit in left[parts[left] < 0]:
        part = parts[unit] = int(np.argmax(wanted_images))
        wanted_images[part] -= images[units[unit]]
    return parts


def _give_likes(units: Counts, fractions: Sequence[float], order: Counts, parts: Counts) -> None:
    """Share out units of one kind, whole numbers at once; only the rests have to be weighed one by one."""
    by_kind = order[np.argsort(units[order], kind="stable")]
    start = 0
    for size in np.bincount(units).tolist():
        # The small addend: 0.2 of 5 is 1, whatever binary fractions say.
        numbers = [int(size * fraction + 1e-9) for fraction in (*fractions, 1 - sum(fractions))]
        # A part that got nothing yet must find something left.
        lacking = numbers.count(0) - (size - sum(numbers))
        largest = numbers.index(max(numbers))
        numbers[largest] = max(0, numbers[largest] - max(0, lacking))
        given = start
        for part, number in enumerate(numbers):
            parts[by_kind[given : given + number]] = part
            given += number
        start += size


def _wanted(kinds: Counts, units: Counts, fractions: Sequence[float]) -> NDArray[np.float64]:
    """Float `(parts, classes)`: images of each class that each part should get; at least one where there are enough."""
    numbers = np.bincount(units, minlength=len(kinds))
    totals = numbers @ kinds
    shares = np.array([*fractions, 1 - sum(fractions)])[:, np.newaxis] * totals
    enough = numbers @ (kinds > 0) >= len(shares)
    wanted: NDArray[np.float64] = np.where(enough & (shares > 0), np.maximum(shares, 1), shares)
    # What small parts get beyond their share, the largest gives up.
    wanted[wanted.argmax(axis=0), np.arange(len(totals))] -= wanted.sum(axis=0) - totals
    return wanted


def _neediest(wanted: NDArray[np.float64], wanted_images: NDArray[np.float64]) -> int:
    most = np.flatnonzero(wanted >= wanted.max() - 1e-9)
    return int(most[np.argmax(wanted_images[most])])
