from __future__ import annotations

import numpy as np
import pytest

from fashionbatch.decisions import rule_for
from fashionbatch.errors import DataError
from fashionbatch.evaluation.measures.parity import measure_parity

FOUR = rule_for("one_of_many", "abcd")
TARGETS = np.eye(4, dtype=np.float32)


def test_parity_compares_labels_and_not_digits():
    reference = TARGETS * 0.6 + 0.1
    record = measure_parity(TARGETS, reference, reference + np.float32(0.01), FOUR)
    assert (record.accuracy, record.same_labels, record.images) == (1.0, 1.0, 4)


def test_a_changed_label_costs_both_figures():
    reference = TARGETS * 0.6 + 0.1
    candidate = reference.copy()
    candidate[0] = [0.1, 0.7, 0.1, 0.1]
    record = measure_parity(TARGETS, reference, candidate, FOUR)
    assert (record.accuracy, record.same_labels) == (0.75, 0.75)
    assert record.against_float32 is not None
    assert record.against_float32.model_dump() == {
        "both_right": 3,
        "only_float32_right": 1,
        "only_this_right": 0,
        "neither_right": 0,
    }


def test_images_are_counted_by_which_precision_is_right():
    # Right in both, in float32 alone, in the candidate alone, in neither (the same wrong label, another one).
    targets = np.eye(4, dtype=np.float32)[[0, 0, 0, 0, 0]]
    reference = np.eye(4, dtype=np.float32)[[0, 0, 1, 2, 2]]
    candidate = np.eye(4, dtype=np.float32)[[0, 1, 0, 2, 3]]
    record = measure_parity(targets, reference, candidate, FOUR)
    assert (record.images, record.right, record.same_label) == (5, 2, 2)
    assert record.against_float32 is not None
    assert record.against_float32.model_dump() == {
        "both_right": 1,
        "only_float32_right": 1,
        "only_this_right": 1,
        "neither_right": 2,
    }


def test_several_labels_are_the_same_only_if_all_are():
    targets = np.array([[1, 0], [1, 1]], np.float32)
    reference = np.array([[0.9, 0.45], [0.9, 0.9]], np.float32)
    candidate = np.array([[0.9, 0.55], [0.9, 0.9]], np.float32)
    record = measure_parity(targets, reference, candidate, rule_for("several_of_many", ["red", "dress"]))
    assert (record.accuracy, record.same_labels) == (0.5, 0.5)
    lower = rule_for("several_of_many", ["red", "dress"], thresholds=[0.5, 0.4])
    assert measure_parity(targets, reference, candidate, lower).same_labels == 1.0


def test_the_winner_of_a_group_is_a_decision_too():
    names = ["black", "red", "dress"]
    rule = rule_for("several_of_many", names, thresholds=[0.9, 0.3, 0.5], groups={"colour": ["black", "red"]})
    targets = np.array([[0, 1, 1], [0, 1, 1], [0, 0, 1]], np.float32)
    reference = np.array([[0.4, 0.5, 0.9], [0.4, 0.5, 0.9], [0.2, 0.1, 0.9]], np.float32)
    # Red and dress stand in each row's labels as before, but black is the likelier colour now in the first and last.
    candidate = np.array([[0.6, 0.5, 0.9], [0.3, 0.5, 0.9], [0.1, 0.2, 0.9]], np.float32)
    record = measure_parity(targets, reference, candidate, rule)
    assert (record.right, record.same_label) == (2, 2), "a colour that nobody knows is neither right nor another one"
    assert record.against_float32 is not None
    assert record.against_float32.only_float32_right == 1
    assert measure_parity(None, reference, candidate, rule).same_label == 1


def test_yes_or_no_has_one_output():
    targets = np.array([[1], [0]], np.float32)
    rule = rule_for("yes_or_no", ["no", "yes"], thresholds=[0.5])
    record = measure_parity(targets, targets * 0.8 + 0.1, targets * 0.7 + 0.1, rule)
    assert record.same_labels == 1.0


def test_nothing_to_compare_is_an_error():
    with pytest.raises(DataError, match="no images"):
        measure_parity(TARGETS[:0], TARGETS[:0], TARGETS[:0], FOUR)
