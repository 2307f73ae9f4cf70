"""Groups of labels of which one wins: each is judged as the choice that it is."""

from __future__ import annotations

import numpy as np
import pytest

from fashionbatch.decisions import UNDECIDED, rule_for
from fashionbatch.evaluation.measures.metrics import evaluate_decisions, evaluate_split
from fashionbatch.evaluation.report import groups_csv, report_text

NAMES = ["black", "dress", "red", "shirt"]
# The group's own order is not the bundle's; in figures labels stand in the bundle's.
RULE = rule_for("several_of_many", NAMES, groups={"colour": ["red", "black"], "type": ["shirt", "dress"]})
TARGETS = np.array(
    [
        [1, 1, 0, 0],
        [1, 0, 0, 1],
        [0, 1, 1, 0],
        [0, 0, 1, 0],  # no type
        [1, 1, 1, 0],  # two colours
    ],
    np.float32,
)
PROBABILITIES = np.array(
    [
        [0.9, 0.8, 0.2, 0.1],
        [0.3, 0.6, 0.4, 0.2],  # red, dress: both wrong, though red is below its threshold
        [0.1, 0.2, 0.2, 0.1],  # red, dress: both right, though no label is given
        [0.6, 0.1, 0.4, 0.9],  # black: wrong
        [0.9, 0.1, 0.9, 0.3],  # shirt: wrong
    ],
    np.float32,
)


@pytest.fixture(scope="module")
def metrics():
    return evaluate_split(TARGETS, PROBABILITIES, RULE)


def test_a_group_counts_images_with_exactly_one_of_its_labels(metrics):
    colour, kind = metrics.groups["colour"], metrics.groups["type"]
    assert (colour.images, colour.unlabeled, colour.ambiguous) == (4, 0, 1)
    assert (kind.images, kind.unlabeled, kind.ambiguous) == (4, 1, 0)
    assert (colour.accuracy, kind.accuracy) == (0.5, 0.5)


def test_a_group_has_matrix_precision_and_recall_of_its_labels_in_the_bundles_order(metrics):
    colour, kind = metrics.groups["colour"], metrics.groups["type"]
    assert [figures.name for figures in colour.classes] == ["black", "red"]
    assert colour.confusion == ((1, 1), (1, 1))
    assert [figures.name for figures in kind.classes] == ["dress", "shirt"]
    assert kind.confusion == ((2, 1), (1, 0))
    dress, shirt = kind.classes
    assert (dress.precision, dress.recall) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert (shirt.precision, shirt.recall, shirt.support) == (0.0, 0.0, 1)
    assert kind.means["micro"].precision == kind.accuracy


def test_a_table_of_winners_gives_the_same_figures_as_the_network(metrics):
    decisions = RULE.decide(PROBABILITIES)
    winners = {group: found.as_array() for group, found in decisions.groups.items()}
    judged = evaluate_decisions(RULE.truth(TARGETS), decisions.as_array(), RULE, winners=winners)
    assert judged.groups == metrics.groups


def test_a_winner_that_is_not_named_is_wrong_and_in_no_cell():
    winners = {"colour": np.array([UNDECIDED, 0, 2, 2, 2])}
    judged = evaluate_decisions(RULE.truth(TARGETS), RULE.truth(TARGETS), RULE, winners=winners).groups
    assert set(judged) == {"colour"}
    assert (judged["colour"].accuracy, judged["colour"].undecided) == (0.75, 1)
    assert judged["colour"].confusion == ((1, 0), (0, 2))


def test_a_group_that_no_image_can_judge_is_told():
    metrics = evaluate_split(TARGETS[3:4], PROBABILITIES[3:4], RULE)
    assert set(metrics.groups) == {"colour"}
    assert any("the group type cannot be judged" in note for note in metrics.notes)


def test_text_and_json_and_table_have_every_group(metrics):
    text = report_text(metrics, ["검정", "드레스", "빨강", "셔츠"])
    assert "accuracy of colour" in text
    assert "left out, with several of them 1" in {" ".join(line.split()) for line in text.splitlines()}
    part = text.split("group type")[1]
    assert [line.split() for line in part.splitlines() if line.startswith("드레스")] == [
        ["드레스", "0.6667", "0.6667", "0.6667", "3"],
        ["드레스", "2", "1"],
    ]
    plain = metrics.as_dict()["groups"]["type"]
    assert (plain["accuracy"], plain["confusion"], plain["unlabeled"]) == (0.5, [[2, 1], [1, 0]], 1)
    assert plain["mistakes"] == [["dress", "shirt", 1], ["shirt", "dress", 1]]
    assert groups_csv(metrics).splitlines() == [
        "group,right,given,images",
        "colour,black,black,1",
        "colour,black,red,1",
        "colour,red,black,1",
        "colour,red,red,1",
        "type,dress,dress,2",
        "type,dress,shirt,1",
        "type,shirt,dress,1",
    ]
