"""Rare classes count more, by the kind of head."""

from __future__ import annotations

import numpy as np
import pytest

from fashionbatch.decisions import rule_for
from fashionbatch.errors import DataError
from fashionbatch.model.class_weights import class_weights, image_weights

ONE_HOT = np.eye(3, dtype=np.float32)[[0, 0, 0, 1, 1, 2]]
COLUMN = np.array([[0], [0], [0], [1]], np.float32)
MULTI_HOT = np.array([[1, 0, 1], [1, 1, 1], [1, 0, 1], [1, 0, 0]], np.float32)


def test_balanced_classes_weigh_the_same_in_sum_and_the_mean_image_weighs_one():
    weights = class_weights("balanced", ONE_HOT, rule_for("one_of_many", "abc"))
    of_images = image_weights(weights, ONE_HOT, rule_for("one_of_many", "abc"))
    assert of_images.dtype == np.float32
    assert of_images.mean() == pytest.approx(1)
    assert [of_images[ONE_HOT[:, index] == 1].sum() for index in range(3)] == pytest.approx([2, 2, 2])


def test_yes_or_no_has_a_weight_for_each_answer():
    weights = class_weights("balanced", COLUMN, rule_for("yes_or_no", "ab"))
    assert weights.tolist() == pytest.approx([4 / 6, 2])
    assert image_weights(weights, COLUMN, rule_for("yes_or_no", "ab")).tolist() == pytest.approx([4 / 6] * 3 + [2])


def test_labels_are_weighed_by_negatives_over_positives():
    # Every image has the first label: there is nothing to balance.
    weights = class_weights("balanced", MULTI_HOT, rule_for("several_of_many", "abc"))
    assert weights.tolist() == pytest.approx([1, 3, 1 / 3])


def test_named_weights_stand_and_the_others_are_one():
    assert class_weights({"b": 2.5}, ONE_HOT, rule_for("one_of_many", "abc")).tolist() == [1, 2.5, 1]


def test_a_weight_for_an_unknown_class_is_an_error():
    with pytest.raises(DataError, match="no class 'dres'; did you mean 'dress'"):
        class_weights({"dres": 2.0}, ONE_HOT, rule_for("one_of_many", ["dress", "shirt", "shoe"]))
