"""What is in a label table, as DataFrames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fashionbatch.api import html
from fashionbatch.api.pictures import Picture
from fashionbatch.api.progress import Progress, reporter_of
from fashionbatch.api.settings import PathLike
from fashionbatch.labels.summary.figures import Confidence, FolderCounts, TableSummary, UnsureRow
from fashionbatch.stores.address import Location, Url, as_location

if TYPE_CHECKING:
    import pandas as pd

_CONFIDENCE = tuple(field.name for field in fields(Confidence) if field.name != "rows")


@dataclass(frozen=True)
class Summary:
    """What is in a label table; `fb.summarize` makes one. Shares and probabilities are in 0..1.

    Attributes:
        figures: everything that was counted, as frozen records.
    """

    figures: TableSummary

    @property
    def path(self) -> Location:
        """Of the table."""
        return self.figures.table

    @property
    def rows(self) -> int:
        """Of the table."""
        return self.figures.rows

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences that a reader of the figures should know."""
        return self.figures.notes

    @property
    def is_unchanged(self) -> bool | None:
        """Whether the table has the digest that its sidecar gives; None where there is no sidecar."""
        return None if self.figures.made_by is None else self.figures.made_by.is_unchanged

    @property
    def status(self) -> pd.Series[int]:
        """Status -> rows, the most frequent first."""
        return _series(self.figures.status, "status")

    @property
    def errors(self) -> pd.Series[int]:
        """What went wrong -> rows, the most frequent first; numbers in a message are written as N."""
        return _series(self.figures.errors, "error")

    @property
    def labels(self) -> pd.DataFrame:
        """A row a label, those of each column of labels the most frequent first.

        Columns: `column` is the table's, `label`, `rows`, `share` of the rows that have a label; of the label's
        probability `mean`, `least`, `p05`, `p25`, `p50`, `p75`, `p95`, `greatest`, NaN where the table has none.
        """
        rows = [
            [column.column, one.label, one.rows, one.share, *_measures(one.confidence)]
            for column in self.figures.columns
            for one in column.labels
        ]
        return _frame(["column", "label", "rows", "share", *_CONFIDENCE], rows, floats=("share", *_CONFIDENCE))

    @property
    def confidence(self) -> pd.DataFrame:
        """A row a column of labels: rows `labeled` and `unlabeled`, then the figures of the likeliest label."""
        rows = [
            [column.column, column.labeled, column.unlabeled, *_measures(column.confidence)]
            for column in self.figures.columns
        ]
        frame = _frame(["column", "labeled", "unlabeled", *_CONFIDENCE], rows, floats=_CONFIDENCE)
        return frame.set_index("column")

    @property
    def least_sure(self) -> pd.DataFrame:
        """The rows with the lowest probability: `column`, `filepath`, `label`, `prob` and `row`, from 1 on."""
        names = [field.name for field in fields(UnsureRow)]
        rows = [
            [column.column, *(getattr(one, name) for name in names)]
            for column in self.figures.columns
            for one in column.least_sure
        ]
        return _frame(["column", *names], rows, floats=("prob",))

    @property
    def folders(self) -> pd.DataFrame:
        """A row a folder, in the table's order.

        Columns: `folder`, `rows`, `not_ok`, `labeled`, the commonest `label`, `label_rows`, `mean_confidence`.
        """
        names = [field.name for field in fields(FolderCounts)]
        rows = [[getattr(one, name) for name in names] for one in self.figures.folders]
        return _frame(names, rows, floats=("mean_confidence",))

    def as_json(self) -> dict[str, Any]:
        """The object that `fashionbatch summarize --json` prints."""
        return self.figures.as_json()

    def draw(self, path: PathLike, *, overwrite: bool = False) -> Picture:
        """Draw bars of the labels and a histogram of their confidence.

        Args:
            path: a .png, .jpg, .pdf or .svg file; a notebook shows a .png.
            overwrite: replace it if it exists.

        Raises:
            OutputError: it exists, or cannot be written.
        """
        from fashionbatch.pictures.drawing.files import check_picture_path
        from fashionbatch.pictures.summaries import draw_summary

        check_picture_path(Path(path), overwrite=overwrite)
        return Picture(draw_summary(self.figures, Path(path)))

    def __repr__(self) -> str:
        return f"<Summary of {str(self.path)!r}: {self.rows:,} rows>"

    def _repr_html_(self) -> str:
        rows = [
            (column.column, one.label, one.rows, one.share, one.confidence.p50 if one.confidence else None)
            for column in self.figures.columns
            for one in column.labels
        ]
        return html.table(
            ("column", "label", "rows", "share", "median"), rows, caption=f"{self.path}: {self.rows:,} rows"
        )


def summarize(
    table: PathLike | Url, *, depth: int = 1, least: int = 10, encoding: str = "auto", progress: Progress = True
) -> Summary:
    """Count what is in a label table: statuses, labels, confidence, folders. Memory does not grow with the rows.

    Args:
        table: one of `classify`, or any other one with the columns `filepath` and `label` or `labels`. It may be an
            address in a store.
        depth: how many folders of a path count for `Summary.folders`; 0 for none.
        least: how many of the least sure rows are named.
        encoding: of CSV files; `auto` finds out.
        progress: True for bars, False for silence, or a function that takes each line.

    Returns:
        The figures, as DataFrames.

    Raises:
        DataError: the table is missing or damaged, has no such columns, or a cell is no probability.

    Example:
        >>> import fashionbatch as fb
        >>> found = fb.summarize("labels.csv")  # doctest: +SKIP
        >>> found.status["ok"], found.labels.label[0]  # doctest: +SKIP
        (995, 'Coat')
    """
    from fashionbatch.labels.summary.run import summarize_table

    if depth < 0 or least < 0:
        raise ValueError(f"depth and least must be at least 0, got {min(depth, least)}")
    return Summary(
        summarize_table(as_location(table), depth=depth, least=least, encoding=encoding, reporter=reporter_of(progress))
    )


def _measures(confidence: Confidence | None) -> list[float | None]:
    return [None if confidence is None else getattr(confidence, name) for name in _CONFIDENCE]


def _series(counts: Mapping[str, int], name: str) -> pd.Series[int]:
    import pandas as pd

    return pd.Series(
        list(counts.values()), index=pd.Index(list(counts), name=name, dtype=object), name="rows", dtype="int64"
    )


def _frame(names: Iterable[str], rows: list[list[Any]], *, floats: Iterable[str]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(rows, columns=list(names)).astype(dict.fromkeys(floats, "float64"))
