"""Every recipe that comes with FashionBatch takes a step of each of its phases, on a handful of random images."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from fashionbatch.data.prepared import PreparedData, SplitData
from fashionbatch.decisions import rule_for
from fashionbatch.plan import load_plan
from fashionbatch.plugins import load_plugins
from fashionbatch.recipe.find import list_recipes, recipes_directory
from fashionbatch.training import start
from fashionbatch.training.directory import RunDirectory
from fashionbatch.training.epochs.loop import Loop
from fashionbatch.training.report import Reporter

RECIPES = sorted(recipes_directory().rglob("*.yaml"))


@pytest.fixture(scope="module")
def registry():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FASHIONBATCH_PLUGINS", "")
        return load_plugins().registry


def a_handful(plan):
    """Random images of two classes, in the shapes and targets that the plan asks for."""
    decoding, image = plan.head.spec.decoding, plan.recipe.data.image
    classes = ("first", "second")
    generator = np.random.default_rng(0)
    splits = {}
    for name, count in (("train", 4), ("validation", 2)):
        labels = [(classes[index % 2],) for index in range(count)]
        splits[name] = SplitData(
            name,
            generator.integers(0, 256, (count, *image.shape), dtype=np.uint8),
            rule_for(decoding, classes).targets(labels),
            labels,
            [f"{name}/{index}.png" for index in range(count)],
        )
    return PreparedData(classes, classes, decoding, splits, [], [], [], fingerprint="a handful")


def test_every_recipe_is_tried():
    assert len(RECIPES) == len(list_recipes()) >= 10


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_it_takes_a_step_of_each_phase(registry, tmp_path, monkeypatch, path):
    monkeypatch.setenv("FASHIONBATCH_CACHE_DIR", str(tmp_path / "cache"))
    plan = load_plan(str(path), registry)
    phases = tuple(dataclasses.replace(phase, epochs=1, early_stopping=None) for phase in plan.phases)
    plan = dataclasses.replace(plan, phases=phases)
    data = a_handful(plan)
    # Pretrained weights are not loaded: who runs the tests need not have them.
    network = start.make_network(plan, 2)
    history = Loop(
        plan,
        network,
        data,
        RunDirectory(tmp_path / "run"),
        Reporter(lambda line: None, bars=False),
        registry=registry,
    ).run(None)
    assert [epoch.phase for epoch in history] == [phase.name for phase in plan.phases]
    assert all(math.isfinite(epoch.loss) and math.isfinite(epoch.val_loss) for epoch in history)
