"""A network's outputs -> labels: one rule, for tables, figures and pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from fashionbatch.decisions import UNDECIDED, DecisionRule, as_written, right_images, rule_for, rule_type
from fashionbatch.errors import DataError
from fashionbatch.specs import Decoding


def rule(decoding: Decoding, classes: int, **head: Any) -> DecisionRule:
    return rule_for(decoding, [f"c{number}" for number in range(classes)], **head)


def array(*rows: list[float]) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.array(rows, np.float32)


# -------------------------------------------------------------------------------------------------------- one of many


def test_the_largest_wins_and_ties_go_to_the_earlier_class() -> None:
    decided = rule("one_of_many", 3).decide(array([0.1, 0.7, 0.2], [0.4, 0.2, 0.4], [1 / 3, 1 / 3, 1 / 3]))
    assert decided.winner.classes.tolist() == [1, 0, 0]
    np.testing.assert_array_equal(decided.winner.probabilities, array([0.7, 0.4, 1 / 3])[0])
    assert [decided.labels(image) for image in range(3)] == [[1], [0], [0]]
    assert decided.chosen.sum(axis=1).tolist() == [1, 1, 1]


def test_the_first_k_come_in_order_and_never_more_than_there_are() -> None:
    decided = rule("one_of_many", 4).decide(array([0.1, 0.3, 0.3, 0.3], [0.4, 0.1, 0.3, 0.2]))
    top = decided.top(3)
    assert top.classes.tolist() == [[1, 2, 3], [0, 2, 3]]
    assert top.named.all()
    np.testing.assert_array_equal(top.probabilities, array([0.3, 0.3, 0.3], [0.4, 0.3, 0.2]))
    assert decided.top(99).classes.shape == (2, 4)
    np.testing.assert_array_equal(decided.top(1).place(0).classes, decided.winner.classes)


def test_no_images_give_no_labels() -> None:
    decided = rule("one_of_many", 3).decide(np.empty((0, 3), np.float32))
    assert len(decided) == 0
    assert decided.winner.classes.shape == (0,)
    assert decided.top(2).classes.shape == (0, 2)
    assert decided.valid.shape == (0,)


# ---------------------------------------------------------------------------------------------------------- yes or no


def test_the_winner_of_two_has_its_own_probability() -> None:
    decided = rule("yes_or_no", 2).decide(array([0.9], [0.25], [0.5]))
    assert decided.winner.classes.tolist() == [1, 0, 0]  # a tie goes to the earlier class
    np.testing.assert_allclose(decided.winner.probabilities, [0.9, 0.75, 0.5], rtol=1e-6)
    np.testing.assert_allclose(decided.class_probabilities, [[0.1, 0.9], [0.75, 0.25], [0.5, 0.5]], rtol=1e-6)


def test_a_threshold_decides_for_the_second_class_from_it_on() -> None:
    decided = rule("yes_or_no", 2, thresholds=(0.25,)).decide(array([0.3], [0.25], [0.2]))
    assert decided.winner.classes.tolist() == [1, 1, 0]
    np.testing.assert_allclose(decided.winner.probabilities, [0.3, 0.25, 0.8], rtol=1e-6)
    assert decided.top(2).classes.tolist() == [[1, 0], [1, 0], [0, 1]]
    assert [decided.labels(image) for image in range(3)] == [[1], [1], [0]]


# ---------------------------------------------------------------------------------------------------- several of many


def test_labels_are_those_at_or_over_one_half_the_most_likely_first() -> None:
    decided = rule("several_of_many", 3).decide(array([0.5, 0.9, 0.1], [0.8, 0.8, 0.9], [0.4, 0.3, 0.2]))
    assert [decided.labels(image) for image in range(3)] == [[1, 0], [2, 0, 1], []]
    assert decided.winner.classes.tolist() == [1, 2, 0]


def test_each_label_has_its_own_threshold() -> None:
    thresholds = (0.25, 0.95, 0.0)
    decided = rule("several_of_many", 3, thresholds=thresholds).decide(array([0.25, 0.9, 0.0], [0.2, 0.96, 0.1]))
    assert [decided.labels(image) for image in range(2)] == [[0, 2], [1, 2]]


def test_a_threshold_is_compared_exactly_not_rounded_to_float32() -> None:
    just_under = float(np.float32(0.7))  # 0.699999988
    assert rule("several_of_many", 1, thresholds=(0.7,)).decide(array([just_under])).labels(0) == []
    assert rule("several_of_many", 1, thresholds=(just_under,)).decide(array([just_under])).labels(0) == [0]


def test_each_group_has_its_winner_ties_in_bundle_order() -> None:
    groups = {"colour": ("c3", "c0"), "type": ("c1", "c2")}
    decided = rule("several_of_many", 4, groups=groups).decide(array([0.3, 0.1, 0.2, 0.3], [0.1, 0.6, 0.5, 0.2]))
    assert list(decided.groups) == ["colour", "type"]
    assert decided.groups["colour"].classes.tolist() == [0, 3]
    np.testing.assert_array_equal(decided.groups["colour"].probabilities, array([0.3, 0.2])[0])
    assert decided.groups["type"].classes.tolist() == [2, 1]


# ------------------------------------------------------------------------------------------------- no probabilities


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf, 1.5, -0.5])
def test_numbers_that_are_no_probabilities_spoil_their_own_row_alone(number: float) -> None:
    decided = rule("one_of_many", 2).decide(array([0.2, 0.8], [0.5, number], [0.6, 0.4]))
    assert decided.valid.tolist() == [True, False, True]
    assert decided.winner.classes[[0, 2]].tolist() == [1, 0]


def test_rounding_over_one_is_still_a_probability() -> None:
    assert rule("one_of_many", 2).decide(array([1.0000002, -1e-7])).valid.all()


@pytest.mark.parametrize("shape", [(3,), (2, 2), (2, 3, 1)])
def test_another_shape_is_a_mistake_of_the_caller(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected outputs \(n, 3\)"):
        rule("one_of_many", 3).decide(np.zeros(shape, np.float32))


@settings(max_examples=100, deadline=None)
@given(arrays.arrays(np.float32, st.tuples(st.integers(0, 6), st.just(4)), elements=st.sampled_from([0, 0.25, 0.5, 1])))
def test_an_image_is_labeled_alike_alone_and_among_others(probabilities: np.ndarray[Any, np.dtype[np.float32]]) -> None:
    several = rule("several_of_many", 4, thresholds=(0.25, 0.5, 0.5, 1.0), groups={"g": ("c2", "c1")})
    together = several.decide(probabilities)
    for image, row in enumerate(probabilities):
        alone = several.decide(row[np.newaxis])
        assert alone.labels(0) == together.labels(image)
        assert alone.winner.classes[0] == together.winner.classes[image] == row.argmax()
        assert alone.top(3).classes.tolist() == together.top(3).classes[[image]].tolist()
        assert alone.groups["g"].classes[0] == together.groups["g"].classes[image]
        assert sorted(together.labels(image)) == np.flatnonzero(together.chosen[image]).tolist()


# -------------------------------------------------------------------------------------------- what the user asks for


def test_below_the_minimum_a_winner_is_not_named_and_still_has_its_probability() -> None:
    decided = rule("one_of_many", 3).with_minimum(0.4).decide(array([0.5, 0.4, 0.1], [0.3, 0.35, 0.35]))
    assert decided.winner.classes.tolist() == [0, 1]
    assert decided.winner.named.tolist() == [True, False]
    assert decided.top(2).named.tolist() == [[True, True], [False, False]]
    assert [decided.labels(image) for image in range(2)] == [[0], []]
    assert decided.as_array().tolist() == [0, UNDECIDED]


def test_the_minimum_does_not_change_which_of_two_classes_wins() -> None:
    decided = rule("yes_or_no", 2, thresholds=(0.25,)).with_minimum(0.6).decide(array([0.3], [0.2], [0.9]))
    assert decided.winner.classes.tolist() == [1, 0, 1]
    assert decided.as_array().tolist() == [UNDECIDED, 0, 1]


def test_the_minimum_takes_the_place_of_the_thresholds_of_several_labels_and_counts_in_groups() -> None:
    several = rule("several_of_many", 3, thresholds=(0.9, 0.9, 0.1), groups={"g": ("c0", "c1")})
    decided = several.with_minimum(0.5).decide(array([0.6, 0.5, 0.2], [0.4, 0.3, 0.2]))
    assert [decided.labels(image) for image in range(2)] == [[0, 1], []]
    assert decided.groups["g"].named.tolist() == [True, False]
    assert decided.groups["g"].classes.tolist() == [0, 0]
    assert several.with_minimum(0.5).with_minimum(None) == several


# Numbers beside 0.9, which float32 has not, and beside steps of the sixth digit.
CLOSE = [float(np.nextafter(np.float32(number), np.float32(way))) for number in (0.9, 0.123456, 0.1) for way in (0, 2)]


@settings(max_examples=200, deadline=None)
@given(
    arrays.arrays(np.float32, (3, 3), elements=st.sampled_from(CLOSE) | st.floats(0, 1, width=32)),
    st.sampled_from([0.0, 0.1, 0.123456, 0.9, 1.0]) | st.floats(0, 1),
)
@pytest.mark.parametrize("decoding", ["one_of_many", "several_of_many"])
def test_the_minimum_is_compared_with_what_a_table_shows(
    decoding: Decoding, probabilities: np.ndarray[Any, np.dtype[np.float32]], minimum: float
) -> None:
    decided = rule(decoding, 3).with_minimum(minimum).decide(probabilities)
    for image, row in enumerate(probabilities.tolist()):
        likeliest = sorted(range(3), key=lambda number: -row[number])
        candidates = likeliest if decoding == "several_of_many" else likeliest[:1]
        assert decided.labels(image) == [number for number in candidates if as_written(row[number]) >= minimum]


def test_what_a_class_has_to_reach() -> None:
    assert rule("one_of_many", 2).limits == (None, None)
    assert rule("one_of_many", 2).with_minimum(0.3).limits == (0.3, 0.3)
    assert rule("several_of_many", 2).limits == (0.5, 0.5)
    assert rule("several_of_many", 2, thresholds=(0.1, 0.2)).with_minimum(0.3).limits == (0.3, 0.3)
    assert rule("yes_or_no", 2).limits == (None, 0.5)
    assert rule("yes_or_no", 2, thresholds=(0.25,)).limits == (None, 0.25)
    assert rule("yes_or_no", 2, thresholds=(0.25,)).with_minimum(0.6).limits == (0.75, 0.6)


def test_thresholds_of_classes_are_those_that_decide() -> None:
    assert rule("one_of_many", 2).class_thresholds == (None, None)
    assert rule("yes_or_no", 2).class_thresholds == (None, None)
    assert rule("yes_or_no", 2, thresholds=(0.25,)).class_thresholds == (None, 0.25)
    assert rule("several_of_many", 2).class_thresholds == (0.5, 0.5)
    assert rule("several_of_many", 2, thresholds=(0.1, 0.2)).class_thresholds == (0.1, 0.2)


# ------------------------------------------------------------------------------------------------ targets and truth


def test_targets_follow_the_decoding() -> None:
    labels = [("c1",), ("c0",)]
    assert rule("one_of_many", 2).targets(labels).tolist() == [[0, 1], [1, 0]]
    assert rule("yes_or_no", 2).targets(labels).tolist() == [[1], [0]]
    assert rule("several_of_many", 2).targets([("c1", "c0"), ()]).tolist() == [[1, 1], [0, 0]]
    assert rule("yes_or_no", 2).targets(labels).dtype == np.float32
    assert rule("yes_or_no", 2).targets(labels).flags.c_contiguous


@pytest.mark.parametrize("decoding", ["one_of_many", "yes_or_no", "several_of_many"])
def test_a_network_that_is_right_is_counted_as_right(decoding: Decoding) -> None:
    one = rule(decoding, 2)
    targets = one.targets([("c1",), ("c0",), ("c1",)])
    assert right_images(one.truth(targets), one.decide_all(targets).as_array()).all()
    wrong = right_images(one.truth(targets), one.decide_all(1 - targets).as_array())
    assert not wrong.any()


def test_an_image_is_right_only_if_all_its_labels_are() -> None:
    right = np.array([[True, False], [True, True]])
    assert right_images(right, np.array([[True, False], [True, False]])).tolist() == [True, False]


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_figures_are_not_made_of_what_is_no_number(number: float) -> None:
    with pytest.raises(DataError, match="not a number for 1 of 2 images"):
        rule("one_of_many", 2).decide_all(array([0.2, 0.8], [0.5, number]))


# ------------------------------------------------------------------------------------------- what does not fit together


@pytest.mark.parametrize(
    ("decoding", "classes", "head", "message"),
    [
        ("one_of_many", 2, {"thresholds": (0.5,)}, "one_of_many takes no thresholds"),
        ("yes_or_no", 3, {}, "yes_or_no needs two classes, got 3"),
        ("yes_or_no", 2, {"thresholds": (0.5, 0.5)}, "yes_or_no takes one threshold"),
        ("several_of_many", 3, {"thresholds": (0.5, 0.5)}, "2 thresholds for 3 classes"),
        ("several_of_many", 2, {"thresholds": (0.5, 1.5)}, "between 0 and 1"),
        ("several_of_many", 1, {"thresholds": (float("nan"),)}, "between 0 and 1"),
        ("one_of_many", 2, {"groups": {"g": ("c0",)}}, "only several_of_many has groups"),
        ("several_of_many", 2, {"groups": {"g": ()}}, "group 'g' is empty"),
        ("several_of_many", 2, {"groups": {"g": ("c0", "c0")}}, "names a class twice"),
        ("several_of_many", 2, {"groups": {"g": ("c0", "c9")}}, "names 'c9', which is no class"),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(
    decoding: Decoding, classes: int, head: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        rule(decoding, classes, **head)


def test_a_minimum_is_a_probability() -> None:
    with pytest.raises(ValueError, match=r"between 0 and 1, got 1\.5"):
        rule("one_of_many", 2).with_minimum(1.5)


def test_a_decoding_says_how_many_outputs_its_networks_have() -> None:
    assert {name: rule_type(name).outputs_for(2) for name in ("one_of_many", "yes_or_no", "several_of_many")} == {
        "one_of_many": 2,
        "yes_or_no": 1,
        "several_of_many": 2,
    }
    assert list(rule("yes_or_no", 2).output_classes) == [1]
    assert list(rule("several_of_many", 3).output_classes) == [0, 1, 2]
