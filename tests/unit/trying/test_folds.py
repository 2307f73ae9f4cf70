from __future__ import annotations

import numpy as np
import pytest

from fashionbatch.trying.folds import draw_folds, fold_count, groups_of_equal_images


def test_each_class_keeps_its_share_in_every_fold():
    labels = [("hat",)] * 20 + [("shoe",)] * 40
    parts = draw_folds(labels, np.arange(60), 5, seed=3)
    hats, shoes = np.bincount(parts[:20], minlength=5), np.bincount(parts[20:], minlength=5)
    assert hats.tolist() == [4] * 5
    assert shoes.tolist() == [8] * 5


def test_equal_photos_share_a_fold():
    labels = [("hat",)] * 12
    groups = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3])
    for seed in range(5):
        parts = draw_folds(labels, groups, 2, seed)
        assert all(len(set(parts[groups == group])) == 1 for group in range(4))
        assert set(parts) == {0, 1}


def test_another_seed_draws_other_folds():
    labels = [("hat",), ("shoe",)] * 20
    one, same, other = (draw_folds(labels, np.arange(40), 5, seed) for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize(("few", "folds"), [(1, 2), (2, 2), (3, 3), (5, 5), (50, 5)])
def test_a_small_class_makes_fewer_folds(few, folds):
    assert fold_count([("hat",)] * few + [("shoe",)] * 100) == folds


def test_images_of_equal_pixels_are_one_group():
    images = np.random.default_rng(0).integers(0, 256, (4, 5, 5, 3), dtype=np.uint8)
    images[3] = images[1]
    assert groups_of_equal_images(images).tolist() == [0, 1, 2, 1]
