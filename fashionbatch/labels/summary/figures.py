"""What a summary says, as frozen records; `TableSummary.as_json` gives the object that `summarize --json` prints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from fashionbatch.stores.address import Location

FORMAT_VERSION = 1
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class Confidence:
    """How sure some labels are: probabilities, 0..1.

    Attributes:
        rows: that have a probability.
        mean: of them.
        least: of them.
        p05: a twentieth of them is below it. It and the other quantiles are exact to 0.001.
        p25: the first quartile.
        p50: the median.
        p75: the third quartile.
        p95: a twentieth of them is above it.
        greatest: of them.
    """

    rows: int
    mean: float
    least: float
    p05: float
    p25: float
    p50: float
    p75: float
    p95: float
    greatest: float


@dataclass(frozen=True)
class LabelCounts:
    """One label.

    Attributes:
        label: as the table shows it.
        rows: that have it.
        share: of the rows that have any label, 0..1. Where a row may have several, shares sum to more than one.
        confidence: of its rows; None where the table gives no probability of it.
    """

    label: str
    rows: int
    share: float
    confidence: Confidence | None


@dataclass(frozen=True)
class UnsureRow:
    """A row, and how sure its label is.

    Attributes:
        filepath: of the file; bytes that are no UTF-8 are lone surrogates.
        label: as the table has it, several joined by `|`.
        prob: 0..1.
        row: which one it is, from 1 on, without the header.
    """

    filepath: str
    label: str
    prob: float
    row: int


@dataclass(frozen=True)
class ColumnSummary:
    """One column of labels: a bundle's, or a group's of labels.

    Attributes:
        column: its name, such as `label`, `labels`, `shoes_label` or `colour`.
        several: whether a row may have several labels.
        labeled: rows that have a label.
        unlabeled: rows whose status is `ok` and that have none: their probabilities are below the threshold.
        labels: the most frequent first.
        confidence: of all rows that have a label: the probability of the likeliest. None where the table has none.
        histogram: rows whose confidence is in each twentieth of 0..1.
        least_sure: the rows with the lowest confidence, the lowest first.
    """

    column: str
    several: bool
    labeled: int
    unlabeled: int
    labels: tuple[LabelCounts, ...]
    confidence: Confidence | None
    histogram: tuple[int, ...]
    least_sure: tuple[UnsureRow, ...]


@dataclass(frozen=True)
class FolderCounts:
    """The files of one folder, and of all folders below it.

    Attributes:
        folder: its path; empty for files above the level that was asked for.
        rows: files.
        not_ok: those whose status is not `ok`.
        labeled: those that have a label in the first column of labels.
        label: the most frequent of these labels; empty where there is none.
        label_rows: how many files have it.
        mean_confidence: of these labels; None where the table has none.
    """

    folder: str
    rows: int
    not_ok: int
    labeled: int
    label: str
    label_rows: int
    mean_confidence: float | None


@dataclass(frozen=True)
class MadeBy:
    """What the sidecar says of the table.

    Attributes:
        bundles: name -> digest of its `bundle.json`.
        folder: that was labeled.
        precision: of the arithmetic, one for each bundle.
        finished: when the table was complete, in ISO 8601.
        seconds: that the last run took; None where nobody knows.
        version: of FashionBatch.
        is_unchanged: whether the table has the digest that the sidecar gives.
    """

    bundles: Mapping[str, str]
    folder: str
    precision: tuple[str, ...]
    finished: str
    seconds: float | None
    version: str
    is_unchanged: bool


@dataclass(frozen=True)
class TableSummary:
    """What is in a label table.

    Attributes:
        table: where it lies.
        rows: of it.
        status: status -> rows, the most frequent first; empty where the table has no such column.
        errors: what went wrong -> rows, the most frequent first. Numbers in a message are written as N, so that
            messages that differ by them alone count as one.
        other_errors: rows whose message was one too many to be told apart.
        noted: rows that are `ok` and carry a note, such as that the image's end marker is missing.
        columns: each column of labels, in the table's order.
        depth: how many folders of a path count for `folders`.
        folders: in the order in which the table has them.
        other_folders: rows of folders that were too many to be told apart.
        made_by: what the sidecar says; None where there is none.
        notes: what the user should know about the table, each a sentence.
    """

    table: Location
    rows: int
    status: Mapping[str, int]
    errors: Mapping[str, int]
    other_errors: int
    noted: int
    columns: tuple[ColumnSummary, ...]
    depth: int
    folders: tuple[FolderCounts, ...]
    other_folders: int
    made_by: MadeBy | None
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The same as a JSON object, whose keys are the names of the attributes."""
        return {"format_version": FORMAT_VERSION, **asdict(self), "table": str(self.table)}
