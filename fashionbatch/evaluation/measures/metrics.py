"""Metrics of a split by the kind of head. `evaluation.report` prints them, `pictures` draws them.

scikit-learn computes them; what it would warn about is decided here instead:

- a class that has images but was never given has precision 0 and F1 0;
- a class without images has no precision, recall, F1 or average precision (None), is left out of macro means, and a
  note names it;
- with images of one kind only there is no ROC curve, and a note says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fashionbatch.decisions import UNDECIDED, DecisionRule, LabelArray, right_images
from fashionbatch.errors import DataError
from fashionbatch.evaluation.measures.figures import ClassFigures, Curves, GroupFigures, Means, Metrics

TOP_K = (3, 5)
"""Reported where there are more than five classes."""

CURVE_POINTS = 200
"""Points of a curve that are kept; areas are computed from all of them."""

_EPSILON = 1e-7  # Keras's: the loss is then the one that training reports
_NAMED = 8  # classes that a note spells out


def evaluate_split(targets: NDArray[np.float32], probabilities: NDArray[np.float32], rule: DecisionRule) -> Metrics:
    """Every figure that the rule's decoding allows.

    Args:
        targets: float32 `(n, outputs)`: one-hot rows, one column of 0 and 1, or multi-hot rows, by the decoding.
        probabilities: float32 `(n, outputs)`, as the network gives them.
        rule: by which they become labels.

    Returns:
        The figures; see `Metrics` for their definitions.

    Raises:
        DataError: there are no images, or a probability is not a number.
        ValueError: the shapes do not fit together.

    Example:
        >>> import numpy as np
        >>> from fashionbatch.decisions import rule_for
        >>> targets = np.array([[1, 0], [0, 1], [0, 1]], np.float32)
        >>> probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]], np.float32)
        >>> round(evaluate_split(targets, probabilities, rule_for("one_of_many", ["cat", "dog"])).accuracy, 3)
        0.667
    """
    targets, probabilities = np.asarray(targets), np.asarray(probabilities)
    if targets.shape != probabilities.shape or targets.ndim != 2 or targets.shape[1] != rule.outputs:
        raise ValueError(
            f"targets and probabilities must both be (n, {rule.outputs}), got {targets.shape} and {probabilities.shape}"
        )
    _require_images(len(targets))
    decisions = rule.decide_all(probabilities)
    winners = {group: found.as_array() for group, found in decisions.groups.items()}
    known = _Known(targets, probabilities)
    right, decided = rule.truth(targets), decisions.as_array()
    return _collect(right, decided, rule, limits=rule.class_thresholds, known=known, winners=winners)


def evaluate_decisions(
    right: LabelArray,
    decided: LabelArray,
    rule: DecisionRule,
    *,
    targets: NDArray[np.float32] | None = None,
    probabilities: NDArray[np.float32] | None = None,
    winners: Mapping[str, NDArray[np.int64]] | None = None,
) -> Metrics:
    """The figures of decisions that somebody else made: those in a label table, say.

    Args:
        right: class numbers int64 `(n,)`, or bool `(n, classes)` for `several_of_many`.
        decided: the same for what was given; `UNDECIDED` (-1) where nothing was.
        rule: of the network; it says what the numbers mean, and decides nothing here.
        targets: as in `evaluate_split`; with `probabilities`, for the figures that decisions alone do not give: loss,
            top-k, curves.
        probabilities: as in `evaluate_split`.
        winners: group -> the number of the class that won in it, int64 `(n,)`; `UNDECIDED` where none was named. Groups
            that are missing are not judged.

    Raises:
        DataError: there are no images.
        ValueError: the shapes do not fit together.
    """
    if right.shape != decided.shape:
        raise ValueError(f"shapes differ: {right.shape} and {decided.shape}")
    _require_images(len(right))
    known = None if targets is None or probabilities is None else _Known(targets, probabilities)
    limits = [None] * len(rule.class_names)
    return _collect(right, decided, rule, limits=limits, known=known, winners=winners or {})


@dataclass(frozen=True)
class _Known:
    """What is known beside decisions."""

    targets: NDArray[np.float32]
    probabilities: NDArray[np.float32]


def _collect(
    right: LabelArray,
    decided: LabelArray,
    rule: DecisionRule,
    *,
    limits: Sequence[float | None],
    known: _Known | None,
    winners: Mapping[str, NDArray[np.int64]],
) -> Metrics:
    class_names, several = rule.class_names, rule.has_many
    questions = _questions(known, rule) if known else {}
    curves = {name: _curves(name, *pair) for name, pair in questions.items() if _both(pair[0])}
    precisions = {
        name: curves[name].average_precision if name in curves else _average_precision(*pair)
        for name, pair in questions.items()
    }
    classes = _class_figures(right, decided, class_names, limits, precisions)
    areas = [value for value in precisions.values() if value is not None]
    curve = None if several else next(iter(curves.values()), None)
    cross_entropy = _cross_entropy(known, rule) if known else None
    groups = {group: _group_figures(right, given, rule, group) for group, given in winners.items()}
    notes = _notes(classes, has_no_curve=bool(questions) and not several and curve is None)
    notes += tuple(
        f"the group {group} cannot be judged: no image has exactly one of its labels"
        for group, figures in groups.items()
        if figures is None
    )
    return Metrics(
        decoding=rule.decoding,
        images=len(right),
        loss=cross_entropy,
        cross_entropy=cross_entropy,
        accuracy=float(right_images(right, decided).mean()),
        label_accuracy=float((right == decided).mean()) if several else None,
        top_k=_top_k(known) if known and not several and len(class_names) > 5 else {},
        mean_average_precision=float(np.mean(areas)) if several and areas else None,
        roc_auc=curve.roc_auc if curve else None,
        average_precision=curve.average_precision if curve else None,
        classes=classes,
        means=_means(right, decided, classes),
        cells=() if several else _cells(right, decided, len(class_names)),
        undecided=0 if several else int((decided == UNDECIDED).sum()),
        curves=tuple(curves.values()),
        groups={group: figures for group, figures in groups.items() if figures is not None},
        notes=notes,
    )


def _group_figures(right: LabelArray, given: NDArray[np.int64], rule: DecisionRule, group: str) -> GroupFigures | None:
    """How well the winner of a group is found; None where no image has exactly one of the group's labels."""
    number = {name: place for place, name in enumerate(rule.class_names)}
    members = np.array(sorted(number[name] for name in rule.groups[group]), np.int64)
    labels = right[:, members].sum(axis=1)
    judged = labels == 1
    if not judged.any():
        return None
    place = np.full(len(rule.class_names) + 1, UNDECIDED)  # the last one is for images without a winner
    place[members] = np.arange(len(members))
    names = [rule.class_names[member] for member in members]
    true, found = right[judged][:, members].argmax(axis=1).astype(np.int64), place[given[judged]]
    classes = _class_figures(true, found, names, [None] * len(names), {})
    return GroupFigures(
        images=len(true),
        accuracy=float(right_images(true, found).mean()),
        classes=classes,
        means=_means(true, found, classes),
        cells=_cells(true, found, len(names)),
        undecided=int((found == UNDECIDED).sum()),
        notes=_notes(classes, has_no_curve=False),
        unlabeled=int((labels == 0).sum()),
        ambiguous=int((labels > 1).sum()),
    )


