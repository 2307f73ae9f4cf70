"""What `summary.json` says of phases and figures: little enough that many runs can be listed and compared by it."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fashionbatch.evaluation.measures.figures import GroupFigures, Metrics
from fashionbatch.plan import Plan
from fashionbatch.specs import Split
from fashionbatch.training.bundling import Labeled
from fashionbatch.training.epochs.history import Epoch, of_phase
from fashionbatch.training.epochs.watch import still_improving
from fashionbatch.training.results import judged_split, verdicts

_FIGURES = (
    "images",
    "sampled_from",
    "loss",
    "cross_entropy",
    "accuracy",
    "label_accuracy",
    "mean_average_precision",
    "roc_auc",
)


def summarize_phases(plan: Plan, history: Sequence[Epoch], metrics: Mapping[Split, Metrics]) -> list[dict[str, Any]]:
    """Each phase that was run, with what it cost and the verdict on it."""
    judged = verdicts(plan, history, metrics)
    return [
        {
            "name": phase.name,
            "train": phase.resolved()["train"],
            "epochs": len(epochs),
            "epochs_planned": phase.epochs,
            "still_improving": still_improving(phase, epochs, plan.rising_figures),
            "best_epoch": next((epoch.epoch for epoch in reversed(epochs) if epoch.best), None),
            "seconds": round(sum(epoch.seconds for epoch in epochs), 3),
            "overfitting": {
                "kind": judged[phase.name].kind,
                "since_epoch": judged[phase.name].since_epoch,
                "gap": judged[phase.name].gap,
                "text": judged[phase.name].text,
            },
        }
        for phase in plan.phases
        if (epochs := of_phase(history, phase.name))
    ]


def summarize_figures(
    metrics: Mapping[Split, Metrics], labeled: Labeled, extra: Mapping[Split, Mapping[str, float | None]]
) -> dict[str, Any]:
    """The figures that stand for each split, and what the bundle labels by."""
    judged = judged_split(metrics)
    return {
        "judged_by": judged,
        "loss": metrics[judged].loss_name,
        "figures": {
            split: {name: value for name in _FIGURES if (value := getattr(figures, name)) is not None}
            | {name: value for name, value in extra.get(split, {}).items() if value is not None}
            | ({"groups": {group: _of_group(one) for group, one in figures.groups.items()}} if figures.groups else {})
            for split, figures in metrics.items()
        },
        "thresholds": [found.threshold for found in labeled.thresholds],
        "precision_parity": {
            name: {"accuracy": record.accuracy, "same_labels": record.same_labels, **record.model_dump()}
            for name, record in labeled.parity.items()
        },
        "bundle": labeled.bundle.digest,
    }


def _of_group(figures: GroupFigures) -> dict[str, Any]:
    macro = figures.means["macro"]
    means = {"precision": macro.precision, "recall": macro.recall, "f1": macro.f1}
    return {"images": figures.images, "accuracy": figures.accuracy, **means}


def processor() -> str:
    """What the processor of this machine calls itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or os.uname().machine
