"""How sure labels are, counted in flat memory: on a grid of a thousand steps, whatever the number of rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from fashionbatch.labels.summary.figures import QUANTILES, Confidence, UnsureRow

STEPS = 1000
_BARS = 20


class ConfidenceGrid:
    """Counts probabilities by label. A label takes 8 kB."""

    def __init__(self) -> None:
        self._counts = np.zeros((16, STEPS), np.int64)
        self._sums = np.zeros(16)
        self._least = np.full(16, np.inf)
        self._greatest = np.full(16, -np.inf)

    def add(self, labels: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Count some probabilities.

        Args:
            labels: the number of the label of each, from 0 on, int64 `(n,)`.
            values: 0..1, float64 `(n,)`.
        """
        if not len(labels):
            return
        self._grow(int(labels.max()) + 1)
        # A value of 1 belongs to the last step.
        steps = np.minimum((values * STEPS).astype(np.int64), STEPS - 1)
        np.add.at(self._counts, (labels, steps), 1)
        np.add.at(self._sums, labels, values)
        np.minimum.at(self._least, labels, values)
        np.maximum.at(self._greatest, labels, values)

    def of_label(self, label: int) -> Confidence | None:
        """The figures of one label; None where it has no probability."""
        if label >= len(self._counts):
            return None
        return _figures(self._counts[label], self._sums[label], self._least[label], self._greatest[label])

    def of_all(self) -> Confidence | None:
        """The figures of all labels; None where there is no probability."""
        return _figures(self._counts.sum(axis=0), self._sums.sum(), self._least.min(), self._greatest.max())

    def histogram(self) -> tuple[int, ...]:
        """How many probabilities there are in each twentieth of 0..1."""
        return tuple(map(int, self._counts.sum(axis=0).reshape(_BARS, -1).sum(axis=1)))

    def _grow(self, labels: int) -> None:
        if labels <= len(self._counts):
            return
        more = max(labels, 2 * len(self._counts)) - len(self._counts)
        self._counts = np.pad(self._counts, ((0, more), (0, 0)))
        self._sums = np.pad(self._sums, (0, more))
        self._least = np.pad(self._least, (0, more), constant_values=np.inf)
        self._greatest = np.pad(self._greatest, (0, more), constant_values=-np.inf)


def _figures(counts: NDArray[np.int64], total: float, least: float, greatest: float) -> Confidence | None:
    rows = int(counts.sum())
    if not rows:
        return None
    up_to = np.cumsum(counts)

    def at(place: int) -> float:
        """The probability at a place, from 0 on, if all were sorted; those of one step are taken as evenly spread."""
        step = int(np.searchsorted(up_to, place, side="right"))
        within = (place - int(up_to[step] - counts[step]) + 0.5) / int(counts[step])
        return min(max((step + within) / STEPS, least), greatest)

    def quantile_at(share: float) -> float:
        place, rest = divmod(share * (rows - 1), 1)
        lower = at(int(place))
        return lower + rest * (at(int(place) + 1) - lower) if rest else lower

    quantiles = map(quantile_at, QUANTILES)
    measures = (float(total) / rows, float(least), *quantiles, float(greatest))
    return Confidence(rows, *map(six_digits, measures))


def six_digits(value: float) -> float:
    """The value as precisely as the table gives probabilities: what a sum's order changes is below that."""
    return float(f"{value:.6g}")


class LeastSure:
    """Keeps the rows with the lowest probabilities.

    Args:
        count: how many.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._kept: list[UnsureRow] = []

    def add(self, values: NDArray[np.float64], first_row: int, row_of: Callable[[int], tuple[str, str]]) -> None:
        """Look at some rows.

        Args:
            values: of each row, float64 `(n,)`, NaN where it has none.
            first_row: which row of the table the first one is.
            row_of: path and label of one of them.
        """
        is_full = len(self._kept) == self._count
        limit = self._kept[-1].prob if is_full and self._kept else math.inf
        places = np.flatnonzero(values < limit)
        # Of equals the earlier row stays, so that the result does not depend on how the table was cut.
        for at in places[np.argsort(values[places], kind="stable")][: self._count].tolist():
            path, label = row_of(at)
            self._kept.append(UnsureRow(path, label, float(values[at]), first_row + at))
        self._kept.sort(key=lambda row: (row.prob, row.row))
        del self._kept[self._count :]

    def rows(self) -> tuple[UnsureRow, ...]:
        """The rows, the lowest first."""
        return tuple(self._kept)


def numbers_of(cells: Sequence[object]) -> NDArray[np.float64]:
    """Cells of probabilities, float64 `(n,)`, NaN for an empty one.

    Raises:
        ValueError: a cell is no probability.
    """
    values = np.array([math.nan if cell in {None, ""} else float(cell) for cell in cells])  # type: ignore[arg-type]
    if np.any((values < 0) | (values > 1)):
        raise ValueError
    return values


def is_probability(cell: object) -> bool:
    """Whether a cell is one that `numbers_of` takes."""
    try:
        numbers_of([cell])
    except ValueError:
        return False
    return True
