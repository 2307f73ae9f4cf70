"""Compares two label tables: which labels changed, how the shares shifted, and how right each is."""

from __future__ import annotations

import contextlib
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fashionbatch.errors import DataError, OutputError
from fashionbatch.labels.columns import LABEL, LABELS, PATH, SEPARATOR
from fashionbatch.labels.reader import TableReader

_SHOWN_CHANGES = 20
_ALL_THREE = "SELECT count(*) FROM truth JOIN old USING (path) JOIN new USING (path)"
_PATHS = (PATH, "path", "file", "image")
_LABELS = (LABEL, LABELS)


@dataclass(frozen=True)
class Comparison:
    """Two tables side by side; shares and accuracies are 0..1.

    Attributes:
        both: files that both tables have.
        only_old: files that only the old one has.
        only_new: files that only the new one has.
        changed: files of both whose label is another; one that has a label in one table alone counts too.
        changes: (old label, new label) -> files, the most frequent first; an empty label for none.
        shares: label -> share of the labeled files in the old and in the new table.
        accuracy: of the old and of the new table on the files whose right label is known; None without such.
        truths: how many files that is.
    """

    both: int
    only_old: int
    only_new: int
    changed: int
    changes: dict[tuple[str, str], int]
    shares: dict[str, tuple[float, float]]
    accuracy: tuple[float, float] | None
    truths: int

    @property
    def largest_shift(self) -> tuple[str, float]:
        """The label whose share shifted most, and by how much; an empty label where there is none."""
        shifts = {label: abs(new - old) for label, (old, new) in self.shares.items()}
        return max(shifts.items(), key=lambda item: (item[1], item[0]), default=("", 0.0))


def compare_tables(old: Path, new: Path, *, truth: Path | None = None) -> Comparison:
    """Compare two tables by file.

    Args:
        old: a label table, or any other one with the columns `filepath` and `label` or `labels`.
        new: another one.
        truth: a third one, with the right labels.

    Raises:
        DataError: one of them cannot be read or lacks the columns.
        OutputError: there is no room on the disk for what is compared.
    """
    try:
        return _compare(old, new, truth)
    except sqlite3.OperationalError as error:
        raise OutputError(
            f"cannot compare {old} and {new}: {error}",
            hint="name a folder with more room: TMPDIR=... fashionbatch compare",
        ) from error


def _compare(old: Path, new: Path, truth: Path | None) -> Comparison:
    # On the disk, where memory is short: tables may have millions of rows, in any order.
    with contextlib.closing(sqlite3.connect("")) as database:
        counters = [_load(database, name, path) for name, path in (("old", old), ("new", new))]
        if truth is not None:
            _load(database, "truth", truth)

        def count(query: str) -> int:
            return int(database.execute(query).fetchone()[0])

        both = count("SELECT count(*) FROM old JOIN new USING (path)")
        changes = database.execute(
            "SELECT old.label, new.label, count(*) AS files FROM old JOIN new USING (path) "
            "WHERE old.label != new.label GROUP BY 1, 2 ORDER BY files DESC, 1, 2 LIMIT ?",
            (_SHOWN_CHANGES,),
        ).fetchall()
        accuracy, truths = None, 0
        if truth is not None:
            right = [count(f"{_ALL_THREE} WHERE truth.label = {name}.label") for name in ("old", "new")]
            truths = count(_ALL_THREE)
            if not truths:
                raise DataError(f"{truth}: has none of the files that both tables have")
            accuracy = (right[0] / truths, right[1] / truths)
        return Comparison(
            both=both,
            only_old=count("SELECT count(*) FROM old") - both,
            only_new=count("SELECT count(*) FROM new") - both,
            changed=count("SELECT count(*) FROM old JOIN new USING (path) WHERE old.label != new.label"),
            changes={(_text(before), _text(after)): files for before, after, files in changes},
            shares=_shares(*counters),
            accuracy=accuracy,
            truths=truths,
        )


def _load(database: sqlite3.Connection, name: str, path: Path) -> Counter[str]:
    """Fill a table of the database; returns how often each label occurs."""
    labels: Counter[str] = Counter()

    def entries(table: TableReader) -> Iterator[tuple[bytes, bytes]]:
        path_at, label_at = table.column(*_PATHS), table.column(*_LABELS)
        for row in table.rows():
            found = sorted(filter(None, str(row[label_at] or "").split(SEPARATOR)))
            labels.update(found)
            yield _key(str(row[path_at])), _key(SEPARATOR.join(found))

    database.execute(f"CREATE TABLE {name} (path BLOB PRIMARY KEY, label BLOB NOT NULL) WITHOUT ROWID")
    with TableReader(path) as table:
        # A catalogue may name a file twice; its label is the same.
        database.executemany(f"INSERT OR IGNORE INTO {name} VALUES (?, ?)", entries(table))  # noqa: S608 - a name of ours
    return labels


def _key(text: str) -> bytes:
    """The text as the database can hold it: a path may have bytes that are no UTF-8, as lone surrogates."""
    return text.encode("utf-8", "surrogatepass")


def _text(key: bytes) -> str:
    return key.decode("utf-8", "surrogatepass")


def _shares(old: Counter[str], new: Counter[str]) -> dict[str, tuple[float, float]]:
    totals = max(old.total(), 1), max(new.total(), 1)
    names = sorted(old.keys() | new.keys(), key=lambda name: (-old[name], -new[name], name))
    return {name: (old[name] / totals[0], new[name] / totals[1]) for name in names}
