"""Folds: each image is held out once, classes keep their share, groups stay together, the test split stays out."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from PIL import Image

from fashionbatch.data.folds import prepare_folds
from fashionbatch.data.prepare import prepare_data
from fashionbatch.errors import DataError
from fashionbatch.progress import no_bar


@pytest.fixture
def folder(tmp_path):
    """Sixty photos in two classes, one three times as frequent as the other; `a-07.png` belongs to person 7 // 3."""
    generator = np.random.default_rng(0)
    for number in range(60):
        name = "boot" if number % 4 else "dress"
        path = tmp_path / "photos" / name / f"p{number // 12 * 3 + number % 3}-{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (8, 8, 3), np.uint8)).save(path)
    return tmp_path / "photos"


@pytest.fixture
def folds_of(make_plan, folder):
    def make(count, dataset="image_folder", head="multiclass", **split):
        plan = make_plan({"name": dataset, "path": str(folder)}, head=head, split=split)
        return plan, prepare_folds(plan, count)

    return make


def test_every_image_is_held_out_exactly_once_and_the_test_split_never(folds_of):
    plan, folds = folds_of(5, validation=0.2, test=0.2)
    own = prepare_data(plan).splits
    parts = [folds.data(number) for number in range(5)]
    held_out = [name for part in parts for name in part.splits["test"].names]
    assert sorted(held_out) == sorted([*own["train"].names, *own["validation"].names])
    for part in parts:
        names = [name for split in part.splits.values() for name in split.names]
        assert sorted(names) == sorted(held_out)
        assert not set(names) & set(own["test"].names)


def test_a_class_keeps_its_share_in_each_fold_and_outside_of_it(folds_of):
    _, folds = folds_of(5, validation=0.25)
    for number in range(5):
        splits = folds.data(number).splits
        labels = {name: Counter(label for labels in split.labels for label in labels) for name, split in splits.items()}
        assert labels["test"] == {"boot": 9, "dress": 3}
        assert labels["validation"] == {"boot": 9, "dress": 3}
        assert labels["train"] == {"boot": 27, "dress": 9}


def test_groups_are_never_split(folds_of):
    _, folds = folds_of(3, validation=0.2, group_by="(p[0-9]+)-")
    for number in range(3):
        splits = folds.data(number).splits
        people = [{name.split("/")[1].split("-")[0] for name in split.names} for split in splits.values()]
        assert len(people) == 3
        assert not people[0] & people[1] | people[0] & people[2] | people[1] & people[2]


def test_of_several_labels_too_every_image_is_held_out_once_and_no_group_in_two_folds(folds_of, folder):
    for name, several in (("boot", "red_boot"), ("dress", "blue_dress")):
        (folder / name).rename(folder / several)
    (folder / "red_dress").mkdir()
    for path in sorted((folder / "blue_dress").iterdir())[::2]:
        path.rename(folder / "red_dress" / path.name)
    _, folds = folds_of(3, "multilabel_folder", "multilabel", validation=0.2, group_by="(p[0-9]+)-")
    held_out = [list(folds.data(number).splits["test"].names) for number in range(3)]
    files = [f"{path.parent.name}/{path.name}" for path in folder.rglob("*.png")]
    assert sorted(name for names in held_out for name in names) == sorted(files)
    people = [{name.split("/")[1].split("-")[0] for name in names} for names in held_out]
    assert sum(map(len, people)) == len(set().union(*people)) == 15
    for number in range(3):
        shares = Counter(label for labels in folds.data(number).splits["test"].labels for label in labels)
        assert set(shares) == {"red", "blue", "boot", "dress"}


def test_the_same_fold_is_the_same_again_and_no_other_one(folds_of):
    _, folds = folds_of(4)
    _, again = folds_of(4)
    assert [folds.data(number).fingerprint for number in range(4)] == [
        again.data(number).fingerprint for number in range(4)
    ]
    assert len({folds.data(number).fingerprint for number in range(4)}) == 4


def test_pixels_and_targets_are_those_of_the_names(folds_of):
    plan, folds = folds_of(3, validation=0.2)
    known = {}
    for split in prepare_data(plan).splits.values():
        for name, image, target in zip(split.names, split.images, split.targets, strict=True):
            known[name] = (image, target)
    split = folds.data(1).splits["train"]
    for row, name in enumerate(split.names):
        assert np.array_equal(split.images[row], known[name][0])
        assert np.array_equal(split.targets[row], known[name][1])


def test_a_recipe_without_validation_has_folds_without_it(folds_of):
    _, folds = folds_of(3, validation=0.0)
    assert set(folds.data(0).splits) == {"train", "test"}


def test_the_last_images_for_validation_are_held_out_like_all_others(folds_of):
    _, folds = folds_of(3, validation={"last": 12})
    assert sum(len(folds.data(number).splits["test"]) for number in range(3)) == 60
    assert len(folds.data(0).splits["validation"]) == round(40 * 12 / 60)


def test_an_image_that_cannot_be_read_is_in_no_fold_and_is_told_of(folds_of, folder):
    (folder / "boot" / "broken.png").write_bytes(b"no image")
    _, folds = folds_of(3)
    data = folds.data(0)
    assert [name for name, _ in data.skipped] == ["boot/broken.png"]
    assert any("boot/broken.png" in note for note in data.notes)
    assert all("boot/broken.png" not in split.names for split in data.splits.values())


def test_one_picture_in_two_folds_is_told_of(folds_of, folder):
    for number in range(8):
        (folder / "boot" / f"copy-{number}.png").write_bytes((folder / "boot" / "p1-01.png").read_bytes())
    _, folds = folds_of(2)
    data = folds.data(0)
    assert any("boot/p1-01.png" in names for names in data.duplicates)
    assert any("flatter the network" in note for note in data.notes)


def test_a_class_with_fewer_images_than_folds_is_refused(folds_of, folder):
    for number in range(3):
        path = folder / "hat" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (8, 8), (number, 0, 0)).save(path)
    with pytest.raises(DataError, match="class 'hat' has 3 images or groups of them; 5 folds need at least 5"):
        folds_of(5)


def test_images_are_decoded_once(folds_of, monkeypatch):
    titles = []

    def bar(title, total, unit):
        titles.append((title, total))
        return no_bar(title, total, unit)

    plan, _ = folds_of(3, test=0.2)
    folds = prepare_folds(plan, 3, bar=bar)
    for number in range(3):
        folds.data(number)
    assert titles == [("reading train", 48)]
