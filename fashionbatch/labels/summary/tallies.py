"""Counts what stands in one column of labels, a part of the table at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from fashionbatch.errors import DataError
from fashionbatch.labels.columns import SEPARATOR, without_apostrophe
from fashionbatch.labels.summary.columns import LabelColumn
from fashionbatch.labels.summary.confidence import ConfidenceGrid, LeastSure, is_probability, numbers_of
from fashionbatch.labels.summary.figures import ColumnSummary, Confidence, LabelCounts
from fashionbatch.names import composed
from fashionbatch.specs import Cell
from fashionbatch.stores.address import Location

MOST_LABELS = 100_000
"""A column with more different texts holds no labels, and would take all memory."""
MOST_MEASURED = 10_000
"""Labels whose confidence is told one by one."""

Labels = tuple[str, ...]


class LabelTally:
    """Counts one column of labels.

    Args:
        column: which one.
        table: its path, for messages.
        header: the names of all columns, for messages.
        least: how many of the least sure rows are kept.
    """

    def __init__(self, column: LabelColumn, table: Location, header: Sequence[str], *, least: int) -> None:
        self._column, self._table, self._header = column, table, header
        self._counts: Counter[str] = Counter()
        self._number: dict[str, int] = {}
        self._labeled = self._unlabeled = 0
        self._of_rows, self._of_labels = ConfidenceGrid(), ConfidenceGrid()
        self._least_sure = LeastSure(least)

    def add(
        self, part: Sequence[Sequence[Cell]], first_row: int, is_ok: Sequence[bool], path_of: Callable[[int], str]
    ) -> tuple[list[Labels], NDArray[np.float64] | None]:
        """Count some rows.

        Args:
            part: the cells of each column of the table.
            first_row: which row of the table the first one is.
            is_ok: whether each row's status is `ok`.
            path_of: the path of one of the rows.

        Returns:
            The labels of each row, and how sure they are: float64 `(n,)`, NaN where a row has none, None where the
            table has no probabilities.

        Raises:
            DataError: a cell is no probability, or the column has too many different labels.
        """
        cells = part[self._column.at]
        meaning = {cell: self._labels_in(cell) for cell in set(cells)}
        labels = [meaning[cell] for cell in cells]
        for (found, ok), rows in Counter(zip(labels, is_ok, strict=True)).items():
            self._count(found, rows, ok=ok)
        if len(self._counts) > MOST_LABELS:
            raise DataError(
                f"{self._table}: the column {self._column.name!a} has more than {MOST_LABELS:,} different texts, so it "
                "is none of labels"
            )
        confidence = self._measure(part, first_row, labels)
        if confidence is not None:
            has_none = np.array([not found for found in labels])
            confidence[has_none] = np.nan
            known = np.flatnonzero(~np.isnan(confidence))
            self._of_rows.add(np.zeros(len(known), np.int64), confidence[known])
            self._least_sure.add(confidence, first_row, lambda at: (path_of(at), SEPARATOR.join(labels[at])))
        return labels, confidence

    def summary(self) -> ColumnSummary:
        """What was counted."""
        measured = len(self._number) if self._column.several or self._column.probability_at is not None else 0
        found = sorted(self._counts.items(), key=lambda item: (-item[1], item[0]))
        return ColumnSummary(
            column=self._column.name,
            several=self._column.several,
            labeled=self._labeled,
            unlabeled=self._unlabeled,
            labels=tuple(
                LabelCounts(label, rows, rows / self._labeled, self._confidence_of(label) if measured else None)
                for label, rows in found
            ),
            confidence=self._of_rows.of_all(),
            histogram=self._of_rows.histogram(),
            least_sure=self._least_sure.rows(),
        )

    def _labels_in(self, cell: Cell) -> Labels:
        text = composed("" if cell is None else str(cell))
        parts = text.split(SEPARATOR) if self._column.several else [text]
        return tuple(without_apostrophe(part) for part in parts if part)

    def _count(self, found: Labels, rows: int, *, ok: bool) -> None:
        if found:
            self._labeled += rows
            self._counts.update(dict.fromkeys(found, rows))
            for label in found:
                self._number.setdefault(label, len(self._number))
        elif ok:
            self._unlabeled += rows

    def _measure(
        self, part: Sequence[Sequence[Cell]], first_row: int, labels: Sequence[Labels]
    ) -> NDArray[np.float64] | None:
        """Count the probabilities by label; gives those of the rows."""
        if self._column.several:
            return self._measure_several(part, first_row, labels)
        if self._column.probability_at is None:
            return None
        values = self._numbers(part, self._column.probability_at, first_row)
        numbers = np.array([self._number[found[0]] if found else -1 for found in labels])
        counted = (numbers >= 0) & (numbers < MOST_MEASURED) & ~np.isnan(values)
        self._of_labels.add(numbers[counted], values[counted])
        return values

    def _measure_several(
        self, part: Sequence[Sequence[Cell]], first_row: int, labels: Sequence[Labels]
    ) -> NDArray[np.float64] | None:
        if not self._column.classes_at:
            return None
        likeliest = np.full(len(labels), np.nan)
        rows_with: dict[str, list[int]] = {}
        for row, found in enumerate(labels):
            for label in found:
                rows_with.setdefault(label, []).append(row)
        for label, at in self._column.classes_at.items():
            values = self._numbers(part, at, first_row)
            np.fmax(likeliest, values, out=likeliest)
            given = values[rows_with.get(label, [])]
            given = given[~np.isnan(given)]
            if len(given) and self._number[label] < MOST_MEASURED:
                self._of_labels.add(np.full(len(given), self._number[label]), given)
        return likeliest

    def _numbers(self, part: Sequence[Sequence[Cell]], at: int, first_row: int) -> NDArray[np.float64]:
        try:
            return numbers_of(part[at])
        except ValueError:
            row, cell = next((row, cell) for row, cell in enumerate(part[at]) if not is_probability(cell))
            raise DataError(
                f"{self._table}: row {first_row + row}: {cell!a} in the column {self._header[at]!a} is no probability",
                hint="probabilities are numbers of 0 to 1, such as 0.87",
            ) from None

    def _confidence_of(self, label: str) -> Confidence | None:
        number = self._number[label]
        return self._of_labels.of_label(number) if number < MOST_MEASURED else None
