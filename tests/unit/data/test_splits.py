"""Which images train, which choose, which judge: what a recipe can count on."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fashionbatch.data.splits import Assignment, assign_splits
from fashionbatch.errors import DataError
from fashionbatch.recipe.schema import SplitSection
from fashionbatch.specs import Samples


def make_samples(labels: list[Any], **more: Any) -> Samples:
    tuples = [label if isinstance(label, tuple) else (label,) for label in labels]
    names = more.pop("class_names", None) or tuple(sorted({name for label in tuples for name in label}))
    more.setdefault("images", [Path(f"{index:05}.jpg") for index in range(len(labels))])
    return Samples(labels=tuples, class_names=names, **more)


def assign(samples: Samples, **recipe: Any) -> Assignment:
    names = [str(path) for path in samples.images]
    return assign_splits(samples, names, SplitSection.model_validate(recipe))


def sizes(assignment: Assignment) -> dict[str, int]:
    return {split: len(indices) for split, indices in assignment.indices.items()}


def counts(assignment: Assignment, samples: Samples, split: Any) -> Counter[str]:
    return Counter(label for index in assignment.indices[split] for label in samples.labels[index])


def test_by_default_a_fifth_validates_and_nothing_tests() -> None:
    samples = make_samples(["a"] * 50 + ["b"] * 100)
    assignment = assign(samples)
    assert sizes(assignment) == {"train": 120, "validation": 30}
    assert counts(assignment, samples, "validation") == {"a": 10, "b": 20}
    assert assignment.notes == []


def test_every_image_is_in_exactly_one_split_in_the_sources_order() -> None:
    assignment = assign(make_samples(["a", "b"] * 50), validation=0.3, test=0.1)
    together = np.concatenate([*assignment.indices.values()])
    assert sorted(together) == list(range(100))
    for indices in assignment.indices.values():
        assert list(indices) == sorted(indices)


def test_the_seed_decides_and_nothing_else() -> None:
    samples = make_samples(["a", "b", "c"] * 40)
    again = [assign(samples, seed=7).indices["validation"].tolist() for _ in range(2)]
    assert again[0] == again[1]
    assert assign(samples, seed=8).indices["validation"].tolist() != again[0]


def test_without_stratification_the_number_is_right_and_the_shares_are_chance() -> None:
    samples = make_samples(["a"] * 500 + ["b"] * 500)
    assignment = assign(samples, validation=0.2, stratify=False)
    assert sizes(assignment)["validation"] == 200
    assert counts(assignment, samples, "validation")["a"] != 100


@settings(max_examples=150, deadline=None)
@given(
    numbers=st.lists(st.integers(3, 60), min_size=2, max_size=6),
    validation=st.sampled_from([0.1, 0.2, 0.25, 1 / 3, 0.5]),
    test=st.sampled_from([0.0, 0.1, 0.2]),
    seed=st.integers(0, 5),
)
def test_each_class_keeps_its_share_and_is_in_every_part(
    numbers: list[int], validation: float, test: float, seed: int
) -> None:
    samples = make_samples([name for name, number in zip("abcdef", numbers, strict=False) for _ in range(number)])
    assignment = assign(samples, validation=validation, test=test, seed=seed)
    fractions = {"validation": validation, "test": test, "train": 1 - validation - test}
    for split, fraction in fractions.items():
        if fraction == 0:
            continue
        found = counts(assignment, samples, split)
        for name, number in zip("abcdef", numbers, strict=False):
            assert found[name] >= 1
            assert abs(found[name] - fraction * number) < 2


def test_several_labels_keep_their_shares() -> None:
    rng = np.random.default_rng(0)
    shares = {"a": 0.5, "b": 0.3, "c": 0.1, "d": 0.05, "e": 0.02}
    labels = [tuple(name for name, share in shares.items() if rng.random() < share) for _ in range(1000)]
    samples = make_samples(labels)
    assignment = assign(samples, validation=0.2, test=0.1)
    everywhere = Counter(label for row in labels for label in row)
    for split, fraction in (("validation", 0.2), ("test", 0.1)):
        for name, number in counts(assignment, samples, split).items():
            assert number == pytest.approx(fraction * everywhere[name], abs=2)
    assert sizes(assignment)["validation"] == pytest.approx(200, abs=3)


def test_a_split_that_the_source_names_is_respected() -> None:
    source = ["train"] * 80 + ["validation"] * 10 + ["test"] * 10
    samples = make_samples(["a", "b"] * 50, splits=source)
    assignment = assign(samples)
    assert {split: set(indices) for split, indices in assignment.indices.items()} == {
        "train": set(range(80)),
        "validation": set(range(80, 90)),
        "test": set(range(90, 100)),
    }


def test_where_the_source_names_only_a_test_split_validation_comes_from_training() -> None:
    samples = make_samples(["a", "b"] * 60, splits=["train"] * 100 + ["test"] * 20)
    assignment = assign(samples)
    assert sizes(assignment) == {"train": 80, "validation": 20, "test": 20}
    assert set(assignment.indices["test"]) == set(range(100, 120))


def test_a_split_by_the_last_images() -> None:
    samples = make_samples(["a", "b"] * 60, splits=["train"] * 100 + ["test"] * 20)
    assignment = assign(samples, validation={"last": 10})
    assert set(assignment.indices["validation"]) == set(range(90, 100))
    with pytest.raises(DataError, match="the last 100 images cannot be taken from 100"):
        assign(samples, validation={"last": 100})


def test_a_split_from_a_named_one() -> None:
    samples = make_samples(["a", "b"] * 60, splits=["train"] * 100 + ["test"] * 20)
    assignment = assign(samples, validation={"from": "test"})
    assert sizes(assignment) == {"train": 100, "validation": 20}
    swapped = assign(
        make_samples(["a", "b"] * 50, splits=["train"] * 80 + ["validation"] * 12 + ["test"] * 8),
        validation={"from": "test"},
        test={"from": "validation"},
    )
    assert sizes(swapped) == {"train": 80, "validation": 8, "test": 12}
    with pytest.raises(DataError, match="no images that it calls validation; it has: train, test"):
        assign(samples, validation={"from": "validation"})


def test_images_that_no_split_uses_are_told_of() -> None:
    samples = make_samples(["a", "b"] * 60, splits=["train"] * 100 + ["test"] * 20)
    assignment = assign(samples, test=0.0)
    assert sizes(assignment) == {"train": 80, "validation": 20}
    assert assignment.notes == [
        "20 images that the source calls test are not used: the recipe's split leaves them out."
    ]


def test_a_class_with_too_few_images_is_named_with_its_count() -> None:
    samples = make_samples(["a"] * 10 + ["hat"])
    with pytest.raises(DataError, match=r"class 'hat' has 1 image; splitting it into train and validation needs .* 2"):
        assign(samples)
    samples = make_samples(["a"] * 10 + ["hat"] * 2)
    with pytest.raises(DataError, match=r"class 'hat' has 2 images; .* validation and test needs at least 3"):
        assign(samples, test=0.2)
    assert sizes(assign(samples)) == {"train": 9, "validation": 3}


def test_a_class_without_training_images_is_an_error() -> None:
    samples = make_samples(["a", "b", "a", "b", "hat"], splits=["train"] * 2 + ["validation"] * 3)
    with pytest.raises(DataError, match=r"class 'hat' has no image to train on \(1 in validation\)"):
        assign(samples)
    with pytest.raises(DataError, match="class 'z' has no image to train on"):
        assign(make_samples(["a", "b"] * 10, class_names=("a", "b", "z")))


def test_a_class_that_a_split_lacks_is_told_of() -> None:
    samples = make_samples(["a", "b", "c", "a", "b"], splits=["train"] * 3 + ["validation"] * 2)
    assert assign(samples).notes == ["The validation split has no image of: c."]


def test_nothing_left_to_train_on_is_an_error() -> None:
    samples = make_samples(["a", "b"], splits=["test", "test"])
    with pytest.raises(DataError, match="nothing is left to train on"):
        assign(samples)
    with pytest.raises(DataError, match="nothing to train on"):
        assign(make_samples(["a", "b"] * 10), test=0.9)


# --------------------------------------------------------------------------------------------------------- groups


def grouped(count: int = 60) -> Samples:
    skus = [f"sku{index // 4}" for index in range(count)]
    return make_samples(["a" if index // 4 % 3 else "b" for index in range(count)], groups={"sku": skus})


@pytest.mark.parametrize("stratify", [True, False])
def test_a_group_never_stands_on_both_sides(stratify: bool) -> None:
    samples = grouped()
    assignment = assign(samples, validation=0.2, test=0.2, group_by="sku", stratify=stratify)
    skus = [{samples.groups["sku"][index] for index in indices} for indices in assignment.indices.values()]
    assert sum(len(part) for part in skus) == 15
    assert sizes(assignment)["validation"] == pytest.approx(12, abs=4)


def test_a_source_may_say_what_stays_together_unless_the_recipe_says_something_else() -> None:
    samples = replace(grouped(), keep_together="sku")
    assignment = assign(samples, validation=0.2)
    assert sizes(assignment) == sizes(assign(grouped(), validation=0.2, group_by="sku"))
    sides = [{samples.groups["sku"][index] for index in indices} for indices in assignment.indices.values()]
    assert not sides[0] & sides[1]
    apart = assign(samples, validation=0.2, group_by=r"^(\d+)")
    assert {name: list(found) for name, found in apart.indices.items()} == {
        name: list(found) for name, found in assign(grouped(), validation=0.2).indices.items()
    }


def test_groups_by_a_pattern_on_file_names() -> None:
    images = [Path(f"dress/p{index // 3}_{index % 3}.jpg") for index in range(60)]
    samples = make_samples(["a", "a", "a", "b", "b", "b"] * 10, images=images)
    assignment = assign(samples, group_by=r"/(p\d+)_")
    for part in assignment.indices.values():
        assert all(len([1 for other in part if other // 3 == index // 3]) == 3 for index in part)


def test_images_with_an_empty_key_stand_for_themselves() -> None:
    samples = make_samples(["a", "b"] * 20, groups={"sku": [""] * 40})
    assert sizes(assign(samples, group_by="sku")) == {"train": 32, "validation": 8}


@pytest.mark.parametrize(
    ("group_by", "message"),
    [
        ("skuu", "is no column of the source, and as a regular expression it has no group"),
        ("(", "neither a column of the source nor a regular expression"),
        (r"x(\d+)", "does not match 60 of 60 file names"),
    ],
)
def test_a_wrong_group_by_is_explained(group_by: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        assign(grouped(), group_by=group_by)
    assert "sku" in str(caught.value.hint)


def test_groups_of_arrays_need_a_column() -> None:
    samples = make_samples(["a", "b"] * 5, images=np.zeros((10, 2, 2), np.uint8))
    with pytest.raises(DataError, match="the source has no column"):
        assign_splits(samples, [str(index) for index in range(10)], SplitSection(group_by="(x)"))


def test_a_class_in_too_few_groups_is_named() -> None:
    samples = make_samples(["a"] * 8 + ["b"] * 4, groups={"sku": ["1", "2", "3", "4"] * 2 + ["9"] * 4})
    with pytest.raises(DataError, match="class 'b' has 1 group;"):
        assign(samples, group_by="sku")


def test_groups_that_named_splits_tear_apart_are_an_error() -> None:
    samples = make_samples(
        ["a", "b"] * 10, splits=["train"] * 16 + ["validation"] * 4, groups={"sku": ["x"] * 2 + ["y"] * 14 + ["x"] * 4}
    )
    with pytest.raises(DataError, match="1 groups would stand on both sides, such as 'x' in train and validation"):
        assign(samples, group_by="sku")


def test_a_large_set_is_split_to_the_image() -> None:
    labels = [("abcdefghij"[index % 10],) for index in range(60_000)]
    assignment = assign(make_samples(labels))
    assert sizes(assignment) == {"train": 48_000, "validation": 12_000}
