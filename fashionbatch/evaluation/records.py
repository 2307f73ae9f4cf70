"""What training left of its runs: figures and histories, read back to be listed and compared."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fashionbatch import disk
from fashionbatch.errors import DataError
from fashionbatch.evaluation.measures.figures import CROSS_ENTROPY
from fashionbatch.versions import UPDATE, is_later, refusal

CROSS_ENTROPY_FIGURE = "cross_entropy"
"""What `summary.json` calls it. Runs that do not say which loss they were trained by call it `loss`."""
MARKER, SUMMARY, HISTORY, BUNDLE = "run.json", "summary.json", "history.csv", "bundle"
RUN_FORMAT, SUMMARY_FORMAT = 2, 1
"""Of `run.json` and of `summary.json`. Runs of format 1 can be listed and compared, and not be resumed."""
STUDY_MARKER = "study.json"
"""What a directory holds that is several runs of one recipe; its summary is that of all of them."""
_LARGEST_BYTES = 1 << 28
_DEPTH = 4  # folders below the one that is searched


@dataclass(frozen=True)
class RunRecord:
    """A run directory.

    Attributes:
        path: the directory.
        summary: its `summary.json`; None for a run that is not finished.
        recipe: the resolved recipe that it was begun with; empty where the run does not say.
        history: `loss`, `val_loss`, `accuracy`, `val_accuracy`, as far as they are there: one value an epoch.
    """

    path: Path
    summary: Mapping[str, Any] | None
    recipe: Mapping[str, Any]
    history: Mapping[str, Sequence[float]]

    @property
    def bundle(self) -> Path:
        """The trained bundle."""
        return self.path / BUNDLE

    @property
    def epochs(self) -> int:
        """Finished epochs."""
        return len(self.history.get("loss", ()))

    def figure(self, split: str, name: str) -> float | None:
        """A figure of a split, such as `accuracy`; None where the run has none."""
        figures = self._figures(split)
        if name == CROSS_ENTROPY_FIGURE and name not in figures and not self.loss_name:
            name = "loss"  # what runs called it that did not say which loss they were trained by
        elif name == "loss" and not self.loss_name:
            return None
        return _number(figures.get(name))

    def group_figure(self, split: str, group: str, name: str) -> float | None:
        """A figure of a group of labels, such as its `accuracy`; None where the run has none."""
        groups = self._figures(split).get("groups")
        figures = groups.get(group) if isinstance(groups, dict) else None
        return _number(figures.get(name)) if isinstance(figures, dict) else None

    def groups(self, split: str) -> list[str]:
        """The groups of labels that the run was judged by."""
        groups = self._figures(split).get("groups")
        return list(groups) if isinstance(groups, dict) else []

    @property
    def loss_name(self) -> str:
        """The loss that the run was trained by, as its report calls it; empty for runs that do not say."""
        name = (self.summary or {}).get("loss")
        return name if isinstance(name, str) else ""

    def name_of(self, figure: str) -> str:
        """What a figure is called in words: of several labels an image, `accuracy` asks for all of them."""
        if figure == "loss":
            return f"loss ({self.loss_name})" if self.loss_name else CROSS_ENTROPY
        if figure == CROSS_ENTROPY_FIGURE:
            return CROSS_ENTROPY
        several = any(self.figure(split, "label_accuracy") is not None for split in ("train", "validation", "test"))
        return "exact match" if figure == "accuracy" and several else figure.replace("_", " ")

    def _figures(self, split: str) -> Mapping[str, Any]:
        figures = (self.summary or {}).get("figures", {}).get(split, {})
        return figures if isinstance(figures, dict) else {}

    @property
    def seconds(self) -> Mapping[str, float]:
        """Wall-clock seconds of each part of the run, such as `training`, and their sum, `total`, as far as known."""
        spent = (self.summary or {}).get("seconds", {})
        return {str(part): value for part, number in spent.items() if (value := _number(number)) is not None}

    def sampled_from(self, split: str) -> int | None:
        """How many images those that judged the run are a sample of; None where all of the split did."""
        whole = self._figures(split).get("sampled_from")
        return whole if isinstance(whole, int) else None


def find_runs(folder: Path) -> tuple[list[RunRecord], list[DataError]]:
    """Every run in a folder and the folders below it, by path; the folder may be a run or a study itself.

    Returns:
        The runs, and what is wrong with those that cannot be read.

    Raises:
        DataError: it is no folder.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder", hint="training makes `runs/NAME` where it is not told otherwise")
    runs, damaged = [], []
    for path in sorted(_run_directories(folder)):
        try:
            runs.append(read_run(path))
        except DataError as error:
            damaged.append(error)
    return runs, damaged


