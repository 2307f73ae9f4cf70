"""Compares two label tables: which labels changed, how the shares shifted, and how right each is."""

from __future__ import annotations

import contextlib
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from fashionbatch.csvtext import AUTO, PathFinder, path_below, western_path
from fashionbatch.errors import DataError, OutputError
from fashionbatch.labels.columns import LABEL, LABELS, PATHS, PROBABILITY, SEPARATOR, without_apostrophe
from fashionbatch.labels.matching import Place, bases_of, match_labels
from fashionbatch.labels.reader import TableReader
from fashionbatch.labels.sidecar import find_sidecar
from fashionbatch.names import composed
from fashionbatch.progress import OpenBar, Reporter, silent
from fashionbatch.stores.address import Location

_SHOWN_CHANGES = 20
_ALL_THREE = "SELECT count(*) FROM truth JOIN old USING (path) JOIN new USING (path)"
_IN_EITHER = "EXISTS (SELECT 1 FROM old WHERE path = :path) OR EXISTS (SELECT 1 FROM new WHERE path = :path)"
_CLASS = f"{PROBABILITY}_"


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
        notes: what the user should know about the tables, each a sentence.
    """

    both: int
    only_old: int
    only_new: int
    changed: int
    changes: dict[tuple[str, str], int]
    shares: dict[str, tuple[float, float]]
    accuracy: tuple[float, float] | None
    truths: int
    notes: tuple[str, ...] = ()

    @property
    def largest_shift(self) -> tuple[str, float]:
        """The label whose share shifted most, and by how much; an empty label where there is none."""
        shifts = {label: abs(new - old) for label, (old, new) in self.shares.items()}
        return max(shifts.items(), key=lambda item: (item[1], item[0]), default=("", 0.0))


def compare_tables(
    old: Location,
    new: Location,
    *,
    truth: Location | None = None,
    as_text: bool = False,
    encoding: str = AUTO,
    reporter: Reporter | None = None,
) -> Comparison:
    """Compare two tables by file.

    Args:
        old: a label table, or any other one with the columns `filepath` and `label` or `labels`, on this machine or in
            a store.
        new: another one.
        truth: a third one, with the right labels.
        as_text: take labels of the truth for those of the tables that differ by case, blanks or the writing of a number
            alone.
        encoding: of CSV files; `auto` finds out.
        reporter: shows how far it is.

    Raises:
        DataError: one of them cannot be read or lacks the columns, or the truth has labels that neither table can give.
        OutputError: there is no room on the disk for what is compared.
    """
    try:
        return _compare(old, new, truth, as_text=as_text, encoding=encoding, reporter=reporter or silent())
    except sqlite3.OperationalError as error:
        raise OutputError(
            f"cannot compare {old} and {new}: {error}",
            hint="name a folder with more room: TMPDIR=... fashionbatch compare",
        ) from error


def _compare(
    old: Location, new: Location, truth: Location | None, *, as_text: bool, encoding: str, reporter: Reporter
) -> Comparison:
    # On the disk, where memory is short: tables may have millions of rows, in any order.
    with contextlib.closing(sqlite3.connect("")) as database, contextlib.ExitStack() as stack:
        tables = [_load(database, name, path, encoding, reporter.bar) for name, path in (("old", old), ("new", new))]
        notes = [note for table in tables for note in table.notes]
        stack.enter_context(reporter.waiting("comparing"))

        def count(query: str) -> int:
            return int(database.execute(query).fetchone()[0])

        both = count("SELECT count(*) FROM old JOIN new USING (path)")
        if not both:
            first = [f"{path} has {_first_path(database, name)}" for name, path in (("old", old), ("new", new))]
            notes.append(f"the tables have no file in common: {' and '.join(first)}")
        changes = database.execute(
            "SELECT old.label, new.label, count(*) AS files FROM old JOIN new USING (path) "
            "WHERE old.label != new.label GROUP BY 1, 2 ORDER BY files DESC, 1, 2 LIMIT ?",
            (_SHOWN_CHANGES,),
        ).fetchall()
        accuracy, truths = None, 0
        if truth is not None:
            notes += _load_truth(database, truth, tables, as_text=as_text, encoding=encoding, bar=reporter.bar)
            right = [count(f"{_ALL_THREE} WHERE truth.label = {name}.label") for name in ("old", "new")]
            truths = count(_ALL_THREE)
            if not truths:
                raise DataError(
                    f"{truth}: has none of the files that both tables have",
                    hint=f"its first is {_first_path(database, 'truth')}, that of {old} is "
                    f"{_first_path(database, 'old')}; paths are written as the tables have them",
                )
            accuracy = (right[0] / truths, right[1] / truths)
        return Comparison(
            both=both,
            only_old=count("SELECT count(*) FROM old") - both,
            only_new=count("SELECT count(*) FROM new") - both,
            changed=count("SELECT count(*) FROM old JOIN new USING (path) WHERE old.label != new.label"),
            changes={(_text(before), _text(after)): files for before, after, files in changes},
            shares=_shares(*tables),
            accuracy=accuracy,
            truths=truths,
            notes=tuple(notes),
        )


@dataclass
class _Loaded:
    """What was found out while a table was read.

    Attributes:
        path: the table.
        folder: that its sidecar says was labeled; empty where nothing does.
        notes: what its file has that is not as usual.
        labels: how often each label occurs.
        files: how many files have a label.
        classes: every label that its bundle can give, where the columns say that.
        places: where each label stands.
    """

    path: Location
    folder: str
    notes: list[str]
    labels: Counter[str] = field(default_factory=Counter)
    files: int = 0
    classes: set[str] = field(default_factory=set)
    places: dict[str, Place] = field(default_factory=dict)

    def take(self, found: Collection[str], row: int) -> None:
        """Count the labels of one row."""
        self.labels.update(found)
        self.files += bool(found)
        for label in found:
            place = self.places.get(label)
            self.places[label] = Place(row, 1) if place is None else Place(place.first, place.count + 1)


def _load(database: sqlite3.Connection, name: str, path: Location, encoding: str, bar: OpenBar) -> _Loaded:
    """Fill a table of the database."""
    database.execute(f"CREATE TABLE {name} (path BLOB PRIMARY KEY, label BLOB NOT NULL) WITHOUT ROWID")
    with TableReader(path, encoding=encoding, bar=bar) as table, bar(f"reading {path.name}", None, "row") as advance:
        loaded = _Loaded(path, _labeled_folder(table), table.notes)
        path_at, label_at = table.column(*PATHS), table.column(LABEL, LABELS)
        loaded.classes.update(composed(class_) for class_ in table.columns if class_.startswith(_CLASS))

        def entries() -> Iterator[tuple[bytes, bytes]]:
            for number, row in enumerate(table.rows(only=(path_at, label_at)), 1):
                advance(number)
                labels = composed(str(row[label_at] or "")).split(SEPARATOR)
                found = sorted(without_apostrophe(label) for label in labels if label)
                loaded.take(found, number)
                yield _key(without_apostrophe(str(row[path_at]))), _key(SEPARATOR.join(found))

        # A catalogue may name a file twice; its label is the same.
        database.executemany(f"INSERT OR IGNORE INTO {name} VALUES (?, ?)", entries())  # noqa: S608 - a name of ours
    return loaded


def _labeled_folder(table: TableReader) -> str:
    # A sidecar only helps here; a damaged one does not keep the tables from being compared.
    with contextlib.suppress(DataError):
        if sidecar := find_sidecar(table.place):
            return sidecar.folder
    return ""


def _load_truth(
    database: sqlite3.Connection,
    truth: Location,
    tables: Sequence[_Loaded],
    *,
    as_text: bool,
    encoding: str,
    bar: OpenBar,
) -> list[str]:
    """Fill the table of right labels, as far as possible with the paths and labels that the others have."""
    loaded = _load(database, "truth", truth, encoding, bar)
    classes = {name.removeprefix(_CLASS) for table in tables for name in table.classes}
    matched = match_labels(
        truth,
        loaded.places,
        classes | {label for table in tables for label in table.labels},
        says="neither table gives",
        is_complete=all(table.classes for table in tables),
        as_text=as_text,
    )
    if matched.meant:
        written = [label for (label,) in database.execute("SELECT DISTINCT label FROM truth")]
        for label in written:
            meant = sorted({matched.meant.get(one, one) for one in _text(label).split(SEPARATOR)})
            database.execute("UPDATE truth SET label = ? WHERE label = ?", (_key(SEPARATOR.join(meant)), label))
    return [*loaded.notes, *matched.notes, *_find_paths(database, truth, tables)]


def _find_paths(database: sqlite3.Connection, truth: Location, tables: Sequence[_Loaded]) -> list[str]:
    """Write those paths of the truth as the tables have them that are written otherwise."""

    def is_there(path: str) -> bool:
        return database.execute(f"SELECT 1 WHERE {_IN_EITHER}", {"path": _key(path)}).fetchone() is not None

    folders = {table.folder for table in tables if table.folder}
    bases = bases_of(truth)
    finder = PathFinder("", is_there=is_there)
    unknown = "SELECT path FROM truth WHERE path NOT IN (SELECT path FROM old) AND path NOT IN (SELECT path FROM new)"
    for (key,) in database.execute(unknown).fetchall():
        path = _text(key)
        below = next(filter(None, (path_below(path, folder, bases) for folder in folders)), path)
        found = finder.find(path, western_path(path)) if below == path else finder.find(below)
        if found is not None:
            database.execute("UPDATE OR IGNORE truth SET path = ? WHERE path = ?", (_key(found), key))
    notes = [f"{truth}: {note}" for note in finder.notes()]
    if finder.missing:
        files = "1 file is" if finder.missing == 1 else f"{finder.missing:,} files are"
        notes.append(f"{truth}: {files} in neither table, such as {finder.first_missing!a}")
    return notes


def _first_path(database: sqlite3.Connection, name: str) -> str:
    row = database.execute(f"SELECT path FROM {name} LIMIT 1").fetchone()  # noqa: S608 - a name of ours
    return ascii(_text(row[0])) if row else "none"


def _key(text: str) -> bytes:
    """The text as the database can hold it: a path may have bytes that are no UTF-8, as lone surrogates."""
    return text.encode("utf-8", "surrogatepass")


def _text(key: bytes) -> str:
    return key.decode("utf-8", "surrogatepass")


def _shares(old: _Loaded, new: _Loaded) -> dict[str, tuple[float, float]]:
    """Of the files that have a label: with several labels a file the shares sum to more than one."""
    totals = max(old.files, 1), max(new.files, 1)
    names = sorted(old.labels.keys() | new.labels.keys(), key=lambda name: (-old.labels[name], -new.labels[name], name))
    return {name: (old.labels[name] / totals[0], new.labels[name] / totals[1]) for name in names}
