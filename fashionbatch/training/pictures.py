"""The pictures of a run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from fashionbatch.data.prepared import PreparedData
from fashionbatch.evaluation.measures.figures import Metrics
from fashionbatch.evaluation.predictions import predict_labels
from fashionbatch.model.network import Network
from fashionbatch.pictures.architecture import draw_architecture, summary_text
from fashionbatch.pictures.classes import draw_classes
from fashionbatch.pictures.confusion import draw_confusion
from fashionbatch.pictures.curves import PhaseBand, draw_curves
from fashionbatch.pictures.grids import draw_mistakes, draw_montage
from fashionbatch.pictures.groups import draw_groups
from fashionbatch.pictures.trade_offs import draw_trade_offs
from fashionbatch.plan import Plan
from fashionbatch.specs import Split
from fashionbatch.training.bundling import Labeled
from fashionbatch.training.checkpoint import write_text
from fashionbatch.training.epochs.history import Epoch, of_phase
from fashionbatch.training.results import judged_split


def draw_pictures(
    folder: Path,
    *,
    plan: Plan,
    network: Network,
    data: PreparedData,
    labeled: Labeled,
    metrics: Mapping[Split, Metrics],
    history: Sequence[Epoch],
) -> list[str]:
    """Draw what a run's figures look like, of the split that stands for the run; and write `architecture.txt`.

    Returns:
        The pictures' file names.
    """
    judged = judged_split(metrics)
    write_text(folder / "architecture.txt", summary_text(network.model))
    figures, shown = metrics[judged], data.display_names
    drawn = [_draw_curves(folder, plan, history)]
    heading = f"{plan.recipe.name}: {judged}"
    drawn.append(draw_classes(figures.classes, shown, folder / "classes.png", title=heading))
    names_of = dict(zip(data.class_names, shown, strict=True))
    if figures.has_matrix:
        title = f"{heading}, accuracy {figures.accuracy:.4f}"
        drawn.append(draw_confusion(figures.confusion_array(), shown, folder / "confusion_matrix.png", title=title))
    if figures.groups:
        drawn.append(draw_groups(figures.groups, names_of, folder / "groups.png", title=heading))
    if figures.curves:
        names = [names_of[curve.name] for curve in figures.curves]
        drawn.append(draw_trade_offs(figures.curves, names, folder / "trade_offs.png", title=heading))
    drawn += _draw_photos(folder, data, labeled, judged, heading)
    diagram = draw_architecture(network.model, folder / "architecture.png")
    return [path.name for path in [*drawn, *([diagram] if diagram is not None else [])]]


def _draw_photos(folder: Path, data: PreparedData, labeled: Labeled, judged: Split, heading: str) -> list[Path]:
    """Mistakes, and a montage of right and wrong labels."""
    split = labeled.judged[judged].data
    rule = labeled.bundle.manifest.rule
    predictions = predict_labels(split.targets, labeled.probabilities[judged], data.display_names, rule)
    return [
        draw_mistakes(
            split.images,
            predictions,
            folder / "misclassified.png",
            files=split.names,
            title=f"{heading}, misclassified",
        ),
        draw_montage(split.images, predictions, folder / "predictions.png", title=f"{heading}, predictions"),
    ]


def _draw_curves(folder: Path, plan: Plan, history: Sequence[Epoch]) -> Path:
    values = [epoch.values() for epoch in history]
    names = dict.fromkeys(name for figures in values for name in figures)
    phases = [(phase.name, of_phase(history, phase.name)) for phase in plan.phases]
    last = [epoch for epoch in phases[-1][1] if epoch.best]
    stopping = plan.phases[-1].early_stopping
    return draw_curves(
        {name: [figures.get(name, math.nan) for figures in values] for name in names},
        folder / "curves.png",
        title=plan.recipe.name,
        phases=[PhaseBand(name, epochs[0].epoch, epochs[-1].epoch) for name, epochs in phases if epochs],
        best_epoch=last[-1].epoch if last and stopping is not None and stopping.restore_best_weights else None,
    )
