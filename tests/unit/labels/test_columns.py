from __future__ import annotations

from typing import Any

import pytest

from fashionbatch.labels.columns import first_columns, label_columns, probability_columns, type_of

CLASSES = ("boot", "dress")


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"several": False}, "label prob"),
        ({"several": False, "topk": 2}, "label prob top2_label top2_prob"),
        ({"several": False, "probabilities": True}, "label prob prob_boot prob_dress"),
        ({"several": False, "prefix": "shoes_"}, "shoes_label shoes_prob"),
        ({"several": True}, "labels prob_boot prob_dress"),
        ({"several": True, "groups": ["kind"]}, "labels kind kind_prob prob_boot prob_dress"),
    ],
)
def test_the_columns_of_a_bundle_stand_in_this_order(options: dict[str, Any], names: str) -> None:
    columns = label_columns(CLASSES, **options)
    assert " ".join(column.name for column in columns) == names
    assert all(column.type == ("probability" if "prob" in column.name else "text") for column in columns)
    assert all(type_of(column.name) == column.type for column in columns)


def test_every_row_begins_with_its_file_and_what_a_list_brought_along() -> None:
    assert [(column.name, column.type) for column in first_columns(["sku"])] == [
        ("filepath", "path"),
        ("status", "text"),
        ("error", "text"),
        ("sku", "text"),
    ]


def test_each_class_has_a_column_for_its_probability() -> None:
    assert probability_columns(CLASSES) == ["prob_boot", "prob_dress"]


@pytest.mark.parametrize("name", ["problem", "improbable", "label", "status", "sku", ""])
def test_other_names_are_those_of_text(name: str) -> None:
    assert type_of(name) == "text"
