"""What a recipe says and nothing reads is told at its place."""

from __future__ import annotations

import pytest

from fashionbatch.plan import make_plan, unused

HEAD = "{train: head, epochs: 2, batch_size: 8, optimizer: sgd, schedule: null, augmentation: [], early_stopping: null}"
REST = "{train: all, epochs: 2, batch_size: 8, optimizer: sgd, schedule: 0.1, augmentation: [flip], early_stopping: {}}"
OPEN = "{train: all, name: open}"


@pytest.fixture
def told(recipe, registry):
    def give(added="", **changes):
        return [(one.where, one.message) for one in unused(make_plan(recipe(added, **changes), registry))]

    return give


@pytest.mark.parametrize(
    ("key", "given", "words"),
    [
        ("training.epochs", "training: {epochs: 9, phases: [HEAD, REST]}", "epochs of its own"),
        ("training.batch_size", "training: {batch_size: 9, phases: [HEAD, REST]}", "a batch_size of its own"),
        ("training.optimizer", "training: {optimizer: adam, phases: [HEAD, REST]}", "an optimizer of its own"),
        ("training.schedule", "training: {schedule: 0.1, phases: [HEAD, REST]}", "a schedule of its own"),
        (
            "training.early_stopping",
            "training: {early_stopping: {}, phases: [HEAD, REST]}",
            "early_stopping of its own",
        ),
        ("augmentation", "augmentation: [flip]\ntraining: {phases: [HEAD, REST]}", "augmentation of its own"),
    ],
)
def test_what_each_phase_has_of_its_own_is_used_by_none(told, key, given, words):
    ((where, message),) = told(f"{given}\n".replace("HEAD", HEAD).replace("REST", REST))
    assert where == key
    assert message.startswith("is used by no phase: each of them has ")
    assert words in message
    assert f"training.phases.0.{key.rpartition('.')[2]}" in message
    assert told(f"{given}\n".replace("HEAD", HEAD).replace("REST", OPEN)) == []


@pytest.fixture
def told_of_option(recipe, registry):
    def give(phases, override):
        document = recipe(f"training: {{phases: [{phases}]}}\n", override)
        return [str(one) for one in unused(make_plan(document, registry))]

    return give


def test_an_option_without_effect_is_told_by_its_own_name(told_of_option):
    (said,) = told_of_option(f"{HEAD}, {REST}", "training.optimizer.learning_rate=0.1")
    assert said.startswith(
        "--set training.optimizer.learning_rate=0.1: training.optimizer.learning_rate: is used by no"
    )
    (said,) = told_of_option(f"{HEAD}, {REST}", "training.epochs=3")
    assert said.startswith("--set training.epochs=3: training.epochs: is used by no phase")


def test_an_option_that_holds_for_some_phases_alone_says_for_which(told_of_option):
    (said,) = told_of_option(f"{HEAD}, {OPEN}", "training.optimizer.learning_rate=0.1")
    assert said.endswith("holds for phase 'open' only; phase 'phase1' has its own")
    assert told_of_option(OPEN, "training.epochs=3") == []


def test_a_rate_beside_a_schedule_that_has_its_own_is_not_used(told):
    given = "training: {optimizer: {name: adam, learning_rate: 0.1}, schedule: RATES}\n"
    assert told(given.replace("RATES", "cosine")) == []
    for rates in ("0.01", "{name: piecewise_constant, boundaries: [2], values: [0.1, 0.01]}"):
        ((where, message),) = told(given.replace("RATES", rates))
        assert where == "training.optimizer.learning_rate"
        assert "says the rate itself" in message
    assert told("training: {optimizer: adam, schedule: 0.01}\n") == []


@pytest.mark.parametrize("key", ["seed: 7", "stratify: false", "group_by: product"])
def test_how_images_are_drawn_does_not_matter_where_none_are(told, key):
    data = "  split: {validation: {last: 9}, KEY}"
    ((where, message),) = told(source="  source: {name: image_folder, path: x}\n" + data.replace("KEY", key))
    assert where == f"data.split.{key.partition(':')[0]}"
    assert "no part of the data is drawn" in message
    drawn = data.replace("{last: 9}", "0.2").replace("KEY", key)
    assert told(source="  source: {name: image_folder, path: x}\n" + drawn) == []


def test_weights_that_are_all_one_change_nothing(told):
    ((where, message),) = told("training: {class_weight: {a: 1, b: 1.0}}\n")
    assert where == "training.class_weight"
    assert "changes nothing" in message
    assert told("training: {class_weight: {a: 1, b: 2}}\n") == []
