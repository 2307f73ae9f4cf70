"""Training on batches whose targets are mixed: what the loss, the weights and the metrics see."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest

from fashionbatch.decisions import rule_for
from fashionbatch.errors import PluginError
from fashionbatch.model.augmented import changes_targets, mixing_model, training_model
from fashionbatch.model.network import build_network
from fashionbatch.plan import Resolved, plan_from_text
from fashionbatch.plugins import load_plugins
from fashionbatch.registry import Provider
from fashionbatch.specs import AugmentationSpec, Parameters

RECIPE = """
version: 1
name: mixed
data: {{source: {{name: npz, path: x.npz}}, image: {{size: [4, 4], channels: 1}}}}
architecture: {{name: mlp, dense: [4], dropout: 0.0}}
head: {head}
"""
HEADS = {"multiclass": "one_of_many", "binary": "yes_or_no", "multilabel": "several_of_many"}
IMAGES = np.arange(64, dtype=np.uint8).reshape(4, 4, 4, 1)
SHARE = 0.75


def halves(wrong=None):
    """An augmentation that mixes each image with its neighbour, three parts to one."""

    class Neighbours(keras.layers.Layer):
        def call(self, batch, training=False):
            images, targets = batch
            if wrong == "shape":
                return images[:, :2], targets
            if wrong == "one":
                return images
            mix = lambda values: SHARE * values + (1 - SHARE) * keras.ops.roll(values, 1, axis=0)  # noqa: E731
            return (mix(images), mix(targets)) if training else (images, targets)

    spec = AugmentationSpec(name="halves", summary="Halves.", level="batch", build=lambda _, seed: Neighbours())
    return Resolved(spec, Parameters(), Provider("shoes", "1.0"))


@pytest.fixture(scope="module")
def registry():
    return load_plugins().registry


def trained(registry, tmp_path, head, targets, *, weights=None, wrong=None):
    """The mixing model, compiled with losses and metrics that keep what they are given; and that, after one step."""
    plan = plan_from_text(RECIPE.format(head=head), registry, tmp_path)
    classes = 2 if head == "binary" else targets.shape[1]
    rule = rule_for(HEADS[head], tuple("abc"[:classes]))
    model = mixing_model(build_network(plan, classes), [halves(wrong)], 1, rule, weights)
    seen = {}

    class Loss(keras.losses.Loss):
        def __call__(self, y_true, y_pred, sample_weight=None):
            seen["loss"], seen["weights"] = y_true, sample_weight
            return keras.ops.mean(y_pred)

    class Metric(keras.metrics.Metric):
        def update_state(self, y_true, y_pred, sample_weight=None):
            seen["metric"] = y_true

        def result(self):
            return 0.0

    model.compile("sgd", Loss(), metrics=[Metric()], run_eagerly=True, steps_per_execution=1)
    given = None if weights is None else np.ones(len(targets), np.float32)
    model.train_on_batch(IMAGES, targets, sample_weight=given)
    return model, {name: None if value is None else np.asarray(value) for name, value in seen.items()}


ONE_HOT = np.eye(3, dtype=np.float32)[[0, 1, 2, 0]]
YES = np.array([[0], [1], [1], [0]], np.float32)


def soft(targets):
    return SHARE * targets + (1 - SHARE) * np.roll(targets, 1, axis=0)


@pytest.mark.parametrize(
    ("head", "targets"), [("multiclass", ONE_HOT), ("binary", YES), ("multilabel", np.maximum(ONE_HOT, ONE_HOT[::-1]))]
)
def test_the_loss_sees_mixtures_and_metrics_what_most_of_an_image_is(registry, tmp_path, head, targets):
    _, seen = trained(registry, tmp_path, head, targets)
    np.testing.assert_allclose(seen["loss"], soft(targets), atol=1e-6)
    np.testing.assert_array_equal(seen["metric"], targets)


def test_a_mixed_image_weighs_the_mixture_of_both_weights(registry, tmp_path):
    weights = np.array([4.0, 1.0, 2.0], np.float32)
    _, seen = trained(registry, tmp_path, "multiclass", ONE_HOT, weights=weights)
    np.testing.assert_allclose(seen["weights"], soft(ONE_HOT @ weights), atol=1e-6)
    _, seen = trained(registry, tmp_path, "binary", YES, weights=weights[:2])
    np.testing.assert_allclose(seen["weights"], soft(np.array([4.0, 1.0, 1.0, 4.0])), atol=1e-6)


def test_validation_sees_images_and_targets_as_they_are(registry, tmp_path):
    model, _ = trained(registry, tmp_path, "multiclass", ONE_HOT)
    seen = {}
    model.compile("sgd", lambda y_true, y_pred: seen.setdefault("loss", y_true)[:, 0], run_eagerly=True)
    model.test_on_batch(IMAGES, ONE_HOT)
    np.testing.assert_array_equal(np.asarray(seen["loss"]), ONE_HOT)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [("shape", "an augmentation keeps dtype and shape"), ("one", "must return a tuple, got KerasTensor")],
)
def test_what_an_augmentation_of_batches_returns_is_checked(registry, tmp_path, wrong, said):
    with pytest.raises(PluginError, match=f"augmentation 'halves' of shoes 1.0.*{said}"):
        trained(registry, tmp_path, "multiclass", ONE_HOT, wrong=wrong)


def test_only_batches_need_the_mixing_model(registry, tmp_path):
    component = halves()
    assert changes_targets([component])
    flip = dataclasses.replace(component, spec=dataclasses.replace(component.spec, level="image"))
    assert not changes_targets([flip])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda images: images[:, :2], "turned float32 (None, 4, 4, 1) into float32 (None, 2, 4, 1)"),
        (lambda images: keras.ops.cast(images, "int32"), "turned float32 (None, 4, 4, 1) into int32 (None, 4, 4, 1)"),
        (lambda images: None, "turned float32 (None, 4, 4, 1) into NoneType ()"),
    ],
)
def test_what_an_augmentation_returns_in_training_alone_is_checked_before_it(registry, tmp_path, change, said):
    class Odd(keras.layers.Layer):
        def call(self, images, training=False):
            return change(images) if training else images

    spec = AugmentationSpec(name="odd", summary="Odd.", build=lambda _, seed: Odd())
    odd = Resolved(spec, Parameters(), Provider("shoes", "1.0"))
    network = build_network(plan_from_text(RECIPE.format(head="multiclass"), registry, tmp_path), 3)
    with pytest.raises(PluginError) as caught:
        training_model(network, [odd], 1)
    assert caught.value.message.startswith(f"augmentation 'odd' of shoes 1.0 {said}")
