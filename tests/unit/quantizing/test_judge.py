"""What int8 gives is compared with float32 by labels; thresholds follow where a label would lose."""

from __future__ import annotations

import numpy as np
import pytest

from fashionbatch.decisions import rule_for
from fashionbatch.errors import DataError
from fashionbatch.quantizing.judge import Judge

IMAGES = np.zeros((4, 2, 2, 3), np.uint8)
TARGETS = np.array([[1, 0], [1, 0], [0, 1], [0, 1]], np.float32)
FLOAT32 = np.array([[0.9, 0.1], [0.6, 0.2], [0.3, 0.8], [0.1, 0.7]], np.float32)


def several(thresholds: tuple[float, ...] = (), targets: np.ndarray | None = TARGETS) -> Judge:
    rule = rule_for("several_of_many", ["red", "dress"], thresholds=thresholds)
    return Judge(IMAGES, targets, FLOAT32, rule, "validation")


def test_labels_are_compared_and_not_probabilities() -> None:
    judge = Judge(IMAGES, TARGETS, FLOAT32, rule_for("one_of_many", ["red", "dress"]), "photos")
    record = judge.record(np.array([[0.6, 0.4], [0.4, 0.6], [0.1, 0.9], [0.0, 1.0]], np.float32), ())
    assert (record.images, record.right, record.same_label, record.source) == (4, 3, 3, "photos")
    assert record.against_float32 is not None
    assert record.against_float32.only_float32_right == 1


def test_without_truth_only_kept_labels_are_counted() -> None:
    judge = several(targets=None)
    record = judge.record(np.array([[0.9, 0.1], [0.4, 0.2], [0.3, 0.8], [0.1, 0.7]], np.float32), ())
    assert (record.images, record.right, record.same_label) == (4, None, 3)
    assert record.against_float32 is None
    assert judge.thresholds(FLOAT32 / 2) == ()


def test_a_label_that_loses_gets_a_threshold_of_its_own_and_the_others_keep_theirs() -> None:
    judge = several((0.5, 0.45))
    int8 = FLOAT32 * np.array([0.7, 1.0], np.float32)  # the second red photo is at 0.42 now
    own = judge.thresholds(int8)
    assert own[1] == 0.45
    assert 0.21 < own[0] <= 0.42
    assert judge.record(int8, ()).right == 3
    assert judge.record(int8, own).right == 4
    assert judge.record(int8, own).same_label == 4


def test_thresholds_stay_where_no_label_loses_by_them() -> None:
    assert several((0.5, 0.45)).thresholds(FLOAT32 - np.float32(0.01)) == ()


def test_one_label_of_many_has_no_thresholds() -> None:
    judge = Judge(IMAGES, TARGETS, FLOAT32, rule_for("one_of_many", ["red", "dress"]), "validation")
    assert judge.thresholds(FLOAT32) == ()


def test_outputs_that_are_no_numbers_are_an_error() -> None:
    with pytest.raises(DataError):
        several().record(np.full((4, 2), np.nan, np.float32), ())
