"""The figures of an evaluation as text that a person reads."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence

from fashionbatch.evaluation.measures.figures import (
    CROSS_ENTROPY,
    MATRIX_UP_TO,
    GroupFigures,
    LabelFigures,
    Metrics,
)
from fashionbatch.evaluation.predictions import Predictions
from fashionbatch.evaluation.tables import aligned

_NONE = "-"
_WIDEST_MATRIX = 12  # labels of a group whose confusion matrix fits a terminal
_COMMONEST = 10


def report_text(metrics: Metrics, display_names: Sequence[str] | None = None) -> str:
    """Overall figures, one line a class, the means, each group of labels, and the notes.

    Args:
        metrics: the figures.
        display_names: how classes are shown, in the bundle's order; None shows the class names.

    Returns:
        Lines of text with a final line end, aligned for a terminal also where names are Korean.
    """
    names = [figures.name for figures in metrics.classes]
    shown = dict(zip(names, names if display_names is None else display_names, strict=True))
    parts = [overall_text(metrics), _classes_text(metrics, shown, "label" if metrics.has_many else "class")]
    parts += [f"note: {note}" for note in metrics.notes]
    for group, figures in metrics.groups.items():
        parts += _group_parts(group, figures, shown)
    return "\n\n".join(parts) + "\n"


def overall_text(metrics: Metrics) -> str:
    """The figures that stand for the whole split, one a line."""
    exact = metrics.has_many
    sample = "" if metrics.sampled_from is None else f", a sample of {metrics.sampled_from:,}"
    rows = [("images", f"{metrics.images:,}{sample}"), (f"loss ({metrics.loss_name})", _figure(metrics.loss))]
    if metrics.loss_name != CROSS_ENTROPY:
        rows.append((CROSS_ENTROPY, _figure(metrics.cross_entropy)))
    rows.append(("exact match" if exact else "accuracy", _figure(metrics.accuracy)))
    rows += [(f"top-{k} accuracy", _figure(share)) for k, share in metrics.top_k.items()]
    optional = (
        ("label accuracy", metrics.label_accuracy),
        ("mean average precision", metrics.mean_average_precision),
        ("area under ROC curve", metrics.roc_auc),
        ("average precision", metrics.average_precision),
    )
    rows += [(name, _figure(value)) for name, value in optional if value is not None]
    rows += [(f"accuracy of {group}", _figure(figures.accuracy)) for group, figures in metrics.groups.items()]
    if metrics.undecided:
        rows.append(("without a label", f"{metrics.undecided:,}"))
    return aligned([row for row in rows if row[1] != _NONE])


def confusion_csv(metrics: Metrics) -> str:
    """The confusion matrix as a table: rows are right classes, columns given ones.

    Over MATRIX_UP_TO classes, one row for each pair of classes that has images, since nearly all others have none. For
    several labels an image, one row a label: how often yes and no were right and wrong.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [figures.name for figures in metrics.classes]
    if metrics.has_many:
        writer.writerow(["label", "right_yes", "wrong_yes", "wrong_no", "right_no"])
        for label in metrics.classes:
            wrong_yes, wrong_no = label.predicted - label.right, label.support - label.right
            right_no = metrics.images - label.right - wrong_yes - wrong_no
            writer.writerow([label.name, label.right, wrong_yes, wrong_no, right_no])
    elif len(names) > MATRIX_UP_TO:
        writer.writerow(["right", "given", "images"])
        writer.writerows([names[right], names[given], images] for right, given, images in metrics.cells)
    else:
        writer.writerow(["right \\ given", *names])
        writer.writerows([name, *row] for name, row in zip(names, metrics.confusion, strict=True))
    return text.getvalue()


def groups_csv(metrics: Metrics) -> str:
    """The confusion matrices of all groups as one table: a row for each pair of right and given label with images."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["group", "right", "given", "images"])
    for group, figures in metrics.groups.items():
        names = [one.name for one in figures.classes]
        writer.writerows([group, names[right], names[given], images] for right, given, images in figures.cells)
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


def _classes_text(figures: LabelFigures, shown: Mapping[str, str], title: str) -> str:
    # Columns that say nothing for this kind of head are left out.
    curves = any(one.average_precision is not None for one in figures.classes)
    limits = any(one.threshold is not None for one in figures.classes)
    header = [title, "precision", "recall", "F1"]
    header += ["AP"] * curves + ["threshold"] * limits + ["images"]
    rows = [header]
    for one in figures.classes:
        row = [shown[one.name], _figure(one.precision), _figure(one.recall), _figure(one.f1)]
        row += [_figure(one.average_precision)] * curves
        row += [f"{one.threshold:.4g}" if one.threshold is not None else _NONE] * limits
        rows.append([*row, f"{one.support:,}"])
    total = sum(one.support for one in figures.classes)
    for average, means in figures.means.items():
        row = [f"{average} mean", _figure(means.precision), _figure(means.recall), _figure(means.f1)]
        rows.append([*row, *[""] * (curves + limits), f"{total:,}"])
    lines = aligned(rows).splitlines()
    lines.insert(len(lines) - len(figures.means), "")
    return "\n".join(lines)


def _group_parts(group: str, figures: GroupFigures, shown: Mapping[str, str]) -> list[str]:
    title = f"group {group}: the likeliest of its labels, whatever the thresholds"
    rows = [("images", f"{figures.images:,}"), ("accuracy", _figure(figures.accuracy))]
    apart = (
        ("without a label", figures.undecided),
        ("left out, with none of its labels", figures.unlabeled),
        ("left out, with several of them", figures.ambiguous),
    )
    rows += [(name, f"{images:,}") for name, images in apart if images]
    parts = [f"{title}\n{'-' * len(title)}\n{aligned(rows)}", _classes_text(figures, shown, group)]
    return [*parts, _confusion_text(figures, shown), *(f"note: {note}" for note in figures.notes)]


def _confusion_text(figures: LabelFigures, shown: Mapping[str, str]) -> str:
    names = [shown[one.name] for one in figures.classes]
    if len(names) <= _WIDEST_MATRIX:
        matrix = zip(names, figures.confusion, strict=True)
        return aligned([["right \\ given", *names], *([name, *map(str, row)] for name, row in matrix)])
    pairs = figures.mistakes()[:_COMMONEST]
    lines = [f"{images:,} x {names[right]} -> {names[given]}" for right, given, images in pairs]
    return "\n".join(["commonest mistakes, right -> given", *lines]) if lines else "no mistakes"


def _figure(value: float | None) -> str:
    return _NONE if value is None else f"{value:.4f}"
