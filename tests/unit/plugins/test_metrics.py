"""The built-in metrics against scikit-learn, for each kind of head."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sklearn

from fashionbatch_plugins.metrics import register_metrics

SPECS = {spec.name: spec for spec in register_metrics()}
CLASSES = np.arange(60) % 3
GENERATOR = np.random.default_rng(2)
ONE_HOT = np.eye(3, dtype=np.float32)[CLASSES]
ROWS = (ONE_HOT + GENERATOR.uniform(0, 2, ONE_HOT.shape)).astype(np.float32)
ROWS /= ROWS.sum(axis=1, keepdims=True)
SEVERAL = (GENERATOR.uniform(size=(60, 3)) < 0.4).astype(np.float32)
EACH = np.clip(SEVERAL * 0.3 + GENERATOR.uniform(0.05, 0.65, SEVERAL.shape), 0, 1).astype(np.float32)
YES, SURE = SEVERAL[:, :1], EACH[:, :1]
ANSWERS = {"one_of_many": (ONE_HOT, ROWS), "yes_or_no": (YES, SURE), "several_of_many": (SEVERAL, EACH)}


def measured(name, decoding, **parameters):
    spec = SPECS[name]
    targets, guess = ANSWERS[decoding]
    metric = spec.build(spec.parameters(**parameters), decoding, 2 if decoding == "yes_or_no" else 3)
    metric.update_state(targets, guess)
    return float(metric.result())


@pytest.mark.parametrize(
    ("name", "decoding", "parameters", "expected"),
    [
        ("top_k_accuracy", "one_of_many", {"k": 2}, lambda: sklearn.top_k_accuracy_score(CLASSES, ROWS, k=2)),
        ("f1", "one_of_many", {}, lambda: sklearn.f1_score(CLASSES, ROWS.argmax(1), average="macro")),
        ("f1", "yes_or_no", {"threshold": 0.4}, lambda: sklearn.f1_score(YES[:, 0], SURE[:, 0] > 0.4)),
        ("f1", "several_of_many", {}, lambda: sklearn.f1_score(SEVERAL, EACH > 0.5, average="macro")),
        ("precision", "yes_or_no", {}, lambda: sklearn.precision_score(YES[:, 0], SURE[:, 0] > 0.5)),
        ("recall", "yes_or_no", {"threshold": 0.3}, lambda: sklearn.recall_score(YES[:, 0], SURE[:, 0] > 0.3)),
        ("precision", "several_of_many", {}, lambda: sklearn.precision_score(SEVERAL, EACH > 0.5, average="micro")),
        ("recall", "several_of_many", {}, lambda: sklearn.recall_score(SEVERAL, EACH > 0.5, average="micro")),
        ("auc", "one_of_many", {"thresholds": 5000}, lambda: sklearn.roc_auc_score(ONE_HOT, ROWS, average="macro")),
        ("auc", "yes_or_no", {"thresholds": 5000}, lambda: sklearn.roc_auc_score(YES, SURE)),
        ("auc", "several_of_many", {"thresholds": 5000}, lambda: sklearn.roc_auc_score(SEVERAL, EACH, average="macro")),
        ("crossentropy", "one_of_many", {}, lambda: sklearn.log_loss(CLASSES, ROWS)),
        ("crossentropy", "yes_or_no", {}, lambda: sklearn.log_loss(YES[:, 0], SURE[:, 0])),
        ("mean_squared_error", "yes_or_no", {}, lambda: sklearn.brier_score_loss(YES[:, 0], SURE[:, 0])),
        ("mean_absolute_error", "several_of_many", {}, lambda: np.abs(SEVERAL - EACH).mean()),
    ],
)
def test_a_metric_says_what_scikit_learn_says(name, decoding, parameters, expected):
    assert measured(name, decoding, **parameters) == pytest.approx(float(expected()), abs=2e-3)


def test_precision_at_a_recall_is_the_best_of_all_thresholds():
    precision, recall, _ = sklearn.precision_recall_curve(YES[:, 0], SURE[:, 0])
    best = precision[recall >= 0.65].max()
    assert measured("precision_at_recall", "yes_or_no", recall=0.65) == pytest.approx(best, abs=0.02)
    best = recall[precision >= 0.6].max()
    assert measured("recall_at_precision", "yes_or_no", precision=0.6) == pytest.approx(best, abs=0.02)


def test_hinge_is_the_distance_from_leading_by_one():
    right, wrong = (ROWS * ONE_HOT).sum(1), np.where(ONE_HOT == 1, -1, ROWS).max(1)
    assert measured("hinge", "one_of_many") == pytest.approx(float(np.maximum(0, 1 - right + wrong).mean()), abs=1e-5)


def test_more_places_than_classes_are_refused():
    with pytest.raises(ValueError, match="k is 3, but there are only 3 classes"):
        measured("top_k_accuracy", "one_of_many")
