"""Labels in names of folders and files."""

from __future__ import annotations

import pytest

from fashionbatch.drafting.names import attributes_of, label_in_file_name, labels_in_file_names


@pytest.mark.parametrize(
    ("names", "separator", "groups"),
    [
        (
            ["red_dress", "blue_dress", "blue_jeans", "black_jeans"],
            "_",
            {"colour": ("black", "blue", "red"), "type": ("dress", "jeans")},
        ),
        (
            ["men-shirt-new", "men-coat-old", "women-shirt-old", "women-coat-new"],
            "-",
            {"attribute1": ("men", "women"), "attribute2": ("coat", "shirt"), "attribute3": ("new", "old")},
        ),
        (["red_t-shirt", "blue_t-shirt", "red_coat"], "_", {"colour": ("blue", "red"), "type": ("coat", "t-shirt")}),
    ],
)
def test_names_of_several_labels(names, separator, groups):
    found = attributes_of(names)
    assert found is not None
    assert (found.separator, dict(found.groups)) == (separator, groups)


@pytest.mark.parametrize(
    "names",
    [
        ["coat", "dress", "skirt"],
        ["summer_dress", "evening_dress", "wedding_dress"],
        ["t-shirt", "long-sleeve", "mini-skirt"],
        ["red_dress", "blue_jeans"],
        ["red_dress", "blue_dress", "jeans"],
        ["red_red", "red_blue", "blue_red"],
        ["red_", "blue_", "red_dress"],
    ],
)
def test_names_of_one_label(names):
    assert attributes_of(names) is None


@pytest.mark.parametrize(
    ("stem", "label"),
    [
        ("dress_0001", "dress"),
        ("cat.12", "cat"),
        ("red dress (3)", "red dress"),
        ("t-shirt-7 copy", "t-shirt"),
        ("IMG_2034", ""),
        ("WhatsApp Image 2024-01-02", ""),
        ("0001", ""),
        ("dress", ""),
    ],
)
def test_a_label_stands_before_the_number(stem, label):
    assert label_in_file_name(stem) == label


def test_each_name_needs_a_label_and_each_label_a_few_files():
    assert labels_in_file_names(["a_1", "a_2", "a_3", "b_1", "b_2", "b_3"]) == ["a", "a", "a", "b", "b", "b"]
    assert labels_in_file_names(["a_1", "a_2", "a_3", "b_1", "b_2", "c"]) is None
    assert labels_in_file_names(["a_1", "a_2", "a_3"]) is None
    assert labels_in_file_names(["anna_1", "berta_2", "carla_3"]) is None
