from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fashionbatch.errors import DataError
from fashionbatch.evaluation.measures.thresholds import best_thresholds, thresholds_text


def best(positive, scores):
    (found,) = best_thresholds(np.array([positive], np.float32).T, np.array([scores], np.float32).T)
    return found


def f1_at(threshold, positive, scores):
    positive, given_yes = np.array(positive, bool), np.array(scores, np.float32) >= threshold
    return 2 * (positive & given_yes).sum() / (positive.sum() + given_yes.sum())


def test_a_rare_label_gets_a_threshold_below_one_half():
    found = best([0, 0, 0, 1, 1], [0.05, 0.1, 0.2, 0.3, 0.4])
    assert (found.threshold, found.f1, found.plain_f1, found.images) == (0.25, 1.0, 0.0, 2)


def test_one_half_stays_where_it_is_as_good_as_any():
    assert best([0, 0, 1, 1], [0.1, 0.45, 0.55, 0.9]).threshold == 0.5
    assert best([0, 1], [0.1, 0.5]).threshold == 0.5


def test_of_equally_good_cuts_the_one_nearest_to_one_half_wins():
    # Cutting at 0.9 or at 0.2 gives F1 2/3 alike; what lies between is worse.
    found = best([1, 0, 0, 1], [0.95, 0.4, 0.3, 0.2])
    assert found.f1 == pytest.approx(2 / 3)
    assert found.threshold == 0.5


def test_a_label_that_no_image_has_keeps_one_half():
    found = best([0, 0], [0.2, 0.9])
    assert (found.threshold, found.f1, found.plain_f1, found.images) == (0.5, None, None, 0)


def test_equal_scores_cannot_be_told_apart():
    found = best([1, 0, 1], [0.3, 0.3, 0.3])
    assert found.f1 == pytest.approx(0.8)
    assert found.threshold <= 0.3


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1, width=32)), min_size=1, max_size=30))
def test_no_threshold_does_better_and_the_figures_are_those_at_the_threshold(pairs):
    positive, scores = zip(*pairs, strict=True)
    found = best(positive, scores)
    if not any(positive):
        assert found.f1 is None
        return
    assert 0 <= found.threshold <= 1
    assert found.f1 == pytest.approx(f1_at(found.threshold, positive, scores))
    assert found.plain_f1 == pytest.approx(f1_at(0.5, positive, scores))
    assert all(f1_at(float(np.float32(score)), positive, scores) <= found.f1 + 1e-9 for score in scores)


def test_the_table_shows_the_plain_figure_beside_the_chosen_one():
    targets = np.array([[0, 0], [1, 0], [1, 0]], np.float32)
    scores = np.array([[0.1, 0.2], [0.3, 0.1], [0.4, 0.3]], np.float32)
    lines = thresholds_text(best_thresholds(targets, scores), ["드레스", "hat"]).splitlines()
    assert lines[1].split() == ["드레스", "0.2000", "1.0000", "0.0000", "2"]
    assert lines[2].split() == ["hat", "0.5000", "-", "-", "0"]


def test_no_images_is_an_error():
    with pytest.raises(DataError, match="no images"):
        best_thresholds(np.zeros((0, 2), np.float32), np.zeros((0, 2), np.float32))
