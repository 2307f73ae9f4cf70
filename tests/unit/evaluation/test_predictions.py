from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fashionbatch.decisions import rule_for
from fashionbatch.errors import DataError
from fashionbatch.evaluation.disagreement import compare
from fashionbatch.evaluation.measures.metrics import evaluate_split
from fashionbatch.evaluation.predictions import predict_labels
from fashionbatch.evaluation.report import confusion_csv, predictions_csv
from fashionbatch.evaluation.run import Evaluation

NAMES = ("고양이", "dog", "T-shirt/top")
TARGETS = np.eye(3, dtype=np.float32)[[0, 1, 2, 1]]
PROBABILITIES = np.array([[0.8, 0.1, 0.1], [0.6, 0.3, 0.1], [0.0, 0.99, 0.01], [0.1, 0.8, 0.1]], np.float32)


def evaluation(probabilities, names=("a", "b", "c", "d")):
    predictions = predict_labels(TARGETS, probabilities, NAMES, rule_for("one_of_many", NAMES))
    metrics = evaluate_split(TARGETS, probabilities, rule_for("one_of_many", NAMES))
    return Evaluation("test", "test", metrics, predictions, names, None, {})


def test_mistakes_come_the_surest_first():
    predictions = predict_labels(TARGETS, PROBABILITIES, NAMES, rule_for("one_of_many", NAMES))
    assert predictions.mistakes() == [2, 1]
    assert predictions.right_text(1) == "dog"
    assert (predictions.given_text(1), predictions.percentage(1)) == ("고양이", "(60%)")
    assert (predictions.given_text(2), predictions.percentage(2)) == ("dog", "(99%)")


def test_almost_sure_is_not_shown_as_certain():
    probabilities = np.array([[0.9996, 0, 0]], np.float32)
    predictions = predict_labels(TARGETS[:1], probabilities, NAMES, rule_for("one_of_many", NAMES))
    assert predictions.percentage(0) == "(99%)"


def test_a_no_is_as_sure_as_its_own_class():
    targets, probabilities = np.array([[0], [1]], np.float32), np.array([[0.1], [0.2]], np.float32)
    predictions = predict_labels(targets, probabilities, ["cat", "dog"], rule_for("yes_or_no", ["cat", "dog"]))
    assert (predictions.given_text(0), predictions.percentage(0)) == ("cat", "(90%)")
    assert predictions.mistakes() == [1]


def test_several_labels_are_listed_and_none_is_said():
    targets = np.array([[1, 0, 1], [0, 0, 0]], np.float32)
    probabilities = np.array([[0.9, 0.1, 0.4], [0.1, 0.1, 0.2]], np.float32)
    predictions = predict_labels(targets, probabilities, NAMES, rule_for("several_of_many", NAMES))
    assert predictions.right_text(0) == "고양이, T-shirt/top"
    assert (predictions.given_text(0), predictions.percentage(0)) == ("고양이", "")
    assert predictions.given_text(1) == "(none)"
    assert list(predictions.correct) == [False, True]


def test_lists_and_matrices_are_tables():
    one = evaluation(PROBABILITIES)
    lines = predictions_csv(one.names, one.predictions).splitlines()
    assert lines[0] == "name,right,given,prob,correct"
    assert lines[2] == "b,dog,고양이,0.6,0"
    assert confusion_csv(one.metrics).splitlines() == [
        "right \\ given,고양이,dog,T-shirt/top",
        "고양이,1,0,0",
        "dog,1,1,0",
        "T-shirt/top,0,1,0",
    ]


def test_several_labels_have_four_counts_each():
    targets = np.array([[1, 0], [1, 1], [0, 0]], np.float32)
    probabilities = np.array([[0.9, 0.9], [0.1, 0.9], [0.1, 0.1]], np.float32)
    text = confusion_csv(evaluate_split(targets, probabilities, rule_for("several_of_many", ["red", "hat"])))
    assert text.splitlines() == ["label,right_yes,wrong_yes,wrong_no,right_no", "red,1,0,1,1", "hat,1,1,0,1"]


def test_networks_disagree_where_any_two_do():
    other = PROBABILITIES.copy()
    other[1] = [0.2, 0.7, 0.1]
    other[2] = [0.8, 0.1, 0.1]
    found = compare([evaluation(PROBABILITIES), evaluation(other)])
    assert list(found.photos) == [1, 2]
    assert found.patterns == {(False, False): 1, (False, True): 1, (True, True): 2}


def test_networks_that_saw_other_photos_or_know_other_labels_are_not_compared():
    one = evaluation(PROBABILITIES)
    with pytest.raises(DataError, match="same images"):
        compare([one, evaluation(PROBABILITIES, names=("a", "b", "c", "x"))])
    other = dataclasses.replace(one, predictions=dataclasses.replace(one.predictions, names=("a", "b", "c")))
    with pytest.raises(DataError, match="same labels"):
        compare([one, other])


# Few distinct values, so that ties and probabilities at their threshold are common.
OUTPUTS = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0, float(np.float32(0.3))])


@pytest.mark.parametrize(
    ("decoding", "thresholds"),
    [
        ("one_of_many", ()),
        ("yes_or_no", ()),
        ("yes_or_no", (0.3,)),
        ("several_of_many", ()),
        ("several_of_many", (0.3, 0.75)),
    ],
)
@given(outputs=arrays(np.float32, (4, 2), elements=OUTPUTS))
@settings(deadline=None)
def test_what_is_counted_is_what_an_image_is_labeled_with(decoding, thresholds, outputs):
    rule = rule_for(decoding, ["cat", "dog"], thresholds=thresholds)
    outputs = outputs[:, : rule.outputs]
    counted = predict_labels(np.zeros_like(outputs), outputs, rule.class_names, rule)
    decisions = rule.decide(outputs)
    for image, counted_as in enumerate(counted.given):
        # A table names the most likely label first, an evaluation the first of the bundle.
        labels = [rule.class_names[number] for number in sorted(decisions.labels(image))]
        assert counted.names_of(counted_as) == labels
