"""Judges a table of labels that a bundle gave earlier; the network does not run again."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np

from fashionbatch.bundle.manifest import BundleManifest
from fashionbatch.csvtext import AUTO, path_below, plain_path, western_path
from fashionbatch.decisions import UNDECIDED, LabelArray, right_images
from fashionbatch.errors import DataError
from fashionbatch.evaluation.measures.figures import Metrics
from fashionbatch.evaluation.measures.metrics import evaluate_decisions
from fashionbatch.evaluation.predictions import Predictions
from fashionbatch.evaluation.run import Evaluation
from fashionbatch.evaluation.table_groups import GroupColumns
from fashionbatch.evaluation.truth import Truth, class_of_name, printable
from fashionbatch.labels.columns import (
    LABEL,
    LABELS,
    PATHS,
    PROBABILITY,
    SEPARATOR,
    STATUS,
    probability_columns,
    without_apostrophe,
)
from fashionbatch.labels.matching import Place, bases_of, match_labels
from fashionbatch.labels.reader import TableReader
from fashionbatch.labels.sidecar import find_sidecar
from fashionbatch.names import composed
from fashionbatch.progress import OpenBar, no_bar
from fashionbatch.specs import Cell, EncodedImages, Split
from fashionbatch.stores.address import Location, Url

Labels: TypeAlias = tuple[str, ...]
_FindTruth: TypeAlias = Callable[[str], Labels | None]


def evaluate_table(
    table: Location,
    manifest: BundleManifest,
    truth: Truth | Location | None,
    *,
    root: Path | None = None,
    labels_of: Callable[[str], tuple[str, ...]] | None = None,
    as_text: bool = False,
    encoding: str = AUTO,
    bar: OpenBar = no_bar,
) -> Evaluation:
    """Count how many labels of a table are right.

    Args:
        table: as `classify` wrote it with this bundle, or any other one with columns for paths and labels, on this
            machine or in a store.
        manifest: of the bundle.
        truth: what is right. A path or an address is that of a table with the columns `filepath` (or `path`), as the
            table has them, and `label` or `labels`. None: the names of the folders that the photos lie in say it.
        root: the folder that the table's paths are relative to, where the table's sidecar does not say it.
        labels_of: the labels that the name of a folder stands for, where an image has several; None parts it at `_`.
        as_text: take labels of such a table for those of the bundle that differ by case, blanks or the writing of a
            number alone.
        encoding: of CSV files; `auto` finds out.
        bar: shows how far reading the table is.

    Returns:
        The figures. Rows that are not `ok` do not count; an empty label is a wrong one. Loss and curves are there where
        the table has the probabilities of all classes.

    Raises:
        DataError: it is no table of this bundle, or says nothing about any image whose truth is known.
    """
    notes: list[str] = []
    with TableReader(table, encoding=encoding, bar=bar) as reader, bar(f"reading {table.name}", None, "row") as advance:
        sidecar = find_sidecar(reader.place, shown=table)
        folder = None if sidecar is None else Path(sidecar.folder)
        if truth is None:
            find, expected = _truth_by_folder(manifest, labels_of or _parts), 0
        elif isinstance(truth, Path | Url):
            by_list = _TruthByList(truth, manifest, folder, as_text=as_text, encoding=encoding)
            find, expected = by_list.find, len(by_list)
            notes += by_list.notes
        else:
            expected = len(truth)
            find = _truth_by_path(truth, [place for place in (folder, root) if place is not None])
            notes += truth.notes
        notes += reader.notes
        rows = _Rows(manifest, reader)
        for number, row in enumerate(reader.rows(), 1):
            advance(number)
            rows.add(row, find, f"{table}: row {number}")
    if expected > rows.known:
        rows.left_out["not in the table"] = expected - rows.known
    if not rows.names:
        why = ", ".join(f"{count:,} {reason}" for reason, count in rows.left_out.items()) or "it has no rows"
        hint = "give the folder or recipe that says what is right with --data"
        if isinstance(truth, Path | Url) and rows.first_unknown:
            hint = f"its paths are such as {rows.first_unknown!a}, those of {truth} such as {by_list.first_path!a}"
        raise DataError(f"{table}: there is nothing to count: {why}", hint=hint)
    if isinstance(truth, Truth):
        return rows.evaluation(f"the labels in {table}, against {truth.name}", truth.split, notes)
    against = "the names of the photos' folders" if truth is None else str(truth)
    return rows.evaluation(f"the labels in {table}, against {against}", None, notes)


class _Rows:
    """Rows that count, as far as they are read.

    Args:
        manifest: of the bundle.
        table: whose rows they are.

    Raises:
        DataError: it has not the columns that a table of this bundle has.
    """

    def __init__(self, manifest: BundleManifest, table: TableReader) -> None:
        self.names: list[str] = []
        self.left_out: Counter[str] = Counter()
        self.known = 0
        self._manifest = manifest
        self._rule = manifest.rule
        self.first_unknown = ""
        self._path = table.column(*PATHS)
        # A table of another program has a label for every file, or none.
        self._status = table.column(STATUS) if STATUS in table.columns else None
        self._label = _label_column(table, *((LABELS, LABEL) if self._rule.has_many else (LABEL,)))
        self._top = table.column(PROBABILITY) if PROBABILITY in table.columns else None
        self._number = {name: number for number, name in enumerate(manifest.labels.class_names)}
        self._classes = class_of_name(manifest)
        self._groups = GroupColumns(manifest, table, self._class)
        self._right: list[Labels] = []
        self._given: list[Labels] = []
        self._probability: list[float] = []
        names = manifest.labels.class_names
        columns = probability_columns([names[number] for number in self._rule.output_classes])
        has_all = set(columns) <= set(table.columns)
        self._columns = [table.column(name) for name in columns] if has_all else []
        self._probabilities: list[list[float]] | None = [] if has_all else None

    def add(self, row: Sequence[Cell], find: _FindTruth, where: str) -> None:
        """Take a row, or note why it does not count."""
        path = without_apostrophe(str(row[self._path]))
        right = find(path)
        if right is not None:
            self.known += 1
        status = "ok" if self._status is None else row[self._status]
        if status != "ok":
            self.left_out[f"with status {status}"] += 1
            return
        if right is None:
            self.first_unknown = self.first_unknown or path
            self.left_out["whose right label is not known"] += 1
            return
        labels = str(row[self._label] or "").split(SEPARATOR)
        self.names.append(printable(path))
        self._right.append(right)
        self._given.append(tuple(self._class(name, where) for name in labels if name))
        self._groups.add(row, where)
        self._probability.append(_probability(None if self._top is None else row[self._top], where))
        if self._probabilities is not None:
            self._probabilities.append([_probability(row[column], where) for column in self._columns])

    def _class(self, name: str, where: str) -> str:
        found = self._classes.get(composed(name)) or self._classes.get(composed(without_apostrophe(name)))
        if found is None:
            raise DataError(f"{where}: the bundle has no label {name!r}", hint="is the table of this bundle?")
        return found

    def evaluation(self, subject: str, split: Split | None = None, notes: Sequence[str] = ()) -> Evaluation:
        """The figures of the rows that count."""
        targets = self._rule.targets(self._right)
        right, given = self._rule.truth(targets), self._decisions()
        probabilities = None if self._probabilities is None else np.array(self._probabilities, np.float32)
        if probabilities is not None and not np.isfinite(probabilities).all():
            probabilities = None
        winners = self._groups.winners()
        metrics: Metrics = evaluate_decisions(
            right, given, self._rule, targets=targets, probabilities=probabilities, winners=winners
        )
        probability = np.array(self._probability, np.float32)
        predictions = Predictions(
            names=self._manifest.labels.display_names,
            right=right,
            given=given,
            probability=probability,
            correct=right_images(right, given),
            surprise=np.nan_to_num(probability),
        )
        return Evaluation(
            subject=subject,
            split=split,
            metrics=metrics,
            predictions=predictions,
            names=self.names,
            images=None,
            left_out=self.left_out,
            notes=(*notes, *self._groups.notes),
        )

    def _decisions(self) -> LabelArray:
        if self._rule.has_many:
            return self._rule.truth(self._rule.targets(self._given))
        return np.array([self._number[names[0]] if names else UNDECIDED for names in self._given], np.int64)


def _label_column(table: TableReader, *names: str) -> int:
    try:
        return table.column(*names)
    except DataError as error:
        raise DataError(error.message, hint="is the table of this bundle, and of it alone?") from None


def _probability(cell: Cell, where: str) -> float:
    if cell is None or cell == "":
        return float("nan")
    try:
        # Spreadsheets of half of Europe write a comma.
        return float(cell.replace(",", ".", 1) if isinstance(cell, str) else cell)
    except ValueError:
        raise DataError(f"{where}: {cell!r} is no probability") from None


def _parts(folder: str) -> tuple[str, ...]:
    return tuple(part for part in folder.split("_") if part)


def _truth_by_folder(manifest: BundleManifest, labels_of: Callable[[str], tuple[str, ...]]) -> _FindTruth:
    known = class_of_name(manifest)
    several = manifest.rule.has_many

    def find(path: str) -> Labels | None:
        for folder in path.split("/")[:-1]:
            parts = labels_of(composed(folder)) if several else (composed(folder),)
            if parts and all(part in known for part in parts):
                return tuple(dict.fromkeys(known[part] for part in parts))
        return None

    return find


class _TruthByList:
    """What is right, as a table of paths and labels says it.

    Args:
        path: the table.
        manifest: of the bundle.
        folder: that the paths of the judged table are relative to, where that is known.
        as_text: as in `evaluate_table`.
        encoding: as there.

    Raises:
        DataError: it cannot be read, or it has labels that the bundle does not know.

    Attributes:
        notes: what the user should know about it.
        first_path: the first of its paths.
    """

    def __init__(
        self, path: Location, manifest: BundleManifest, folder: Path | None, *, as_text: bool, encoding: str
    ) -> None:
        known = class_of_name(manifest)
        self._labels: dict[str, Labels] = {}
        self._by_plain_path: dict[str, Labels] = {}
        self.first_path = ""
        rows: dict[str, list[str]] = {}
        places: dict[str, Place] = {}
        with TableReader(path, encoding=encoding) as table:
            place, label = table.column(*PATHS), table.column(LABELS, LABEL)
            for number, row in enumerate(table.rows(), 1):
                names = [without_apostrophe(name) for name in composed(str(row[label] or "")).split(SEPARATOR) if name]
                for name in names:
                    seen = places.get(name, Place(number, 0))
                    places[name] = Place(seen.first, seen.count + 1)
                rows[without_apostrophe(str(row[place]))] = names
        matched = match_labels(path, places, known, says="the bundle does not know", is_complete=True, as_text=as_text)
        self.notes = [*table.notes, *matched.notes]
        bases = bases_of(path)
        for text, names in rows.items():
            self.first_path = self.first_path or text
            labels = tuple(dict.fromkeys(known[matched.meant.get(name, name)] for name in names))
            self._labels[text] = labels
            below = None if folder is None else path_below(text, str(folder), bases)
            self._by_plain_path.setdefault(below or self._plain(text), labels)
        if not manifest.rule.has_many and any(len(labels) != 1 for labels in self._labels.values()):
            raise DataError(f"{path}: has images with several labels or none; this bundle gives exactly one")

    def __len__(self) -> int:
        return len(self._labels)

    def find(self, path: str) -> Labels | None:
        """The right labels of a file; None where they are not known."""
        found = self._labels.get(path)
        return self._by_plain_path.get(self._plain(path)) if found is None else found

    @staticmethod
    def _plain(path: str) -> str:
        return plain_path(western_path(path) or path)


def _truth_by_path(truth: Truth, roots: Sequence[Path]) -> _FindTruth:
    images = truth.samples.images
    if isinstance(images, EncodedImages):
        # Addresses, and paths beside them, are written alike in both.
        by_name = {images.names[index]: labels for index, labels in zip(truth.indices, truth.labels, strict=True)}
        return by_name.get
    paths = truth.paths()
    labels = {os.path.abspath(path): names for path, names in zip(paths, truth.labels, strict=True)}
    # The sidecar's folder is resolved; a link may lead to the same files.
    real = {os.path.realpath(path): labels[os.path.abspath(path)] for path in paths}

    def find(path: str) -> Labels | None:
        for root in roots:
            place = os.path.abspath(root / path)
            found = labels.get(place)
            if found is None:
                found = real.get(os.path.realpath(place))
            if found is not None:
                return found
        return None

    return find
