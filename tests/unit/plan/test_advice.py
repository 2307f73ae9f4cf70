"""What `recipe check` says about recipes that are right but will train badly."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fashionbatch.plan import advice, make_plan
from fashionbatch.registry import Registry


@pytest.fixture
def advised(recipe, registry):
    def give(added: str = "", architecture: str = "architecture: cnn", path: str = "data:photos"):
        source = f"  source: {{name: image_folder, path: '{path}'}}"
        document = recipe(added, architecture=architecture, source=source)
        return advice(make_plan(document, registry), document)

    return give


PRETRAINED = "architecture: pretrained"
HEAD = "{train: head, epochs: 5, augmentation: []}"
GENTLE = "{train: {from: block5_conv1}, optimizer: {name: sgd, learning_rate: 0.0001, momentum: 0.9}}"


def test_an_ordinary_recipe_gets_none(advised):
    assert advised("augmentation: [flip]\ntraining: {early_stopping: {patience: 2}}\n") == []


def test_transfer_learning_by_the_book_gets_none(advised):
    assert advised(f"augmentation: [flip]\ntraining: {{phases: [{HEAD}, {GENTLE}]}}\n", PRETRAINED) == []


@pytest.mark.parametrize(
    ("training", "message"),
    [
        (f"phases: [{GENTLE}]", "under a head that is still random"),
        (f"phases: [{HEAD}, {{train: all, optimizer: sgd}}]", "trains all layers of the pretrained backbone at once"),
        (f"phases: [{HEAD}, {{train: {{from: x}}, optimizer: adam}}]", "by adam at a rate of 0.001; go slowly"),
        (
            f"phases: [{HEAD}, {{train: {{from: x}}, optimizer: rmsprop, schedule: 0.01}}]",
            "by rmsprop at a rate of 0.01",
        ),
        ("phases: [{train: head}]", "'augmentation: []' its features are computed once"),
    ],
)
def test_careless_transfer_learning_is_advised_at_its_phase(advised, training, message):
    (said,) = advised(f"augmentation: [flip]\ntraining: {{{training}}}\n", PRETRAINED)
    assert message in said.message
    assert said.where == f"training.phases.{training.count('train:') - 1}"
    assert said.line == 8


def test_a_rate_that_rises_first_may_be_higher(advised):
    rising = "schedule: {name: cosine, warmup_epochs: 0.5}"
    fine = "{train: {from: x}, optimizer: {name: adam, learning_rate: %s}, epochs: 4, %s}"
    said = {
        (rate, schedule): advised(f"training: {{phases: [{HEAD}, {fine % (rate, schedule)}]}}\n", PRETRAINED)
        for rate in ("0.0003", "0.0004")
        for schedule in ("schedule: cosine", rising)
    }
    assert [case for case, messages in said.items() if not messages] == [("0.0003", rising)]


def test_a_pretrained_backbone_without_phases_gets_the_whole_advice(advised):
    messages = " ".join(problem.message for problem in advised("", PRETRAINED))
    for part in ("still random", "all layers", "go slowly"):
        assert part in messages


def test_a_backbone_without_weights_may_train_all_at_once_but_not_be_frozen(advised):
    untrained = "architecture: {name: pretrained, weights: none}"
    assert advised("", untrained) == []
    (said,) = advised("training: {phases: [{train: head}]}\n", untrained)
    assert "its features are random" in said.message


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ("optimizer: {name: adam, learning_rate: 0.1}", "a learning rate of 0.1 is large for adam; 0.001 is usual"),
        ("epochs: 5, early_stopping: {patience: 5}", "early_stopping waits for 5 epochs, but there are only 5"),
        ("epochs: 5, schedule: reduce_on_plateau", "the schedule waits for 10 epochs, but there are only 5"),
        (
            "epochs: 5, schedule: {name: piecewise_constant, boundaries: [2, 6], values: [1.e-3, 1.e-4, 1.e-5]}",
            "the rate should change at epoch 6, but there are only 5",
        ),
    ],
)
def test_settings_without_effect_or_sense_are_advised(advised, training, message):
    (said,) = advised(f"training: {{{training}}}\n")
    assert said.message == message


def test_weights_to_start_from_that_are_not_there_yet_are_mentioned(advised):
    (said,) = advised("initialize_from: runs/first\n")
    assert said.where == "initialize_from"
    assert "there is nothing at '/base/runs/first' yet" in said.message


@pytest.mark.parametrize("path", ["data:photos", "s3://bucket/photos"])
def test_data_that_are_not_looked_for_beside_the_recipe_are_left_alone(advised, path):
    assert advised(path=path) == []


def test_data_and_weights_that_are_not_there_yet_are_mentioned_where_they_stand(advised):
    frozen = f"training: {{phases: [{HEAD}]}}\n"
    said = advised(frozen, "architecture: {name: pretrained, weights: ../vgg16.h5}", path="photos")
    assert [problem.where for problem in said] == ["data.source.path", "architecture.weights"]
    assert "there is nothing at '/base/photos' yet" in said[0].message


def test_a_figure_of_the_training_images_is_a_bad_one_to_watch(advised):
    (said,) = advised("training: {early_stopping: {monitor: accuracy, patience: 2}}\n")
    assert "val_accuracy is usual" in said.message


@pytest.fixture
def advised_on_image(recipe, registry):
    def give(image, added=""):
        document = recipe(added, image=f"  image: {image}")
        return [(one.where, one.message) for one in advice(make_plan(document, registry), document)][:-1]

    return give


def test_images_and_batches_that_take_much_are_advised_with_memory_and_time(advised_on_image):
    ((where, message),) = advised_on_image("{size: [4000, 3000]}")
    assert where == "data.image.size"
    assert "239 times the pixels of 224 x 224: an epoch takes about 239 times as long" in message
    assert "a batch of 32 images takes 4.3 GiB" in message
    ((where, message),) = advised_on_image("{size: [96, 96]}", "training: {batch_size: 60000}\n")
    assert where == "training.batch_size"
    assert "a batch of 60,000 images takes 6.2 GiB" in message
    assert advised_on_image("{size: [512, 512]}", "training: {batch_size: 64}\n") == []


def test_a_head_for_several_labels_on_a_source_that_has_one_is_advised(registry, recipe):
    source = registry.entry("dataset", "image_folder")
    made = Registry()
    for entry in registry.entries():
        spec = replace(entry.spec, exclusive=True) if entry == source else entry.spec
        made.add(spec, entry.provider)
    document = recipe("head: multilabel\n", source="  source: {name: image_folder, path: 'data:x'}")
    (said,) = advice(make_plan(document, made), document)
    assert (said.where, said.line) == ("head", 7)
    assert "each image of 'image_folder' has one label: head 'multiclass' chooses one" in said.message
    assert advice(make_plan(document, registry), document) == []
