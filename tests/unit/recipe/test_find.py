"""A recipe by its name or its path."""

from __future__ import annotations

import pytest

from fashionbatch.errors import RecipeError
from fashionbatch.recipe.find import find_recipe, list_recipes, recipes_directory
from fashionbatch.recipe.load import load_recipe


def test_a_bare_name_is_a_shipped_recipe():
    assert find_recipe("quickstart") == recipes_directory() / "quickstart.yaml"


def test_a_file_comes_before_a_shipped_recipe_of_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "quickstart").write_text("version: 1\n", encoding="utf-8")
    assert str(find_recipe("quickstart")) == "quickstart"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("quickstrat", "did you mean 'quickstart'?"),
        ("quickstart.yml", "did you mean 'quickstart'?"),
        ("zzz", "`fashionbatch recipe list` shows the shipped ones"),
        (".", "is a folder; a recipe is a YAML file"),
        ("x" * 5000, "there is no such file"),
    ],
)
def test_what_cannot_be_found_is_told_with_what_could_be_meant(name, message):
    with pytest.raises(RecipeError) as caught:
        find_recipe(name)
    assert message in str(caught.value)


@pytest.mark.parametrize("given", ["shoes.yml", "shoe.yaml", "shos"])
def test_a_file_of_almost_that_name_is_meant_before_a_shipped_recipe(tmp_path, monkeypatch, given):
    (tmp_path / "shoes.yaml").write_text("version: 1\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RecipeError, match=r"did you mean 'shoes\.yaml'\?"):
        find_recipe(given)


def test_a_folder_in_place_of_a_recipe_is_told_which_recipe_there_is(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    with pytest.raises(RecipeError, match=r"`fashionbatch recipe new .*run` writes one for a folder of photos"):
        find_recipe(str(run))
    (run / "recipe.yaml").write_text("version: 1\n", encoding="utf-8")
    with pytest.raises(RecipeError) as caught:
        find_recipe(str(run))
    assert f"that of this run or bundle is {run / 'recipe.yaml'}" in str(caught.value)


def test_a_recipe_can_inherit_a_shipped_one_by_its_name(tmp_path):
    child = tmp_path / "mine.yaml"
    child.write_text("extends: quickstart\nname: mine\n", encoding="utf-8")
    recipe = load_recipe(child).recipe
    assert recipe is not None
    assert (recipe.name, recipe.data.source.name) == ("mine", "fashion_mnist_sample")


def test_every_shipped_recipe_is_listed_once_with_a_description():
    names = [recipe.name for recipe in list_recipes()]
    assert len(names) == len(set(names)) == len(list(recipes_directory().rglob("*.y*ml")))
    assert all(recipe.description for recipe in list_recipes())
