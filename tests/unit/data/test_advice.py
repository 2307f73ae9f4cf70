"""What is said of a plan once its images are counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fashionbatch.data.advice import advice_on_data
from fashionbatch.data.prepared import PreparedData, SplitData
from fashionbatch.decisions import rule_for
from fashionbatch.plan import Plan, make_plan
from fashionbatch.plugins import load_plugins
from fashionbatch.recipe.load import parse_recipe
from fashionbatch.specs import Decoding

RECIPE = """\
version: 1
name: t
data: {source: {name: multilabel_folder, path: photos}, image: {size: [4, 4]}}
architecture: mlp
"""


def plan(more: str) -> Plan:
    return make_plan(parse_recipe(RECIPE + more, name="r.yaml", base=Path("/")), load_plugins().registry)


def data(labels: list[tuple[str, ...]], decoding: Decoding) -> PreparedData:
    names = ("blue", "dress", "red")
    split = SplitData(
        name="train",
        images=np.zeros((len(labels), 4, 4, 3), np.uint8),
        targets=rule_for(decoding, names).targets(labels),
        labels=labels,
        names=[str(number) for number in range(len(labels))],
    )
    return PreparedData(names, names, decoding, {"train": split}, [], [], [], "")


def test_a_batch_beyond_the_images_is_told_with_both_numbers() -> None:
    images = data([("red",), ("blue",), ("dress",)], "one_of_many")
    (note,) = advice_on_data(plan("training: {batch_size: 4}\n"), images)
    assert "a batch may have 4 images, but there are 3 to train on: an epoch is one single step" in note
    assert list(advice_on_data(plan("training: {batch_size: 3}\n"), images)) == []
    phases = "training: {batch_size: 2, phases: [{train: all}, {train: all, name: late, batch_size: 9}]}\n"
    (note,) = advice_on_data(plan(phases), images)
    assert note.startswith("phase 'late': a batch may have 9 images")


@pytest.mark.parametrize(
    ("labels", "told"), [([("red",), ("blue",)], 1), ([("red", "dress"), ("blue",)], 0), ([(), ("blue",)], 0)]
)
def test_labels_that_exclude_each_other_are_told_to_a_head_for_several(
    labels: list[tuple[str, ...]], told: int
) -> None:
    notes = list(advice_on_data(plan("head: multilabel\ntraining: {batch_size: 1}\n"), data(labels, "several_of_many")))
    assert len(notes) == told
    assert all("every image has exactly one label; head 'multiclass'" in note for note in notes)
