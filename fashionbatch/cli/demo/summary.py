"""What the demo says about the table: its head, the counts, the accuracy against known labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fashionbatch.labels.columns import ERROR, LABEL, PATH, PROBABILITY, STATUS
from fashionbatch.labels.reader import TableReader

HEAD_COLUMNS = (PATH, STATUS, LABEL, PROBABILITY, ERROR)


@dataclass(frozen=True)
class Summary:
    """A label table against known labels.

    Attributes:
        head: the first rows, with the cells of `HEAD_COLUMNS`.
        statuses: status -> how many rows have it.
        right: rows that are ok and have the known label.
        known: rows that are ok and whose label is known.
    """

    head: list[tuple[str, ...]]
    statuses: dict[str, int]
    right: int
    known: int

    @property
    def rows(self) -> int:
        """How many rows the table has."""
        return sum(self.statuses.values())

    @property
    def accuracy(self) -> float:
        """The share of right labels, 0..1."""
        return self.right / self.known if self.known else 0.0


def summarise(table: Path, known_labels: Mapping[str, str], head_rows: int = 8) -> Summary:
    """Read a label table, a row at a time.

    Args:
        table: a CSV that `classify` wrote for a one-of-many bundle.
        known_labels: path within the labeled folder -> the right label.
        head_rows: how many of the first rows are kept.

    Raises:
        DataError: it cannot be read as a table.
    """
    head: list[tuple[str, ...]] = []
    statuses: Counter[str] = Counter()
    right = known = 0
    with TableReader(table) as reader:
        shown = [reader.column(name) for name in HEAD_COLUMNS]
        path, status, label = (reader.column(name) for name in (PATH, STATUS, LABEL))
        for row in reader.rows():
            if len(head) < head_rows:
                head.append(tuple(str(row[column]) for column in shown))
            statuses[str(row[status])] += 1
            expected = known_labels.get(str(row[path]))
            if row[status] == "ok" and expected is not None:
                known += 1
                right += row[label] == expected
    return Summary(head, dict(statuses.most_common()), right, known)
