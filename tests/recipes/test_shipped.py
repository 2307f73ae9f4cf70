"""Every recipe that comes with FashionBatch, read with the built-in plugins."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from fashionbatch.plan import advice, make_plan, plan_from_text, resolved_yaml
from fashionbatch.plugins import load_plugins
from fashionbatch.recipe.find import list_recipes, recipes_directory
from fashionbatch.recipe.jsonschema import schema_text
from fashionbatch.recipe.load import load_recipe, parse_recipe
from fashionbatch.registry import Registry

RECIPES = sorted(recipes_directory().rglob("*.yaml"))
SCHEMA = Path(__file__).parents[2] / "docs" / "recipe.schema.json"


@pytest.fixture(scope="module")
def built_ins() -> Registry:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FASHIONBATCH_PLUGINS", "")
        return load_plugins().registry


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))


def test_all_of_them_are_found():
    assert len(RECIPES) == len(list_recipes()) >= 2
    assert {"quickstart", "fashion_mnist_cnn"} <= {path.stem for path in RECIPES}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_it_plans_needs_no_advice_and_resolves_to_itself(built_ins, path):
    document = load_recipe(path)
    plan = make_plan(document, built_ins)
    assert [str(problem) for problem in advice(plan, document) if problem.where != "initialize_from"] == []
    assert plan_from_text(resolved_yaml(plan), built_ins, plan.base) == plan


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_it_satisfies_the_committed_schema(validator, path):
    validator.validate(yaml.safe_load(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_it_is_named_as_its_file_and_says_how_to_run_it(path):
    text = path.read_text(encoding="utf-8")
    assert load_recipe(path).data["name"] == path.stem.replace("_", "-")
    header = "".join(line for line in text.splitlines(keepends=True) if line.startswith("#"))
    assert re.search(rf"fashionbatch train (recipes/)?{path.stem}(\.yaml)?\b", header)


def test_the_recipe_in_the_documentation_is_right(built_ins, validator):
    page = (SCHEMA.parent / "recipes.md").read_text(encoding="utf-8")
    # The others show parts of a recipe.
    (text,) = (block for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if block.startswith("version:"))
    make_plan(parse_recipe(text, name="recipes.md", base=Path()), built_ins)
    validator.validate(yaml.safe_load(text))


def test_the_committed_schema_is_what_the_built_ins_say_now(built_ins):
    assert SCHEMA.read_text(encoding="utf-8") == schema_text(built_ins), "run `make docs`"
