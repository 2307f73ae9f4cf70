"""The labels of images that were held out, as a label table: of each fold in its run, and of all folds in the study."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from fashionbatch.errors import DataError
from fashionbatch.labeling.products.options import RowOptions
from fashionbatch.labeling.products.table import BundleColumns, TableRows
from fashionbatch.labels import TableReader
from fashionbatch.labels.columns import SEPARATOR
from fashionbatch.specs import Cell
from fashionbatch.studies.directory import StudyDirectory
from fashionbatch.studies.members import Member
from fashionbatch.training.bundling import Labeled
from fashionbatch.training.checkpoint import write_text

HELD_OUT = "held_out.csv"
"""In the run of a fold: its images as the run's network labels them."""
KEPT = ("fold", "right")
"""Columns that `classify` does not write: the number of the fold, from 1, and the right labels."""


def write_held_out(study: StudyDirectory, member: Member, labeled: Labeled) -> None:
    """Write what a fold's network says of the images that it was not trained on.

    Raises:
        OutputError: the table cannot be written.
        FashionBatchError: a class or a group is called like another column.
    """
    judged, manifest = labeled.judged["test"], labeled.bundle.manifest
    own = BundleColumns(manifest, RowOptions(probabilities=True))
    columns = TableRows([own], kept=KEPT).names
    decisions = own.decide(labeled.probabilities["test"])
    assert member.fold is not None
    fold = str(member.fold + 1)
    shown = dict(zip(manifest.rule.class_names, manifest.labels.display_names, strict=True))
    rows = (
        [name, "ok", "", fold, SEPARATOR.join(shown[label] for label in labels), *cells]
        for name, labels, cells in zip(judged.data.names, judged.data.labels, own.cells(decisions), strict=True)
    )
    write_text(study.run(member.name) / HELD_OUT, _table(columns, rows))


def join_held_out(study: StudyDirectory, members: Sequence[Member], path: Path) -> int:
    """Join the tables of all folds: each image once, in the order of the names' bytes.

    Args:
        study: with the runs.
        members: the folds of one seed, all finished.
        path: of the table.

    Returns:
        The number of its rows.

    Raises:
        DataError: the table of a fold is missing or damaged.
        OutputError: the table cannot be written.
    """
    columns: Sequence[str] = ()
    rows: list[Sequence[Cell]] = []
    for member in members:
        place = study.run(member.name) / HELD_OUT
        with TableReader(place) as table:
            if columns and list(table.columns) != list(columns):
                raise DataError(f"{place}: its columns are not those of the other folds")
            columns = table.columns
            rows += table.rows()
    rows.sort(key=lambda row: os.fsencode(str(row[0])))
    write_text(path, _table(columns, iter(rows)))
    return len(rows)


def _table(columns: Sequence[str], rows: Iterator[Sequence[Cell]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_text(cell) for cell in row] for row in rows)
    return text.getvalue()


def _text(cell: Cell) -> str:
    """As `classify` writes it: six significant digits are what float32 holds for sure."""
    if cell is None:
        return ""
    return f"{cell:.6g}" if isinstance(cell, float) else str(cell)
