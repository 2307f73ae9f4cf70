"""The real sets, where FASHIONBATCH_DATA_DIR holds them: counts and classes that are known."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from fashionbatch.data.prepare import load_samples, prepare_data
from fashionbatch.plan import Plan
from fashionbatch.specs import Split

MakePlan = Callable[..., Plan]

DATA = os.environ.get("FASHIONBATCH_DATA_DIR", "")


def needs(name: str) -> pytest.MarkDecorator:
    there = bool(DATA) and (Path(DATA) / name).exists()
    return pytest.mark.skipif(not there, reason=f"FASHIONBATCH_DATA_DIR holds no {name}")


def test_fashion_mnist_in_full(make_plan: MakePlan) -> None:
    if not Path("/usr/share/datasets/fashion-mnist").is_dir():
        pytest.skip("Debian's package dataset-fashion-mnist is not installed")
    data = prepare_data(make_plan({"name": "fashion_mnist"}, size=(28, 28), channels=1))
    assert {name: len(split) for name, split in data.splits.items()} == {
        "train": 48_000,
        "validation": 12_000,
        "test": 10_000,
    }
    assert data.splits["validation"].targets.sum(axis=0).tolist() == [1200] * 10
    assert data.class_names[9] == "Ankle boot"


@needs("mnist.npz")
def test_mnist_with_the_last_images_for_validation(make_plan: MakePlan) -> None:
    plan = make_plan({"name": "mnist"}, size=(28, 28), channels=1, split={"validation": {"last": 10_000}})
    data = prepare_data(plan)
    assert {name: len(split) for name, split in data.splits.items()} == {
        "train": 50_000,
        "validation": 10_000,
        "test": 10_000,
    }
    assert data.splits["validation"].names[0] == "train/50000"


@needs("catsdogs_2800_224.tar")
def test_cats_and_dogs_keep_their_own_split(make_plan: MakePlan) -> None:
    samples = load_samples(make_plan({"name": "image_folder", "path": "data:catsdogs_2800_224"}, head="binary"))
    assert samples.class_names == ("cats", "dogs")
    assert samples.splits is not None
    assert (samples.splits.count("train"), samples.splits.count("validation")) == (2000, 800)
    assert samples.skipped == []


@needs("clothing_small_224.tar")
def test_clothing_keeps_its_three_splits(make_plan: MakePlan) -> None:
    plan = make_plan({"name": "image_folder", "path": "data:clothing_small_224"}, size=(16, 16))
    wanted: tuple[Split, ...] = ("validation", "test")
    data = prepare_data(plan, splits=wanted)
    assert [len(data.splits[name]) for name in wanted] == [341, 372]
    assert len(data.class_names) == 10


@needs("apparel7_160.tar")
def test_apparel_has_colours_and_types(make_plan: MakePlan) -> None:
    source = {"name": "multilabel_folder", "path": "data:apparel7_160", "exclude": ["black_shoes"]}
    samples = load_samples(make_plan(source, head="multilabel"))
    assert samples.class_names == ("black", "blue", "dress", "jeans", "red", "shirt")
    assert all(len(labels) == 2 for labels in samples.labels)
    assert len(samples) == 2160
