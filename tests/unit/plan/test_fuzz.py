"""However a recipe is damaged, planning it ends in a plan or in problems with a place."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fashionbatch.errors import RecipeError
from fashionbatch.plan import advice, make_plan, plan_from_text, resolved_yaml
from fashionbatch.recipe.dump import to_yaml
from fashionbatch.recipe.load import parse_recipe

WHOLE = """
version: 1
name: shoes
description: x
initialize_from: runs/a
data:
  source: {name: image_folder, path: photos, classes: [a, b]}
  labels: {names: {a: b}}
  image: {size: [32, 32], channels: 3, resize: {mode: stretch}}
  split: {validation: {last: 3}, test: 0.1, seed: 1}
augmentation: [flip, {name: turn, degrees: 3}]
architecture: {name: cnn, blocks: [{filters: 3}], padding: valid}
head: {name: multilabel, groups: {g: [a]}}
loss: binary_cross
training:
  epochs: 3
  optimizer: {name: sgd, momentum: 0.9}
  schedule: {name: piecewise_constant, boundaries: [1], values: [0.1, 0.01]}
  early_stopping: {monitor: val_loss, patience: 1}
  class_weight: {a: 1.0}
  phases: [{train: head, schedule: cosine}, {train: {from: x}, optimizer: adam, augmentation: []}]
"""
SCALARS = [None, True, False, 0, 1, -1, 0.5, 1e300, float("inf"), float("nan"), 10**30, "", "a", "no", "a\nb", "드"]
NAMES = ["cnn", "sgd", "cosine", "constant", "multiclass", "binary", "head", "all", "balanced"]
LISTS: list[Any] = [[], [1], ["a"], [None], [[1]], [{}]]
MAPPINGS: list[Any] = [
    {},
    {"name": None},
    {"name": "cnn"},
    {"name": 1},
    {"from": "test"},
    {"last": 3},
    {"a": 1},
    {"": 1},
]
VALUES = st.sampled_from([*SCALARS, *NAMES, *LISTS, *MAPPINGS])


def places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [path, *(place for key, value in items for place in places(value, (*path, key)))]


PLACES = [place for place in places(yaml.safe_load(WHOLE)) if place]


def put(data: Any, place: tuple[Any, ...], value: Any) -> None:
    for key in place[:-1]:
        try:
            data = data[key]
        except (KeyError, IndexError, TypeError):
            return  # an earlier change has taken it away
    if isinstance(data, dict) or (isinstance(data, list) and isinstance(place[-1], int) and place[-1] < len(data)):
        data[place[-1]] = copy.deepcopy(value)


@settings(max_examples=60, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(st.sampled_from(PLACES), VALUES), min_size=1, max_size=3))
def test_a_damaged_recipe_is_a_plan_or_problems_with_positions(registry, changes):
    data = yaml.safe_load(WHOLE)
    for place, value in changes:
        put(data, place, value)
    document = parse_recipe(to_yaml(data), name="r.yaml", base=Path("/base"))
    try:
        plan = make_plan(document, registry)
    except RecipeError as error:
        problems = error.problems
    else:
        problems = tuple(advice(plan, document))
        assert plan_from_text(resolved_yaml(plan), registry, plan.base) == plan
    assert all(problem.line and problem.message for problem in problems)
