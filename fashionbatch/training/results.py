"""The files that say how good a run is: tables, reports and pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fashionbatch.data.prepared import PreparedData
from fashionbatch.decisions import PLAIN_THRESHOLD
from fashionbatch.evaluation.documents import json_text
from fashionbatch.evaluation.measures.figures import Metrics
from fashionbatch.evaluation.measures.metrics import evaluate_decisions, evaluate_split
from fashionbatch.evaluation.measures.overfitting import Gap, Verdict, judge_overfitting
from fashionbatch.evaluation.measures.thresholds import thresholds_text
from fashionbatch.evaluation.report import confusion_csv, groups_csv, report_text
from fashionbatch.model.loss import loss_title, measure_loss
from fashionbatch.model.metrics import measure_metrics
from fashionbatch.plan import Plan
from fashionbatch.specs import Split
from fashionbatch.training.bundling import Labeled
from fashionbatch.training.checkpoint import write_text
from fashionbatch.training.epochs.fitting import loss_weights
from fashionbatch.training.epochs.history import Epoch, of_phase, to_csv
from fashionbatch.training.judging import OTHERS

_JUDGES: tuple[Split, ...] = ("test", "validation", "train")


def judged_split(metrics: Mapping[Split, Metrics]) -> Split:
    """The split whose figures stand for the run: the one that chose least."""
    return next(split for split in _JUDGES if split in metrics)


def measure(plan: Plan, data: PreparedData, labeled: Labeled) -> dict[Split, Metrics]:
    """Every figure of every judged split, by the thresholds that the bundle labels with, and the loss of training."""
    rule = labeled.bundle.manifest.rule
    label_weights, _ = loss_weights(plan, data)
    measured: dict[Split, Metrics] = {}
    for name, judged in labeled.judged.items():
        targets, probabilities = judged.data.targets, labeled.probabilities[name]
        measured[name] = replace(
            evaluate_split(targets, probabilities, rule),
            sampled_from=judged.sampled_from,
            loss=measure_loss(plan.loss, label_weights, targets, probabilities),
            loss_name=loss_title(plan.loss),
        )
    return measured


def measure_plainly(
    data: PreparedData, labeled: Labeled, metrics: Mapping[Split, Metrics]
) -> dict[Split, dict[str, Any]]:
    """What is otherwise by a threshold of 0.5 for every label; empty where that is what the bundle has."""
    if not labeled.thresholds:
        return {}
    rule = data.rule
    plain = {}
    for name, judged in labeled.judged.items():
        right, decided = rule.truth(judged.data.targets), rule.decide_all(labeled.probabilities[name]).as_array()
        found = evaluate_decisions(right, decided, rule)
        classes = [
            replace(one, average_precision=measured.average_precision, threshold=PLAIN_THRESHOLD)
            for one, measured in zip(found.classes, metrics[name].classes, strict=True)
        ]
        plain[name] = replace(metrics[name], **_decided(found), classes=tuple(classes), curves=(), groups={}).as_dict()
    return plain


def _decided(found: Metrics) -> dict[str, Any]:
    """The figures that thresholds decide."""
    return {name: getattr(found, name) for name in ("accuracy", "label_accuracy", "means", "notes")}


def measure_extra(plan: Plan, data: PreparedData, labeled: Labeled) -> dict[Split, dict[str, float | None]]:
    """What the recipe's own metrics say of the bundle's probabilities, by split; empty where it names none."""
    if not plan.metrics:
        return {}
    return {
        name: measure_metrics(plan, len(data.class_names), judged.data.targets, labeled.probabilities[name])
        for name, judged in labeled.judged.items()
    }


def verdicts(plan: Plan, history: Sequence[Epoch], metrics: Mapping[Split, Metrics]) -> dict[str, Verdict]:
    """Whether each phase learnt its images by heart; the last one by the figures of the network that came of it."""
    found = {}
    for phase in plan.phases:
        epochs = of_phase(history, phase.name)
        if epochs:
            validation = [epoch.val_loss for epoch in epochs if epoch.val_loss is not None]
            gap = _final_gap(metrics) if phase is plan.phases[-1] else _gap_of(epochs, metrics)
            found[phase.name] = judge_overfitting(
                [epoch.loss for epoch in epochs], validation, first_epoch=epochs[0].epoch, gap=gap
            )
    return found


def _final_gap(metrics: Mapping[Split, Metrics]) -> Gap | None:
    """Of the finished network; the validation split is what curves and figures are compared by, else the test split."""
    other = next((name for name in OTHERS if name in metrics), None)
    if other is None:
        return None
    training, held_back = metrics["train"], metrics[other]
    return Gap(
        training=training.accuracy,
        other=held_back.accuracy,
        training_images=training.images,
        sampled_from=training.sampled_from,
        other_images=held_back.images,
        split=other,
        figure="exact match" if training.has_many else "accuracy",
    )


def _gap_of(epochs: Sequence[Epoch], metrics: Mapping[Split, Metrics]) -> Gap | None:
    """Of the best epoch of an earlier phase: no network is left of it but what the epochs say."""
    best = next((epoch for epoch in reversed(epochs) if epoch.best), epochs[-1])
    if best.val_accuracy is None:
        return None
    return Gap(
        training=best.accuracy,
        other=best.val_accuracy,
        training_images=metrics["train"].sampled_from or metrics["train"].images,
        other_images=metrics["validation"].images,
        figure=f"{'label ' if metrics['train'].has_many else ''}accuracy in epoch {best.epoch}",
    )


def write_tables(
    folder: Path,
    data: PreparedData,
    labeled: Labeled,
    metrics: Mapping[Split, Metrics],
    history: Sequence[Epoch],
    *,
    extra: Mapping[Split, Mapping[str, float | None]],
) -> None:
    """Write history, report and confusion matrix as tables, texts and JSON, `data.json`, and of groups `groups.csv`."""
    write_text(folder / "history.csv", to_csv(history))
    sections = [f"{name}\n{'=' * len(name)}\n\n{report_text(metrics[name], data.display_names)}" for name in metrics]
    plain = measure_plainly(data, labeled, metrics)
    if labeled.thresholds:
        table = thresholds_text(labeled.thresholds, data.display_names)
        sections.append(f"thresholds, chosen on the validation split\n{'=' * 42}\n\n{table}")
    if extra:
        sections.append(_extra_text(extra))
    write_text(folder / "report.txt", "\n\n".join(section.rstrip() for section in sections) + "\n")
    document: dict[str, Any] = {"splits": {name: figures.as_dict() for name, figures in metrics.items()}}
    if plain:
        document["splits_at_0.5"] = plain
    if extra:
        document["metrics"] = {name: dict(values) for name, values in extra.items()}
    write_json(folder / "report.json", document)
    judged = metrics[judged_split(metrics)]
    write_text(folder / "confusion_matrix.csv", confusion_csv(judged))
    if judged.groups:
        write_text(folder / "groups.csv", groups_csv(judged))
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
    write_text(path, json_text(document))
