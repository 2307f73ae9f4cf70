"""Photos of one product, by their names: kept on one side of the split where that is certain."""

from __future__ import annotations

import re

import pytest
import yaml

from fashionbatch.data.prepare import image_names
from fashionbatch.drafting.products import products_of


def photos_of(products: int, photos: int, form: str = "dress/A{product}_{number}.jpg", first: int = 1) -> list[str]:
    return [
        form.format(product=product, number=number)
        for product in range(products)
        for number in range(first, first + photos)
    ]


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize(
    "form",
    [
        "dress/A{product}_{number}.jpg",
        "A{product}-{number}.jpeg",
        "a/b/red coat {product} ({number}).png",
        "7_{product}_{number:03}.JPG",
    ],
)
def test_a_number_behind_each_product_tells_which_photos_belong_together(form, first):
    names = photos_of(12, 3, form, first)
    found = products_of(names, [("dress",)] * len(names))
    assert found is not None
    assert found.count == 12
    keys = [re.search(found.pattern, name)[1] for name in names]
    assert [keys.count(key) for key in keys] == [3] * len(names)
    assert len(found.example) == 3


@pytest.mark.parametrize(
    "names",
    [
        pytest.param([f"dress/dress_{number}.jpg" for number in range(40)], id="the class is the prefix"),
        pytest.param([f"dress/IMG_{number}.jpg" for number in range(2034, 2074)], id="a camera counts"),
        pytest.param([f"dress/{number:04}.jpg" for number in range(40)], id="numbers alone"),
        pytest.param(photos_of(9, 4), id="few products"),
        pytest.param(photos_of(12, 1), id="one photo of each"),
        pytest.param(photos_of(12, 31), id="long series"),
        pytest.param(photos_of(12, 3, first=5), id="numbered from elsewhere"),
        pytest.param([*photos_of(12, 3), "dress/cover.jpg"], id="one name is another"),
        pytest.param([], id="none"),
    ],
)
def test_where_it_is_not_certain_nothing_is_said(names):
    assert products_of(names, [("dress",)] * len(names)) is None


def test_classes_that_stand_before_the_number_are_no_products():
    names = [f"c{label}_{number}.jpg" for label in range(12) for number in range(8)]
    assert products_of(names, [(name.split("_")[0],) for name in names]) is None


def test_a_draft_keeps_the_photos_of_a_product_on_one_side(put, draft):
    for label in ("coat", "dress", "skirt"):
        put(*(f"{label}/{label}{product}_{number}.png" for product in range(8) for number in (1, 2, 3)))
    made = draft()
    split = yaml.safe_load(made.text)["data"]["split"]
    assert split["group_by"] == made.choice.split["group_by"]
    names = image_names(made.choice.samples)
    sides = {
        part: {re.search(split["group_by"], names[row])[1] for row in rows}
        for part, rows in made.choice.assignment.indices.items()
    }
    assert len(sides) == 3
    assert sum(map(len, sides.values())) == len(set().union(*sides.values())) == 24
    assert "show one thing, by their names" in made.text


def test_otherwise_a_comment_tells_how_and_its_example_works(put, draft):
    put("coat", "dress", "skirt", count=6)
    made = draft()
    assert "group_by" not in yaml.safe_load(made.text)["data"]["split"]
    told = " ".join(line.strip(" #") for line in made.text.splitlines())
    pattern = re.search(r"such as group_by: '([^']+)'", told)[1]
    assert re.search(pattern, "dress/A17_2.jpg")[1] == "A17"


def test_splits_that_the_folders_name_are_left_as_they_are(put, draft):
    for split in ("train", "validation", "test"):
        for label in ("coat", "dress"):
            put(*(f"{split}/{label}/{split}{label}{product}_{number}.png" for product in range(8) for number in (1, 2)))
    assert "group_by" not in draft().text
