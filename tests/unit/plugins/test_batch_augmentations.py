"""Mixup and cutmix: images that are mixed from two, and targets that say of which."""

from __future__ import annotations

import numpy as np
import pytest

from fashionbatch_plugins.batch_augmentations import register_augmentations

SPECS = {spec.name: spec for spec in register_augmentations()}
COUNT = 300
# An image's grey is its own, and so is its target: a mixture tells what it was made of.
GREYS = np.linspace(0, 255, COUNT).astype(np.float32)
IMAGES = np.ones((COUNT, 13, 9, 1), np.float32) * GREYS[:, None, None, None]
SINGLE = np.stack([1 - GREYS / 255, GREYS / 255], axis=1)


def mixed(name, images=IMAGES, targets=SINGLE, seed=5, **parameters):
    spec = SPECS[name]
    layer = spec.build(spec.parameters(**parameters), seed)
    return tuple(np.asarray(part) for part in layer((images, targets), training=True))


@pytest.mark.parametrize("name", sorted(SPECS))
@pytest.mark.parametrize("alpha", [0.2, 1.0])
def test_targets_are_mixed_as_the_images_are(name, alpha):
    images, targets = mixed(name, alpha=alpha)
    assert 0 <= images.min() <= images.max() <= 255
    np.testing.assert_allclose(targets.sum(axis=1), 1, atol=1e-5)
    # To the pixel: 13 x 9 pixels are so few that a piece's area and its pixels differ.
    np.testing.assert_allclose(images.mean(axis=(1, 2, 3)) / 255, targets[:, 1], atol=1e-4)
    assert np.abs(targets - SINGLE).max() > 0.3


@pytest.mark.parametrize("name", sorted(SPECS))
@pytest.mark.parametrize("outputs", [1, 3])
def test_targets_of_every_kind_of_head_are_mixed(name, outputs):
    rows = np.repeat(SINGLE[:, 1:], outputs, axis=1)
    images, targets = mixed(name, targets=rows)
    np.testing.assert_allclose(
        np.repeat(images.mean(axis=(1, 2, 3))[:, None] / 255, outputs, axis=1), targets, atol=1e-4
    )


def test_cutmix_puts_one_whole_rectangle_into_an_image():
    images, _ = mixed("cutmix")
    for image, grey in zip(images[..., 0], GREYS, strict=True):
        foreign = ~np.isclose(image, grey)
        rows, columns = np.flatnonzero(foreign.any(axis=1)), np.flatnonzero(foreign.any(axis=0))
        if len(rows):
            assert foreign[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
            assert len(np.unique(image[foreign])) == 1


def test_mixup_fades_the_whole_image():
    images, _ = mixed("mixup")
    assert np.allclose(images, images[:, :1, :1])


@pytest.mark.parametrize("name", sorted(SPECS))
def test_as_many_images_are_mixed_as_were_asked_for(name):
    _, targets = mixed(name, alpha=50.0, probability=0.25)
    assert (np.abs(targets - SINGLE).max(axis=1) > 1e-4).mean() == pytest.approx(0.25, abs=0.08)


@pytest.mark.parametrize("name", sorted(SPECS))
def test_the_seed_decides_the_mixtures_and_each_batch_has_its_own(name):
    spec = SPECS[name]
    one, two = (spec.build(spec.parameters(), 5) for _ in range(2))
    first = [np.asarray(part) for part in one((IMAGES, SINGLE), training=True)]
    assert all(np.array_equal(a, b) for a, b in zip(first, two((IMAGES, SINGLE), training=True), strict=True))
    assert not np.array_equal(first[0], one((IMAGES, SINGLE), training=True)[0])
    assert not np.array_equal(first[0], mixed(name, seed=6)[0])


@pytest.mark.parametrize("name", sorted(SPECS))
def test_a_single_image_stays_as_it_is(name):
    images, targets = mixed(name, IMAGES[7:8], SINGLE[7:8])
    np.testing.assert_allclose(images, IMAGES[7:8], atol=1e-4)
    np.testing.assert_allclose(targets, SINGLE[7:8], atol=1e-6)
