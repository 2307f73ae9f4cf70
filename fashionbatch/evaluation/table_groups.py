"""The winners of groups of labels, read from the columns that `classify` writes for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from fashionbatch.bundle.manifest import BundleManifest
from fashionbatch.decisions import UNDECIDED
from fashionbatch.labels.reader import TableReader
from fashionbatch.specs import Cell


class GroupColumns:
    """The winners in the rows of a table, as far as they are read.

    Args:
        manifest: of the bundle whose groups they are; groups that the table has no column for are left out.
        table: whose rows they are.
        class_of: the class that a cell names, given the cell and where it stands.

    Attributes:
        notes: what the user should know about it.
    """

    def __init__(self, manifest: BundleManifest, table: TableReader, class_of: Callable[[str, str], str]) -> None:
        groups = manifest.rule.groups
        self._class_of = class_of
        self._number = {name: number for number, name in enumerate(manifest.labels.class_names)}
        self._columns = {group: table.column(group) for group in groups if group in table.columns}
        self._given: dict[str, list[int]] = {group: [] for group in self._columns}
        missing = [group for group in groups if group not in self._columns]
        self.notes = [f"the table has no column {group!r}, so that group is not judged" for group in missing]

    def add(self, row: Sequence[Cell], where: str) -> None:
        """Take a row that counts.

        Raises:
            DataError: a cell names no class of the bundle.
        """
        for group, column in self._columns.items():
            name = str(row[column] or "")
            self._given[group].append(self._number[self._class_of(name, where)] if name else UNDECIDED)

    def winners(self) -> dict[str, NDArray[np.int64]]:
        """Group -> the number of the class that won in each row, int64 `(rows,)`, `UNDECIDED` where none is named."""
        return {group: np.array(numbers, np.int64) for group, numbers in self._given.items()}
