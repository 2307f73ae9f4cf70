"""The files of each folder, down to a level."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fashionbatch.labels.columns import without_apostrophe
from fashionbatch.labels.summary.confidence import six_digits
from fashionbatch.labels.summary.figures import FolderCounts

MOST_FOLDERS = 1000
"""That are told apart."""


@dataclass
class _Folder:
    name: str
    rows: int = 0
    not_ok: int = 0
    labeled: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    confidence: float = 0.0
    confident: int = 0

    def counts(self) -> FolderCounts:
        label, rows = min(self.labels.items(), key=lambda item: (-item[1], item[0]), default=("", 0))
        mean = six_digits(self.confidence / self.confident) if self.confident else None
        return FolderCounts(self.name, self.rows, self.not_ok, self.labeled, label, rows, mean)


class Folders:
    """Counts the rows of each folder.

    Args:
        depth: how many folders of a path count; none are counted where it is 0.
    """

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._number: dict[str, int] = {}
        self._folders: list[_Folder] = []
        self._others = _Folder("")

    def add(
        self,
        paths: Sequence[str],
        is_ok: Sequence[bool],
        labels: Sequence[Collection[str]],
        confidence: NDArray[np.float64] | None,
    ) -> None:
        """Count some rows.

        Args:
            paths: of each.
            is_ok: whether its status is `ok`.
            labels: of each, hashable.
            confidence: of each, float64 `(n,)`, NaN where it has none; None where no row has any.
        """
        if not self._depth:
            return
        numbers = self._numbers_of(paths)
        for (number, ok, found), rows in Counter(zip(numbers, is_ok, labels, strict=True)).items():
            folder = self._folder(number)
            folder.rows += rows
            folder.not_ok += 0 if ok else rows
            if found:
                folder.labeled += rows
                folder.labels.update(dict.fromkeys(found, rows))
        if confidence is not None:
            known = ~np.isnan(confidence)
            places = np.array(numbers)[known]
            # The folders that are too many have the number -1.
            sums = np.bincount(places + 1, weights=confidence[known]).tolist()
            for at, rows in enumerate(np.bincount(places + 1).tolist()):
                if rows:
                    folder = self._folder(at - 1)
                    folder.confidence += sums[at]
                    folder.confident += rows

    def counts(self) -> tuple[FolderCounts, ...]:
        """Each folder, in the order in which they came."""
        return tuple(folder.counts() for folder in self._folders)

    def others(self) -> int:
        """How many rows are in folders that were too many to be told apart."""
        return self._others.rows

    def _numbers_of(self, paths: Iterable[str]) -> list[int]:
        # Files of one folder follow each other, and cutting its path again and again would take most of the time.
        of_directory: dict[str, int] = {}
        numbers = []
        for path in paths:
            directory = path[: path.rfind("/") + 1]
            number = of_directory.get(directory)
            if number is None:
                number = of_directory[directory] = self._number_of(folder_of(directory, self._depth))
            numbers.append(number)
        return numbers

    def _number_of(self, name: str) -> int:
        number = self._number.get(name)
        if number is None:
            if len(self._folders) == MOST_FOLDERS:
                return -1
            number = self._number[name] = len(self._folders)
            self._folders.append(_Folder(name))
        return number

    def _folder(self, number: int) -> _Folder:
        return self._others if number < 0 else self._folders[number]


def folder_of(directory: str, depth: int) -> str:
    """The first folders of a path.

    Args:
        directory: ends in `/`, or is empty.
        depth: how many folders; those of an absolute path, and of a URL, are counted from its root on.

    Example:
        >>> folder_of("2024/may/", 1), folder_of("/srv/photos/may/", 2)
        ('2024', '/srv/photos')
    """
    directory = without_apostrophe(directory)
    start = directory.find("://") + 3 if "://" in directory else len(directory) - len(directory.lstrip("/"))
    return directory[:start] + "/".join(directory[start:].split("/")[:-1][:depth])