def read_run(path: Path) -> RunRecord:
    """Read one run directory.

    Raises:
        DataError: it is none, or a file of it is damaged.
    """
    if (path / STUDY_MARKER).is_file():
        raise DataError(f"{path}: a study of several runs, and no run itself", hint="name one of the runs in it")
    if not (path / MARKER).is_file() and not (path / SUMMARY).is_file():
        inner = path.parent if path.name == BUNDLE and (path.parent / SUMMARY).is_file() else None
        raise DataError(
            f"{path}: not a run directory: it holds no {SUMMARY}",
            hint=f"did you mean {inner}?" if inner else "give what `fashionbatch train -o` was given",
        )
    summary = _json(path / SUMMARY, SUMMARY_FORMAT, "figures", "seconds") if (path / SUMMARY).is_file() else None
    begun = _json(path / MARKER, RUN_FORMAT) if (path / MARKER).is_file() else {}
    recipe = begun.get("recipe")
    return RunRecord(path, summary, recipe if isinstance(recipe, dict) else {}, _history(path / HISTORY))


def runs_of(path: Path) -> list[Path]:
    """The runs of a study, by name; of anything else the path itself.

    Raises:
        DataError: none of the study's runs has begun.
    """
    if not (path / STUDY_MARKER).is_file():
        return [path]
    runs = sorted(_run_directories(path))
    if not runs:
        raise DataError(f"{path}: none of the study's runs has begun")
    return runs


def recipe_differences(runs: Sequence[RunRecord]) -> dict[str, list[str]]:
    """Where recipes differ: dotted path, as for `--set` -> what each run has there, as JSON; empty for nothing."""
    flat = [dict(_flat(run.recipe)) for run in runs]
    paths = list(dict.fromkeys(path for one in flat for path in one))
    rows = {path: [one.get(path, "") for one in flat] for path in paths}
    return {path: values for path, values in rows.items() if len(set(values)) > 1}


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _run_directories(folder: Path) -> Iterator[Path]:
    base = len(folder.parts)
    for place, folders, files in os.walk(folder):
        path = Path(place)
        if STUDY_MARKER not in files and (MARKER in files or SUMMARY in files):
            folders.clear()
            yield path
        elif len(path.parts) - base >= _DEPTH:
            folders.clear()


def _json(path: Path, newest: int, *mappings: str) -> dict[str, Any]:
    """The mapping in a file, whose values under these keys are mappings too where it has them.

    Args:
        path: the file.
        newest: the latest format that is read.
        mappings: the keys.

    Raises:
        DataError: it cannot be read, or is no such file.
    """
    try:
        document = json.loads(disk.read_regular(path, _LARGEST_BYTES))
    except OSError as error:
        raise DataError(f"{path}: {disk.why_unreadable(error)}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    if isinstance(document, dict) and is_later(found := document.get("format"), newest):
        raise DataError(f"{path}: cannot be read: {refusal(found, newest)}", hint=UPDATE)
    if not isinstance(document, dict) or not all(isinstance(document.get(key, {}), dict) for key in mappings):
        raise DataError(f"{path}: is not what training writes")
    return document


def _history(path: Path) -> dict[str, list[float]]:
    columns: dict[str, list[float]] = {"loss": [], "val_loss": [], "accuracy": [], "val_accuracy": []}
    if not path.is_file():
        return {}
    try:
        with io.TextIOWrapper(disk.open_regular(path), encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                for name, values in columns.items():
                    if row.get(name):
                        values.append(float(row[name]))
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    return {name: values for name, values in columns.items() if values}


def _flat(value: Any, where: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        value = dict(enumerate(value))
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _flat(item, f"{where}.{key}" if where else str(key))
    elif where:
        yield where, json.dumps(value, ensure_ascii=False)
