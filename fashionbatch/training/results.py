"""The files that say how good a run is: tables, reports and pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fashionbatch.data.prepared import PreparedData
from fashionbatch.evaluation.measures.figures import Metrics
from fashionbatch.evaluation.measures.metrics import evaluate_split
from fashionbatch.evaluation.measures.overfitting import Verdict, judge_overfitting
from fashionbatch.evaluation.measures.thresholds import thresholds_text
from fashionbatch.evaluation.report import confusion_csv, report_text
from fashionbatch.model.metrics import measure_metrics
from fashionbatch.plan import Plan
from fashionbatch.specs import Split
from fashionbatch.training.bundling import Labeled
from fashionbatch.training.checkpoint import write_text
from fashionbatch.training.epochs.history import Epoch, of_phase, to_csv

_JUDGES: tuple[Split, ...] = ("test", "validation", "train")


def judged_split(metrics: Mapping[Split, Metrics]) -> Split:
    """The split whose figures stand for the run: the one that chose least."""
    return next(split for split in _JUDGES if split in metrics)


def measure(data: PreparedData, labeled: Labeled) -> dict[Split, Metrics]:
    """Every figure of every split, by the thresholds that the bundle labels with."""
    rule = labeled.bundle.manifest.rule
    return {
        name: evaluate_split(split.targets, labeled.probabilities[name], rule) for name, split in data.splits.items()
    }


def measure_plainly(data: PreparedData, labeled: Labeled) -> dict[Split, Metrics]:
    """The same by a threshold of 0.5 for every label; empty where that is what the bundle has."""
    if not labeled.thresholds:
        return {}
    return {
        name: evaluate_split(split.targets, labeled.probabilities[name], data.rule)
        for name, split in data.splits.items()
    }


def measure_extra(plan: Plan, data: PreparedData, labeled: Labeled) -> dict[Split, dict[str, float | None]]:
    """What the recipe's own metrics say of the bundle's probabilities, by split; empty where it names none."""
    if not plan.metrics:
        return {}
    return {
        name: measure_metrics(plan, len(data.class_names), split.targets, labeled.probabilities[name])
        for name, split in data.splits.items()
    }


def verdicts(plan: Plan, history: Sequence[Epoch]) -> dict[str, Verdict]:
    """Whether each phase learnt its images by heart."""
    found = {}
    for phase in plan.phases:
        epochs = of_phase(history, phase.name)
        if epochs:
            validation = [epoch.val_loss for epoch in epochs if epoch.val_loss is not None]
            found[phase.name] = judge_overfitting(
                [epoch.loss for epoch in epochs], validation, first_epoch=epochs[0].epoch
            )
    return found


def write_tables(
    folder: Path,
    data: PreparedData,
    labeled: Labeled,
    metrics: Mapping[Split, Metrics],
    history: Sequence[Epoch],
    *,
    extra: Mapping[Split, Mapping[str, float | None]],
) -> None:
    """Write `history.csv`, `report.txt`, `report.json`, `confusion_matrix.csv` and `data.json`."""
    write_text(folder / "history.csv", to_csv(history))
    sections = [f"{name}\n{'=' * len(name)}\n\n{report_text(metrics[name], data.display_names)}" for name in metrics]
    plain = measure_plainly(data, labeled)
    if labeled.thresholds:
        table = thresholds_text(labeled.thresholds, data.display_names)
        sections.append(f"thresholds, chosen on the validation split\n{'=' * 42}\n\n{table}")
    if extra:
        sections.append(_extra_text(extra))
    write_text(folder / "report.txt", "\n\n".join(section.rstrip() for section in sections) + "\n")
    document: dict[str, Any] = {"splits": {name: figures.as_dict() for name, figures in metrics.items()}}
    if plain:
        document["splits_at_0.5"] = {name: figures.as_dict() for name, figures in plain.items()}
    if extra:
        document["metrics"] = {name: dict(values) for name, values in extra.items()}
    write_json(folder / "report.json", document)
    write_text(folder / "confusion_matrix.csv", confusion_csv(metrics[judged_split(metrics)]))
    about = {
        "notes": list(data.notes),
        "left_out": [{"name": name, "reason": reason} for name, reason in data.skipped],
        "duplicates_across_splits": [list(names) for names in data.duplicates],
    }
    write_json(folder / "data.json", about)


def _extra_text(extra: Mapping[Split, Mapping[str, float | None]]) -> str:
    """The recipe's metrics as a table, a line for each and a column for each split."""
    names = list(dict.fromkeys(name for values in extra.values() for name in values))
    width = max(len(name) for name in names)
    lines = [" " * width + "".join(f"  {split:>10}" for split in extra)]
    for name in names:
        cells = ("" if (value := values[name]) is None else f"{value:.4f}" for values in extra.values())
        lines.append(f"{name:<{width}}" + "".join(f"  {cell:>10}" for cell in cells))
    return "metrics of the recipe\n=====================\n\n" + "\n".join(lines)


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write a JSON file in one step."""
    write_text(path, json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False) + "\n")
