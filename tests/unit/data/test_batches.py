"""Batches for training: their order, and that a resumed run sees the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fashionbatch.data.batches import batches, epoch_order
from fashionbatch.data.prepared import SplitData


def make_split(count: int = 10) -> SplitData:
    images = np.arange(count, dtype=np.uint8).reshape(count, 1, 1, 1)
    targets = np.eye(count, dtype=np.float32)
    return SplitData("train", images, targets, [("a",)] * count, [str(index) for index in range(count)])


def order_of(dataset: Any) -> list[int]:
    return [int(pixel) for batch in dataset for pixel in batch[0].numpy().reshape(-1)]


def test_epochs_have_their_own_order_and_keep_it() -> None:
    orders = [epoch_order(100, seed=1, epoch=epoch).tolist() for epoch in range(3)]
    assert all(sorted(order) == list(range(100)) for order in orders)
    assert orders[0] != orders[1] != orders[2]
    assert epoch_order(100, seed=1, epoch=2).tolist() == orders[2]
    assert epoch_order(100, seed=2, epoch=2).tolist() != orders[2]


def test_batches_hold_pixels_and_their_targets() -> None:
    dataset = batches(make_split(), 4, shuffle=False)
    assert int(dataset.cardinality()) == 3
    got = list(dataset)
    assert [len(images) for images, _ in got] == [4, 4, 2]
    assert got[0][0].dtype == "uint8"
    assert got[0][1].dtype == "float32"
    assert order_of(dataset) == list(range(10))
    for images, targets in batches(make_split(), 4, shuffle=True, seed=3):
        assert targets.numpy().argmax(axis=1).tolist() == images.numpy().reshape(-1).tolist()


def test_a_resumed_run_sees_the_order_of_its_epoch() -> None:
    epochs = iter(range(3))
    whole_run = batches(make_split(), 4, shuffle=True, seed=5, epoch=lambda: next(epochs))
    seen = [order_of(whole_run) for _ in range(3)]
    assert seen[0] != seen[1]
    resumed = batches(make_split(), 4, shuffle=True, seed=5, epoch=2)
    assert order_of(resumed) == seen[2]
    assert order_of(resumed) == seen[2]


def test_the_end_of_an_epoch_does_not_wait_for_a_thread_that_tunes_nothing() -> None:
    assert batches(make_split(), 4, shuffle=True).options().autotune.enabled is False


def test_weights_go_with_their_images() -> None:
    weights = np.linspace(0, 1, 10, dtype=np.float32)
    for images, _, weight in batches(make_split(), 4, shuffle=True, weights=weights):
        np.testing.assert_array_equal(weight.numpy(), weights[images.numpy().reshape(-1)])
    with pytest.raises(ValueError, match="10 images and weights of shape"):
        batches(make_split(), 4, shuffle=False, weights=weights[:3])
