"""What editors are told about recipes is what planning accepts."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import Field

from fashionbatch.recipe.jsonschema import recipe_schema, schema_text
from fashionbatch.registry import Provider, Registry
from fashionbatch.specs import ArchitectureSpec, DatasetSpec, Parameters
from fashionbatch_plugins import metrics, optimizers, schedules


class Folder(Parameters):
    path: str


class Block(Parameters):
    filters: int = Field(gt=0)


class Cnn(Parameters):
    blocks: tuple[Block, ...] = ()


class Odd(Parameters):
    """A type that no JSON schema can describe."""

    shown: object = print
    hook: Callable[[], None] | None = None


def _unused(*_: object) -> None: ...


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    registry = Registry()
    ours, shoes = Provider("fashionbatch", "1"), Provider("shoes", "1")
    registry.add(DatasetSpec(name="folder", summary="A folder.", parameters=Folder, load=_unused), ours)
    registry.add(ArchitectureSpec(name="cnn", summary="A network.", parameters=Cnn, build=_unused), ours)
    registry.add(ArchitectureSpec(name="odd", summary="A network.", parameters=Odd, build=_unused), ours)
    for provider in (ours, shoes):
        registry.add(ArchitectureSpec(name="twice", summary="A network.", build=_unused), provider)
    for spec in (*optimizers.register_optimizers(), *schedules.register_schedules(), *metrics.register_metrics()):
        registry.add(spec, ours)
    schema = recipe_schema(registry)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


WHOLE = """
version: 1
name: shoes
data: {source: {name: folder, path: x}, image: {size: [32, 32]}}
architecture: cnn
"""


def accepts(validator: jsonschema.Draft202012Validator, text: str) -> bool:
    data: dict[str, Any] = yaml.safe_load(text)
    return validator.is_valid(data)


@pytest.mark.parametrize(
    "added",
    [
        "",
        "training: {optimizer: sgd, schedule: 0.01, epochs: 3}",
        "training: {optimizer: {name: sgd, momentum: 0.9}, schedule: {name: cosine, warmup_epochs: 1}}",
        "training: {phases: [{train: head, optimizer: adam}, {train: {from: conv2}, schedule: null}]}",
        "training: {class_weight: {a: 1.5}}",
        "training: {metrics: [auc, {name: top_k_accuracy, k: 2}], early_stopping: {monitor: val_auc}}",
        "training: {metrics: [{name: auc, curve: PR}, auc], early_stopping: {monitor: val_auc_PR}}",
        "architecture: {name: cnn, blocks: [{filters: 3}]}",
        "architecture: fashionbatch/cnn",
        "architecture: {name: fashionbatch/cnn, blocks: []}",
        "architecture: shoes/twice",
        "data: {source: {name: folder, path: x}, image: {size: [3, 3]}, split: {test: {from: test}}}",
        "data: {source: {name: folder, path: x}, image: {size: [3, 3]}, split: {validation: {last: 10}}}",
    ],
)
def test_what_planning_accepts_is_accepted(validator, added):
    lines = [line for line in WHOLE.splitlines() if not added or not line.startswith(added.split(":")[0])]
    assert accepts(validator, "\n".join([*lines, added]))


@pytest.mark.parametrize(
    "added",
    [
        "trainig: {}",
        "training: {epochs: 0}",
        "training: {optimizer: adm}",
        "training: {optimizer: {name: sgd, lr: 1}}",
        "training: {optimizer: {learning_rate: 1}}",
        "training: {phases: [{train: head, optimizer: {learning_rate: 1}}]}",
        "training: {schedule: exponential}",
        "training: {schedule: -1}",
        "training: {metrics: [acu]}",
        "training: {metrics: auc}",
        "training: {early_stopping: {monitor: val_acu}}",
        "architecture: folder",
        "architecture: twice",
        "architecture: {name: cnn, blocks: [{filters: 0}]}",
        "architecture: {name: cnn, depth: 1}",
        "data: {source: folder, image: {size: [3, 3]}}",
        "data: {source: {name: folder, path: x}}",
        "data: {source: {name: folder, path: x}, image: {channels: 1}}",
        "data: {source: {name: folder, path: x}, image: {size: [3, 3]}, split: {validation: 1.0}}",
    ],
)
def test_what_planning_refuses_is_refused(validator, added):
    lines = [line for line in WHOLE.splitlines() if not line.startswith(added.split(":")[0])]
    assert not accepts(validator, "\n".join([*lines, added]))


def test_a_recipe_that_inherits_may_leave_things_out(validator):
    assert accepts(validator, "extends: base.yaml")
    assert accepts(
        validator, "extends: base.yaml\ntraining: {optimizer: {learning_rate: 0.1}}\ndata: {image: {channels: 1}}"
    )
    assert not accepts(validator, "extends: base.yaml\ntrainig: {}")
    assert not accepts(validator, "name: x")


def test_parameters_that_no_schema_describes_are_left_to_planning(validator):
    assert accepts(validator, WHOLE.replace("architecture: cnn", "architecture: {name: odd, anything: 1}"))


def test_the_text_is_the_same_each_time():
    assert schema_text(Registry()) == schema_text(Registry())
    assert json.loads(schema_text(Registry())) == recipe_schema(Registry())
