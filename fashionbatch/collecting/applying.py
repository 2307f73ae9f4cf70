"""From the journal to what the user sees: photos in their places, the table, contact sheets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fashionbatch.collecting.folder import CollectedFolder
from fashionbatch.collecting.journal import Journal
from fashionbatch.collecting.rows import Row, place, rows_of
from fashionbatch.collecting.sheets import draw_sheets
from fashionbatch.collecting.table import apply_keeps, write_table


@dataclass(frozen=True)
class Report:
    """What a run has come to.

    Attributes:
        rows: one a hit.
        wanted: how many photos are wanted of each class; empty where only a table was applied.
        notes: what the user should know of searches, each a sentence.
        sheets: the contact sheets of each class.
    """

    rows: Sequence[Row]
    wanted: Mapping[str, int] = field(default_factory=dict)
    notes: Sequence[str] = ()
    sheets: Mapping[str, Sequence[Path]] = field(default_factory=dict)


def finished(
    folder: CollectedFolder, journal: Journal, *, wanted: Mapping[str, int] | None = None, notes: Sequence[str] = ()
) -> Report:
    """Bring photos to their places, write the table and draw the contact sheets.

    Args:
        folder: it is held.
        journal: what was asked and came back.
        wanted: as in `Report`.
        notes: the same.

    Raises:
        OutputError: the folder cannot be written.
    """
    rows = place(folder, rows_of(journal))
    write_table(folder.table, rows)
    return Report(rows, wanted or {}, tuple(notes), draw_sheets(folder, rows))


def apply_table(output: Path, table: Path) -> Report:
    """Put aside the photos whose row says no in the column `keep`, and back those that say yes. Nothing is deleted.

    Args:
        output: the folder that was collected into.
        table: its table, edited.

    Raises:
        DataError: nothing was collected there, the table cannot be read, or it says what cannot be done.
        OutputError: the folder cannot be written, or another process collects into it.
    """
    folder = CollectedFolder(output)
    folder.require_collected()
    with folder.held():
        journal = Journal(folder.journal)
        apply_keeps(folder, journal, table)
        return finished(folder, journal)