def _class_figures(
    right: LabelArray,
    decided: LabelArray,
    class_names: Sequence[str],
    limits: Sequence[float | None],
    average_precisions: Mapping[str, float | None],
) -> tuple[ClassFigures, ...]:
    hits, given, support = _counts(right, decided, len(class_names))
    precision, recall, f1 = _scores(right, decided, None, list(range(len(class_names))))
    return tuple(
        ClassFigures(
            name=name,
            support=int(support[number]),
            predicted=int(given[number]),
            right=int(hits[number]),
            precision=float(precision[number]) if support[number] else None,
            recall=float(recall[number]) if support[number] else None,
            f1=float(f1[number]) if support[number] else None,
            average_precision=average_precisions.get(name) if support[number] else None,
            threshold=limits[number],
        )
        for number, name in enumerate(class_names)
    )


def _means(right: LabelArray, decided: LabelArray, classes: Sequence[ClassFigures]) -> dict[str, Means]:
    # Micro counts every decision, so that a wrong label without images of its own still costs precision.
    everything = list(range(len(classes)))
    present = [number for number, figures in enumerate(classes) if figures.support]
    means = {}
    for average, labels in (("micro", everything), ("macro", present), ("weighted", present)):
        precision, recall, f1 = _scores(right, decided, average, labels) if labels else (0.0, 0.0, 0.0)
        means[average] = Means(precision=float(precision), recall=float(recall), f1=float(f1))
    return means


def _scores(right: LabelArray, decided: LabelArray, average: str | None, labels: list[int]) -> tuple[Any, Any, Any]:
    """Precision, recall and F1: arrays, one value a class, or numbers where they are averaged."""
    from sklearn.metrics import precision_recall_fscore_support

    if right.ndim == 2 and right.shape[1] == 1:
        # A single column looks to scikit-learn like two classes; the one that is meant is "yes".
        right, decided, labels = right[:, 0], decided[:, 0], [1]
    scores = precision_recall_fscore_support(right, decided, labels=labels, average=average, zero_division=0.0)
    return scores[0], scores[1], scores[2]


