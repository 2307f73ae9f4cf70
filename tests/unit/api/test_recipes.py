"""A recipe in a program."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fashionbatch as fb
from fashionbatch.plan import resolved_yaml

DATA: dict[str, Any] = {
    "version": 1,
    "name": "x",
    "data": {"source": {"name": "image_folder", "path": "photos"}, "image": {"size": (8, np.int64(8))}},
    "architecture": {"name": "cnn"},
    "head": "multiclass",
    "training": {"epochs": 1, "optimizer": {"name": "adam", "learning_rate": np.float32(0.5)}},
}


def test_a_shipped_recipe_is_found_by_its_name_and_changed() -> None:
    recipe = fb.Recipe.load("quickstart", set={"training.epochs": 9, "data.image.size": [32, 32]})
    assert recipe.plan.recipe.training.epochs == 9
    assert recipe.plan.recipe.data.image.shape == (32, 32, 1)
    assert recipe.check() == []
    assert recipe.description


def test_settings_may_be_written_as_the_option_takes_them() -> None:
    assert fb.Recipe.load("quickstart", set=["training.epochs=9"]).plan.phases[0].epochs == 9
    with pytest.raises(TypeError, match="got the string"):
        fb.Recipe.load("quickstart", set="training.epochs=9")


def test_a_mapping_is_a_recipe_as_well() -> None:
    recipe = fb.Recipe.from_dict(DATA)
    assert all(finding.kind == "advice" for finding in recipe.check(raises=True))
    assert recipe.plan.phases[0].learning_rate == 0.5
    assert recipe.plan.recipe.data.image.size == (8, 8)


def test_it_is_written_and_read_again(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    for resolved in (True, False):
        file.write_text(fb.Recipe.from_dict(DATA).to_yaml(resolved=resolved))
        assert fb.Recipe.load(file).plan.resolved() == fb.Recipe.from_dict(DATA).plan.resolved()


def test_every_default_is_written_also_one_that_bundles_leave_out() -> None:
    recipe = fb.Recipe.from_dict(DATA)
    assert "accept_truncated: 0.0" in recipe.to_yaml()
    assert "accept_truncated" not in resolved_yaml(recipe.plan)
    some = {**DATA, "data": {**DATA["data"], "image": {**DATA["data"]["image"], "accept_truncated": 0.2}}}
    assert "accept_truncated: 0.2" in fb.Recipe.from_dict(some).to_yaml()


def test_mistakes_are_listed_by_key_and_raised_where_that_is_asked_for() -> None:
    recipe = fb.Recipe.from_dict({**DATA, "architecture": "cmn", "training": {"epochs": "many", "epoch": 3}})
    findings = recipe.check()
    assert {(one.kind, one.where, one.line) for one in findings} == {
        ("problem", "architecture.name", 0),
        ("problem", "training.epochs", 0),
        ("problem", "training.epoch", 0),
    }
    assert all(str(one).startswith(f"recipe: {one.where}: ") for one in findings)
    with pytest.raises(fb.RecipeError) as caught:
        recipe.check(raises=True)
    assert len(caught.value.problems) == 3


def test_mistakes_of_a_file_have_their_line(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("version: 1\nname: x\narchitecture: cmn\n")
    assert [(one.where, one.line) for one in fb.Recipe.load(file).check()] == [("data", 1), ("architecture.name", 3)]


def test_advice_is_no_mistake() -> None:
    [advice] = fb.Recipe.load("quickstart", set={"training.epochs": 1}).check(raises=True)
    assert (advice.kind, advice.where) == ("advice", "training")


def _endless() -> dict[str, Any]:
    data: dict[str, Any] = {}
    data["data"] = data
    return data


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"architecture": print}, "architecture: is of the type builtin_function_or_method"),
        ({True: 1}, "True"),
        (_endless(), "larger than a recipe may be"),
    ],
)
def test_what_no_recipe_can_hold_is_an_error(data: dict[Any, Any], said: str) -> None:
    with pytest.raises(fb.RecipeError, match=said):
        fb.Recipe.from_dict(data)


def test_a_mapping_may_inherit_a_file(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(fb.Recipe.from_dict(DATA).to_yaml(resolved=False))
    recipe = fb.Recipe.from_dict({"extends": "base.yaml", "name": "y"}, base=tmp_path)
    assert (recipe.plan.recipe.name, recipe.plan.architecture.spec.name) == ("y", "cnn")


def test_a_notebook_shows_the_parts_or_the_mistakes() -> None:
    assert "<td>architecture</td><td>cnn</td>" in fb.Recipe.from_dict(DATA)._repr_html_()
    shown = fb.Recipe.from_dict({**DATA, "architecture": "<b>"})._repr_html_()
    assert "architecture.name" in shown
    assert "<b>" not in shown


def test_components_are_listed() -> None:
    names = {component.name for component in fb.plugins("architecture")}
    assert "cnn" in names
    assert {component.kind for component in fb.plugins()} > {"architecture", "loss", "writer"}
    with pytest.raises(ValueError, match="no kind 'shoe'"):
        fb.plugins("shoe")
