"""Members as rows, and the figure that they are compared by."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest

from fashionbatch.errors import TrainingError
from fashionbatch.studies.members import Result
from fashionbatch.studies.results import choosing_figure, ranked, require_none_failed, results_csv, title_of


def test_the_best_is_the_one_by_validation_whatever_the_test_split_says(make_result):
    good = make_result("good", validation={"accuracy": 0.9}, test={"accuracy": 0.5})
    lucky = make_result("lucky", validation={"accuracy": 0.8}, test={"accuracy": 0.99})
    assert [result.member.name for result in ranked([lucky, good])] == ["good", "lucky"]


def test_of_equal_accuracies_the_lower_cross_entropy_is_better(make_result):
    one = make_result("one", validation={"accuracy": 0.9, "cross_entropy": 0.5})
    other = make_result("other", validation={"accuracy": 0.9, "cross_entropy": 0.4})
    assert [result.member.name for result in ranked([one, other])] == ["other", "one"]


def test_several_labels_are_compared_by_how_well_they_are_ranked(make_result):
    result = make_result("one", validation={"accuracy": 0.2, "label_accuracy": 0.9, "mean_average_precision": 0.7})
    assert choosing_figure([result]) == "mean_average_precision"
    assert title_of([result], "accuracy") == "exact match"


def test_without_validation_nothing_is_compared(make_result):
    results = [make_result(name, test={"accuracy": 0.9}) for name in ("b", "a")]
    assert choosing_figure(results) is None
    assert [result.member.name for result in ranked(results)] == ["b", "a"]


def test_the_table_has_a_row_for_each_member_and_says_what_became_of_it(make_result):
    good = make_result("one", settings={"head.dropout": "0.2"}, validation={"accuracy": 0.9}, test={"accuracy": 0.5})
    bad = Result(replace(good.member, name="two", settings={"head.dropout": "0.5"}), "failed", problem="diverged")
    later = Result(replace(good.member, name="three"), "not finished")
    rows = list(csv.DictReader(io.StringIO(results_csv([good, bad, later]))))
    assert [(row["run"], row["state"], row["head.dropout"]) for row in rows] == [
        ("one", "finished", "0.2"),
        ("two", "failed", "0.5"),
        ("three", "not finished", "0.2"),
    ]
    assert rows[0]["validation accuracy"] == "0.9"
    assert rows[0]["seconds"] == "1.5"
    assert rows[1]["problem"] == "diverged"
    assert rows[1]["test accuracy"] == ""


def test_failures_are_an_error_that_names_the_first(make_result):
    good = make_result("one")
    require_none_failed([good])
    bad = Result(good.member, "failed", problem="the loss is no number")
    with pytest.raises(TrainingError, match="1 of 2 trainings failed, such as one: the loss is no number"):
        require_none_failed([good, bad])