def _counts(
    right: LabelArray, decided: LabelArray, classes: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """For each class: images right, images given it, images that have it."""
    if right.ndim == 2:
        return (right & decided).sum(axis=0), decided.sum(axis=0), right.sum(axis=0)
    hits = np.bincount(right[right == decided], minlength=classes)
    given = np.bincount(decided[decided != UNDECIDED], minlength=classes)
    return hits, given, np.bincount(right, minlength=classes)


def _cells(right: LabelArray, decided: LabelArray, classes: int) -> tuple[tuple[int, int, int], ...]:
    """The cells of the confusion matrix that are not zero; undecided images are in none."""
    known = decided != UNDECIDED
    pairs, images = np.unique(right[known] * classes + decided[known], return_counts=True)
    return tuple((*divmod(int(pair), classes), int(count)) for pair, count in zip(pairs, images, strict=True))


def _cross_entropy(known: _Known, rule: DecisionRule) -> float:
    targets, given = known.targets, known.probabilities.astype(np.float64)
    if rule.sums_to_one:
        given = given / np.maximum(given.sum(axis=1, keepdims=True), _EPSILON)
    given = np.clip(given, _EPSILON, 1 - _EPSILON)
    losses = -targets * np.log(given)
    if rule.sums_to_one:
        return float(losses.sum(axis=1).mean())
    return float((losses - (1 - targets) * np.log1p(-given)).mean())


def _top_k(known: _Known) -> dict[int, float]:
    # Stable, so that ties go to the earlier class, as in the label table.
    order = np.argsort(-known.probabilities, axis=1, kind="stable")
    right = known.targets.argmax(axis=1)[:, None]
    return {k: float((order[:, :k] == right).any(axis=1).mean()) for k in TOP_K}


def _questions(known: _Known, rule: DecisionRule) -> dict[str, tuple[NDArray[np.bool_], NDArray[np.float32]]]:
    """What outputs answer with yes or no, each by itself: the positive class -> the truth and the scores."""
    if rule.sums_to_one:
        return {}
    return {
        rule.class_names[number]: (known.targets[:, output] > 0.5, known.probabilities[:, output])
        for output, number in enumerate(rule.output_classes)
    }


def _both(positive: NDArray[np.bool_]) -> bool:
    return bool(positive.any() and not positive.all())


def _average_precision(positive: NDArray[np.bool_], scores: NDArray[np.float32]) -> float | None:
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(positive, scores)) if positive.any() else None


def _curves(name: str, positive: NDArray[np.bool_], scores: NDArray[np.float32]) -> Curves:
    from sklearn.metrics import auc, precision_recall_curve, roc_curve

    false_rate, true_rate, _ = roc_curve(positive, scores)
    precision, recall, _ = precision_recall_curve(positive, scores, drop_intermediate=True)
    average_precision = _average_precision(positive, scores)
    assert average_precision is not None
    return Curves(
        name=name,
        false_positive_rate=_thinned(false_rate, by=false_rate + true_rate),
        true_positive_rate=_thinned(true_rate, by=false_rate + true_rate),
        roc_auc=float(auc(false_rate, true_rate)),
        recall=_thinned(recall, by=-recall),
        precision=_thinned(precision, by=-recall),
        average_precision=average_precision,
        positive_share=float(positive.mean()),
    )


def _thinned(values: NDArray[np.float64], *, by: NDArray[np.float64]) -> tuple[float, ...]:
    """At most CURVE_POINTS values, evenly spread along the rising `by`, ends included, at six digits."""
    if len(values) > CURVE_POINTS:
        steps = np.linspace(by[0], by[-1], CURVE_POINTS)
        kept = np.unique(np.concatenate([[0], np.searchsorted(by, steps).clip(max=len(by) - 1), [len(by) - 1]]))
        values = values[kept]
    return tuple(round(float(value), 6) for value in values)


def _notes(classes: Sequence[ClassFigures], *, has_no_curve: bool) -> tuple[str, ...]:
    notes = []
    empty = [figures.name for figures in classes if not figures.support]
    never = [figures.name for figures in classes if figures.support and not figures.predicted]
    if empty:
        notes.append(f"without images in this data, so left out of macro means: {_listed(empty)}")
    if never:
        notes.append(f"never given, so precision counts as 0: {_listed(never)}")
    if has_no_curve:
        notes.append("all images are of one class, so there is no ROC and no precision-recall curve")
    return tuple(notes)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED} more"


def _require_images(count: int) -> None:
    if not count:
        raise DataError("there are no images to evaluate")
