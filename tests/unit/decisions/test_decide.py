"""Probabilities -> labels: one rule, for tables, figures and pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from fashionbatch.bundle.manifest import BundleManifest, FileRecord, Head, Labels
from fashionbatch.decisions.decide import decode
from fashionbatch.specs import Decoding, ImageSpec

NOTHING = FileRecord(sha256="0" * 64, size=0)


def manifest(decoding: Decoding, classes: int, **head: Any) -> BundleManifest:
    names = tuple(f"c{number}" for number in range(classes))
    return BundleManifest(
        format_version=1,
        name="n",
        labels=Labels(class_names=names, display_names=names),
        head=Head(name="h", decoding=decoding, **head),
        image=ImageSpec(size=(4, 4)),
        decoding_policy={"version": 1},
        files={"model.xml": NOTHING, "model.bin": NOTHING},
    )


def array(*rows: list[float]) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.array(rows, np.float32)


# -------------------------------------------------------------------------------------------------------- one of many


def test_the_largest_wins_and_ties_go_to_the_earlier_class() -> None:
    decoded = decode(array([0.1, 0.7, 0.2], [0.4, 0.2, 0.4], [1 / 3, 1 / 3, 1 / 3]), manifest("one_of_many", 3))
    assert decoded.winner.classes.tolist() == [1, 0, 0]
    np.testing.assert_array_equal(decoded.winner.probabilities, array([0.7, 0.4, 1 / 3])[0])
    assert [decoded.labels(image) for image in range(3)] == [[1], [0], [0]]
    assert decoded.chosen.sum(axis=1).tolist() == [1, 1, 1]


def test_the_first_k_come_in_order_and_never_more_than_there_are() -> None:
    decoded = decode(array([0.1, 0.3, 0.3, 0.3], [0.4, 0.1, 0.3, 0.2]), manifest("one_of_many", 4))
    classes, probabilities = decoded.top(3)
    assert classes.tolist() == [[1, 2, 3], [0, 2, 3]]
    np.testing.assert_array_equal(probabilities, array([0.3, 0.3, 0.3], [0.4, 0.3, 0.2]))
    assert decoded.top(99)[0].shape == (2, 4)
    np.testing.assert_array_equal(decoded.top(1)[0][:, 0], decoded.winner.classes)


def test_no_images_give_no_labels() -> None:
    decoded = decode(np.empty((0, 3), np.float32), manifest("one_of_many", 3))
    assert len(decoded) == 0
    assert decoded.winner.classes.shape == (0,)
    assert decoded.top(2)[0].shape == (0, 2)
    assert decoded.valid.shape == (0,)


# ---------------------------------------------------------------------------------------------------------- yes or no


def test_the_winner_of_two_has_its_own_probability() -> None:
    decoded = decode(array([0.9], [0.25], [0.5]), manifest("yes_or_no", 2))
    assert decoded.winner.classes.tolist() == [1, 0, 0]  # a tie goes to the earlier class
    np.testing.assert_allclose(decoded.winner.probabilities, [0.9, 0.75, 0.5], rtol=1e-6)
    np.testing.assert_allclose(decoded.class_probabilities, [[0.1, 0.9], [0.75, 0.25], [0.5, 0.5]], rtol=1e-6)


def test_a_threshold_decides_for_the_second_class_from_it_on() -> None:
    decoded = decode(array([0.3], [0.25], [0.2]), manifest("yes_or_no", 2, thresholds=(0.25,)))
    assert decoded.winner.classes.tolist() == [1, 1, 0]
    np.testing.assert_allclose(decoded.winner.probabilities, [0.3, 0.25, 0.8], rtol=1e-6)
    assert decoded.top(2)[0].tolist() == [[1, 0], [1, 0], [0, 1]]
    assert [decoded.labels(image) for image in range(3)] == [[1], [1], [0]]


# ---------------------------------------------------------------------------------------------------- several of many


def test_labels_are_those_at_or_over_one_half_the_most_likely_first() -> None:
    decoded = decode(array([0.5, 0.9, 0.1], [0.8, 0.8, 0.9], [0.4, 0.3, 0.2]), manifest("several_of_many", 3))
    assert [decoded.labels(image) for image in range(3)] == [[1, 0], [2, 0, 1], []]
    assert decoded.winner.classes.tolist() == [1, 2, 0]


def test_each_label_has_its_own_threshold() -> None:
    thresholds = (0.25, 0.95, 0.0)
    decoded = decode(array([0.25, 0.9, 0.0], [0.2, 0.96, 0.1]), manifest("several_of_many", 3, thresholds=thresholds))
    assert [decoded.labels(image) for image in range(2)] == [[0, 2], [1, 2]]


def test_a_threshold_is_compared_exactly_not_rounded_to_float32() -> None:
    just_under = float(np.float32(0.7))  # 0.699999988
    assert decode(array([just_under]), manifest("several_of_many", 1, thresholds=(0.7,))).labels(0) == []
    assert decode(array([just_under]), manifest("several_of_many", 1, thresholds=(just_under,))).labels(0) == [0]


def test_each_group_has_its_winner_ties_in_bundle_order() -> None:
    groups = {"colour": ("c3", "c0"), "type": ("c1", "c2")}
    decoded = decode(array([0.3, 0.1, 0.2, 0.3], [0.1, 0.6, 0.5, 0.2]), manifest("several_of_many", 4, groups=groups))
    assert list(decoded.groups) == ["colour", "type"]
    assert decoded.groups["colour"].classes.tolist() == [0, 3]
    np.testing.assert_array_equal(decoded.groups["colour"].probabilities, array([0.3, 0.2])[0])
    assert decoded.groups["type"].classes.tolist() == [2, 1]


# ------------------------------------------------------------------------------------------------- no probabilities


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf, 1.5, -0.5])
def test_numbers_that_are_no_probabilities_spoil_their_own_row_alone(number: float) -> None:
    decoded = decode(array([0.2, 0.8], [0.5, number], [0.6, 0.4]), manifest("one_of_many", 2))
    assert decoded.valid.tolist() == [True, False, True]
    assert decoded.winner.classes[[0, 2]].tolist() == [1, 0]


def test_rounding_over_one_is_still_a_probability() -> None:
    assert decode(array([1.0000002, -1e-7]), manifest("one_of_many", 2)).valid.all()


@pytest.mark.parametrize("shape", [(3,), (2, 2), (2, 3, 1)])
def test_another_shape_is_a_mistake_of_the_caller(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected probabilities \(n, 3\)"):
        decode(np.zeros(shape, np.float32), manifest("one_of_many", 3))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(arrays.arrays(np.float32, st.tuples(st.integers(0, 6), st.just(4)), elements=st.sampled_from([0, 0.25, 0.5, 1])))
def test_an_image_is_labeled_alike_alone_and_among_others(probabilities: np.ndarray[Any, np.dtype[np.float32]]) -> None:
    bundle = manifest("several_of_many", 4, thresholds=(0.25, 0.5, 0.5, 1.0), groups={"g": ("c2", "c1")})
    together = decode(probabilities, bundle)
    for image, row in enumerate(probabilities):
        alone = decode(row[np.newaxis], bundle)
        assert alone.labels(0) == together.labels(image)
        assert alone.winner.classes[0] == together.winner.classes[image] == row.argmax()
        assert alone.top(3)[0].tolist() == together.top(3)[0][[image]].tolist()
        assert alone.groups["g"].classes[0] == together.groups["g"].classes[image]
        assert sorted(together.labels(image)) == np.flatnonzero(together.chosen[image]).tolist()
