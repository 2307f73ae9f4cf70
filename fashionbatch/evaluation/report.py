"""The figures of an evaluation as text that a person reads."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence

from fashionbatch.evaluation.measures.figures import Metrics
from fashionbatch.evaluation.predictions import Predictions
from fashionbatch.evaluation.tables import aligned

_NONE = "-"


def report_text(metrics: Metrics, display_names: Sequence[str] | None = None) -> str:
    """Overall figures, one line a class, the means, and the notes.

    Args:
        metrics: the figures.
        display_names: how classes are shown, in the bundle's order; None shows the class names.

    Returns:
        Lines of text with a final line end, aligned for a terminal also where names are Korean.
    """
    shown = list(display_names) if display_names is not None else [figures.name for figures in metrics.classes]
    parts = [overall_text(metrics), _classes_text(metrics, shown)]
    parts += [f"note: {note}" for note in metrics.notes]
    return "\n\n".join(parts) + "\n"


def overall_text(metrics: Metrics) -> str:
    """The figures that stand for the whole split, one a line."""
    exact = metrics.has_many
    rows = [
        ("images", f"{metrics.images:,}"),
        ("loss (cross-entropy)", _figure(metrics.loss)),
        ("exact match" if exact else "accuracy", _figure(metrics.accuracy)),
    ]
    rows += [(f"top-{k} accuracy", _figure(share)) for k, share in metrics.top_k.items()]
    optional = (
        ("label accuracy", metrics.label_accuracy),
        ("mean average precision", metrics.mean_average_precision),
        ("area under ROC curve", metrics.roc_auc),
        ("average precision", metrics.average_precision),
    )
    rows += [(name, _figure(value)) for name, value in optional if value is not None]
    if metrics.undecided:
        rows.append(("without a label", f"{metrics.undecided:,}"))
    return aligned([row for row in rows if row[1] != _NONE])


def confusion_csv(metrics: Metrics) -> str:
    """The confusion matrix as a table: rows are right classes, columns given ones.

    For several labels an image, one row a label: how often yes and no were right and wrong.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if metrics.has_many:
        writer.writerow(["label", "right_yes", "wrong_yes", "wrong_no", "right_no"])
        for label in metrics.classes:
            wrong_yes, wrong_no = label.predicted - label.right, label.support - label.right
            right_no = metrics.images - label.right - wrong_yes - wrong_no
            writer.writerow([label.name, label.right, wrong_yes, wrong_no, right_no])
    else:
        writer.writerow(["right \\ given", *(figures.name for figures in metrics.classes)])
        for figures, row in zip(metrics.classes, metrics.confusion, strict=True):
            writer.writerow([figures.name, *row])
    return text.getvalue()


def predictions_csv(names: Sequence[str], predictions: Predictions) -> str:
    """Every image with what is right, what it was given, how sure that was, and whether it is right (1 or 0)."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["name", "right", "given", "prob", "correct"])
    for number, name in enumerate(names):
        probability = float(predictions.probability[number])
        shown = "" if math.isnan(probability) else f"{probability:.6g}"
        right, given = (predictions.names_of(one[number]) for one in (predictions.right, predictions.given))
        writer.writerow([name, "|".join(right), "|".join(given), shown, int(predictions.correct[number])])
    return text.getvalue()


def _classes_text(metrics: Metrics, shown: Sequence[str]) -> str:
    # Columns that say nothing for this kind of head are left out.
    curves = any(figures.average_precision is not None for figures in metrics.classes)
    limits = any(figures.threshold is not None for figures in metrics.classes)
    header = ["label" if metrics.has_many else "class", "precision", "recall", "F1"]
    header += ["AP"] * curves + ["threshold"] * limits + ["images"]
    rows = [header]
    for name, figures in zip(shown, metrics.classes, strict=True):
        row = [name, _figure(figures.precision), _figure(figures.recall), _figure(figures.f1)]
        row += [_figure(figures.average_precision)] * curves
        row += [f"{figures.threshold:.4g}" if figures.threshold is not None else _NONE] * limits
        rows.append([*row, f"{figures.support:,}"])
    total = sum(figures.support for figures in metrics.classes)
    for average, means in metrics.means.items():
        row = [f"{average} mean", _figure(means.precision), _figure(means.recall), _figure(means.f1)]
        rows.append([*row, *[""] * (curves + limits), f"{total:,}"])
    lines = aligned(rows).splitlines()
    lines.insert(len(lines) - len(metrics.means), "")
    return "\n".join(lines)


def _figure(value: float | None) -> str:
    return _NONE if value is None else f"{value:.4f}"
