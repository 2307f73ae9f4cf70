"""Judges a table of labels that a bundle gave earlier; the network does not run again."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np

from fashionbatch.bundle.manifest import BundleManifest
from fashionbatch.decisions import UNDECIDED, LabelArray, right_images
from fashionbatch.errors import DataError
from fashionbatch.evaluation.measures.figures import Metrics
from fashionbatch.evaluation.measures.metrics import evaluate_decisions
from fashionbatch.evaluation.predictions import Predictions
from fashionbatch.evaluation.run import Evaluation
from fashionbatch.evaluation.truth import Truth, class_of_name, composed, printable
from fashionbatch.labels.columns import LABEL, LABELS, PATH, PROBABILITY, SEPARATOR, STATUS, probability_columns
from fashionbatch.labels.reader import TableReader
from fashionbatch.labels.sidecar import find_sidecar
from fashionbatch.specs import Cell, Split

Labels: TypeAlias = tuple[str, ...]
_FindTruth: TypeAlias = Callable[[str], Labels | None]


def evaluate_table(
    table: Path,
    manifest: BundleManifest,
    truth: Truth | Path | None,
    *,
    root: Path | None = None,
    labels_of: Callable[[str], tuple[str, ...]] | None = None,
) -> Evaluation:
    """Count how many labels of a table are right.

    Args:
        table: as `classify` wrote it with this bundle.
        manifest: of the bundle.
        truth: what is right. A path is a table with the columns `filepath` (or `path`), as the table has them, and
            `label` or `labels`. None: the names of the folders that the photos lie in say it.
        root: the folder that the table's paths are relative to, where the table's sidecar does not say it.
        labels_of: the labels that the name of a folder stands for, where an image has several; None parts it at `_`.

    Returns:
        The figures. Rows that are not `ok` do not count; an empty label is a wrong one. Loss and curves are there where
        the table has the probabilities of all classes.

    Raises:
        DataError: it is no table of this bundle, or says nothing about any image whose truth is known.
    """
    if truth is None:
        find, expected = _truth_by_folder(manifest, labels_of or _parts), 0
    elif isinstance(truth, Path):
        find, expected = _truth_by_list(truth, manifest)
    else:
        expected = len(truth)
        sidecar = find_sidecar(table)
        folder = None if sidecar is None else Path(sidecar.folder)
        find = _truth_by_path(truth, [place for place in (folder, root) if place is not None])
    with TableReader(table) as reader:
        rows = _Rows(manifest, reader)
        for number, row in enumerate(reader.rows(), 1):
            rows.add(row, find, f"{table}: row {number}")
    if expected > rows.known:
        rows.left_out["not in the table"] = expected - rows.known
    if not rows.names:
        why = ", ".join(f"{count:,} {reason}" for reason, count in rows.left_out.items()) or "it has no rows"
        raise DataError(
            f"{table}: there is nothing to count: {why}",
            hint="give the folder or recipe that says what is right with --data",
        )
    if isinstance(truth, Truth):
        return rows.evaluation(f"the labels in {table}, against {truth.name}", truth.split, truth.notes)
    against = "the names of the photos' folders" if truth is None else str(truth)
    return rows.evaluation(f"the labels in {table}, against {against}")


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
        self._path, self._status = table.column(PATH), table.column(STATUS)
        self._label = _label_column(table, LABELS if self._rule.has_many else LABEL)
        self._top = table.column(PROBABILITY) if PROBABILITY in table.columns else None
        self._number = {name: number for number, name in enumerate(manifest.labels.class_names)}
        self._classes = class_of_name(manifest)
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
        path = str(row[self._path])
        right = find(path)
        if right is not None:
            self.known += 1
        if row[self._status] != "ok":
            self.left_out[f"with status {row[self._status]}"] += 1
            return
        if right is None:
            self.left_out["whose right label is not known"] += 1
            return
        labels = str(row[self._label] or "").split(SEPARATOR)
        self.names.append(printable(path))
        self._right.append(right)
        self._given.append(tuple(self._class(name, where) for name in labels if name))
        self._probability.append(_probability(None if self._top is None else row[self._top], where))
        if self._probabilities is not None:
            self._probabilities.append([_probability(row[column], where) for column in self._columns])

    def _class(self, name: str, where: str) -> str:
        # `classify --spreadsheet-safe` puts an apostrophe before a name that looks like a formula.
        found = self._classes.get(composed(name)) or self._classes.get(composed(name.removeprefix("'")))
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
        metrics: Metrics = evaluate_decisions(right, given, self._rule, targets=targets, probabilities=probabilities)
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
            notes=notes,
        )

    def _decisions(self) -> LabelArray:
        if self._rule.has_many:
            return self._rule.truth(self._rule.targets(self._given))
        return np.array([self._number[names[0]] if names else UNDECIDED for names in self._given], np.int64)


def _label_column(table: TableReader, name: str) -> int:
    try:
        return table.column(name)
    except DataError as error:
        raise DataError(error.message, hint="is the table of this bundle, and of it alone?") from None


def _probability(cell: Cell, where: str) -> float:
    if cell is None or cell == "":
        return float("nan")
    try:
        return float(cell)
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


def _truth_by_list(path: Path, manifest: BundleManifest) -> tuple[_FindTruth, int]:
    known = class_of_name(manifest)
    labels: dict[str, Labels] = {}
    with TableReader(path) as table:
        place, label = table.column(PATH, "path"), table.column(LABELS, LABEL)
        for number, row in enumerate(table.rows(), 1):
            names = [composed(name) for name in str(row[label] or "").split(SEPARATOR) if name]
            unknown = [name for name in names if name not in known]
            if unknown:
                raise DataError(f"{path}: row {number}: the bundle does not know the label {unknown[0]!r}")
            labels[str(row[place])] = tuple(dict.fromkeys(known[name] for name in names))
    if not manifest.rule.has_many and any(len(names) != 1 for names in labels.values()):
        raise DataError(f"{path}: has images with several labels or none; this bundle gives exactly one")
    return labels.get, len(labels)


def _truth_by_path(truth: Truth, roots: Sequence[Path]) -> _FindTruth:
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
