from __future__ import annotations

import numpy as np

from fashionbatch.decisions import rule_for
from fashionbatch.display_width import display_width
from fashionbatch.evaluation.measures.metrics import evaluate_split
from fashionbatch.evaluation.report import report_text
from fashionbatch.evaluation.tables import aligned

TARGETS = np.array([[1, 1, 0], [0, 1, 0], [1, 0, 0], [0, 1, 0]], np.float32)
PROBABILITIES = np.array([[0.9, 0.8, 0.1], [0.6, 0.9, 0.2], [0.7, 0.1, 0.3], [0.2, 0.7, 0.1]], np.float32)


def test_wide_characters_take_two_cells_and_combining_ones_none():
    assert display_width("dress") == 5
    assert display_width("드레스") == 6
    assert display_width("e\u0301t\u0301") == 2
    assert display_width("\u1103\u1173") == display_width("드")


def test_columns_stand_straight_under_korean_names():
    lines = aligned([["class", "F1"], ["드레스", "0.5"], ["shoe", "10.25"]]).splitlines()
    assert {display_width(line) for line in lines} == {display_width("드레스") + 2 + 5}
    assert lines[1].endswith("  0.5")


def test_the_report_names_classes_as_they_are_shown_and_what_is_undefined():
    metrics = evaluate_split(TARGETS, PROBABILITIES, rule_for("several_of_many", ["red", "dress", "hat"]))
    text = report_text(metrics, ["빨강", "드레스", "모자"])
    assert "exact match" in text
    assert "label accuracy" in text
    assert "mean average precision" in text
    hat = next(line for line in text.splitlines() if line.startswith("모자"))
    assert hat.split() == ["모자", "-", "-", "-", "-", "0.5", "0"]
    table = text.split("\n\n")[1].splitlines()
    assert len(table) == 4
    assert len({display_width(line) for line in table}) == 1
    assert "note: without images" in text


def test_a_single_label_report_has_no_columns_that_say_nothing():
    targets = np.eye(3, dtype=np.float32)
    metrics = evaluate_split(targets, targets * 0.9 + 0.03, rule_for("one_of_many", ["a", "b", "c"]))
    text = report_text(metrics)
    assert "accuracy              1.0000" in text
    assert "AP" not in text
    assert "threshold" not in text
    assert [line.split()[0] for line in text.splitlines() if line.endswith("  1")] == ["a", "b", "c"]
    assert "macro mean" in text
