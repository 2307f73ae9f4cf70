"""Recipes of what is tried: their own check has nothing to say against them."""

from __future__ import annotations

import pytest

from fashionbatch.plan import advice, make_plan
from fashionbatch.plugins import load_plugins
from fashionbatch.recipe.load import parse_recipe
from fashionbatch.specs import Starter
from fashionbatch.trying.candidates import Candidate
from fashionbatch.trying.folder import PhotoFolder
from fashionbatch.trying.heads import HeadSetting
from fashionbatch.trying.recipes import fine_tuning_recipe, head_recipe, recipe_text, whole_recipe
from fashionbatch.trying.search import HEADS


@pytest.fixture(scope="module")
def registry():
    return load_plugins().registry


@pytest.fixture
def photos(tmp_path):
    """A folder of photos whose classes are weighed."""
    (tmp_path / "photos").mkdir()
    return PhotoFolder(
        name="photos",
        source={"name": "image_folder", "path": "photos"},
        image={"channels": 3},
        head={"name": "multiclass"},
        photo_side=256,
        class_weight="balanced",
    )


@pytest.fixture
def backbone():
    starter = Starter(name="MobileNetV2", parameters={"backbone": "MobileNetV2"}, side=224, pretrained=True)
    return Candidate("pretrained", starter, 224)


def planned(recipe, registry, folder):
    document = parse_recipe(recipe_text(recipe, []), name="best.yaml", base=folder)
    plan = make_plan(document, registry)
    return plan, [str(problem) for problem in advice(plan, document)]


@pytest.mark.parametrize("epochs", [1, 12])
def test_fine_tuning_gets_no_advice(photos, backbone, registry, tmp_path, epochs):
    recipe = fine_tuning_recipe(
        photos, backbone, HeadSetting(epochs=11), start="block_11_expand", epochs=epochs, seed=42
    )
    plan, said = planned(recipe, registry, tmp_path)
    assert said == []
    assert [phase.epochs for phase in plan.phases] == [11, epochs]
    assert plan.recipe.training.class_weight == "balanced"


@pytest.mark.parametrize("setting", HEADS)
def test_a_head_gets_no_advice(photos, backbone, registry, tmp_path, setting):
    plan, said = planned(head_recipe(photos, backbone, setting, 42), registry, tmp_path)
    assert said == []
    assert plan.recipe.training.class_weight == "balanced"


def test_a_network_from_nothing_gets_no_advice(photos, registry, tmp_path):
    candidate = Candidate("mini_vgg", Starter(name="mini_vgg", parameters={}), 32)
    plan, said = planned(whole_recipe(photos, candidate, 12, 42), registry, tmp_path)
    assert said == []
    assert plan.recipe.training.class_weight == "balanced"
