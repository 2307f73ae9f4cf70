"""A plan's network: what is checked about plugins, what freezing means, and weights that go by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fashionbatch.bundle.graph.convert import to_graph
from fashionbatch.errors import PluginError, TrainingError, WeightsError
from fashionbatch.model.augmented import training_model
from fashionbatch.model.freezing import set_trained_layers
from fashionbatch.model.network import build_network, layer_table
from fashionbatch.model.weights import assign_by_name, named_weights
from fashionbatch.plan import plan_from_text
from fashionbatch.plugins import load_plugins
from fashionbatch.recipe.schema import TrainFrom
from fashionbatch.registry import Provider
from fashionbatch.specs import ArchitectureSpec, AugmentationSpec, HeadSpec

RECIPE = """
version: 1
name: small
data: {source: {name: npz, path: none.npz}, image: {size: [12, 12], channels: 1}}
augmentation: [{name: random_brightness, amount: 1.0}]
architecture: ARCHITECTURE
head: HEAD
"""
VGG = "{name: mini_vgg, filters: [2, 2], convolutions: 1, dense: 4}"


def add_strange_plugins(registry):
    from keras import layers, ops

    stranger = Provider("stranger", "3.0")
    strange = {
        "not_flat": lambda pixels, _: layers.Rescaling(1 / 255)(pixels),
        "no_tensor": lambda pixels, _: "features",
        "fixed_batch": lambda pixels, _: ops.zeros((4, 3)),
        "raising": lambda pixels, _: 1 / 0,
        "dumping": lambda pixels, _: layers.MaxPooling2D(99)(pixels),
        "normalised": lambda pixels, _: layers.Normalization(name="normal")(layers.Flatten()(pixels)),
        "like_the_input": lambda pixels, _: layers.Flatten(name="pixels")(pixels),
        "half": lambda pixels, _: layers.Flatten(dtype="float16")(pixels),
        "choosy": lambda pixels, _: _raise(ValueError("needs at least 32x32 pixels")),
        "twins": lambda pixels, _: layers.Dense(2, name="one")(
            layers.Dense(2, name="one")(layers.Flatten(name="flat")(pixels))
        ),
    }
    for name, build in strange.items():
        registry.add(ArchitectureSpec(name=name, summary="Strange.", build=build), stranger)
    registry.add(
        HeadSpec(
            name="same_names",
            summary="Layers called as those of the backbone.",
            decoding="one_of_many",
            default_loss="categorical_crossentropy",
            build=lambda features, classes, _: layers.Dense(classes, activation="softmax", name="dense1")(
                layers.Dense(3, name="conv1")(features)
            ),
        ),
        stranger,
    )
    registry.add(
        HeadSpec(
            name="one_too_many",
            summary="Strange.",
            decoding="one_of_many",
            default_loss="categorical_crossentropy",
            build=lambda features, classes, _: layers.Dense(classes + 1)(features),
        ),
        stranger,
    )
    return registry


def _raise(error):
    raise error


@pytest.fixture(scope="module")
def registry():
    return add_strange_plugins(load_plugins().registry)


@pytest.fixture(scope="module")
def make_network(registry):
    def make(architecture=VGG, head="multiclass", classes=3):
        text = RECIPE.replace("ARCHITECTURE", architecture).replace("HEAD", head)
        return build_network(plan_from_text(text, registry, Path()), classes)

    return make


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        ("not_flat", r"'not_flat' of stranger 3\.0 must return features \(None, n\) .*, got \(None, 12, 12, 1\)"),
        ("half", r"'half' of stranger 3\.0 must return float32 features, got float16"),
        ("no_tensor", r"'no_tensor' of stranger 3\.0 must return a Keras tensor, got str"),
        ("raising", r"'raising' of stranger 3\.0 cannot be built for images of 12x12x1: ZeroDivisionError"),
        (
            "dumping",
            r"'dumping' of stranger 3\.0 cannot .*MaxPooling2D\.call\(\)\. Computed output .*, `padding=valid`\.$",
        ),
        ("choosy", r"'choosy' of stranger 3\.0 cannot be built for images of 12x12x1: needs at least 32x32 pixels"),
        ("twins", r"'twins' of stranger 3\.0 and head 'multiclass' .* make no network together: .*one"),
    ],
)
def test_what_a_plugin_built_wrong_is_said_with_its_name(make_network, architecture, message):
    with pytest.raises(PluginError, match=message):
        make_network(architecture)


def test_a_head_must_have_its_decodings_shape(make_network):
    with pytest.raises(PluginError, match=r"'one_too_many' .* must return float32 probabilities \(None, 3\)"):
        make_network(head="one_too_many")


def test_layers_of_backbone_and_head_may_have_the_same_names(make_network, tmp_path):
    network = make_network(head="same_names")
    assert network.head_layers == ("head_conv1", "head_dense1")
    assert set(network.backbone_layers) >= {"conv1", "dense1"}
    assert network.head_layers == make_network(head="same_names").head_layers
    network.model.save_weights(tmp_path / "model.weights.h5")
    rebuilt = make_network(head="same_names").model
    rebuilt.load_weights(tmp_path / "model.weights.h5")
    for loaded, saved in zip(rebuilt.get_weights(), network.model.get_weights(), strict=True):
        np.testing.assert_array_equal(loaded, saved)
    assert assign_by_name(network.model, named_weights(rebuilt)).kept == ()


def test_a_layer_may_have_the_name_of_the_networks_input(make_network):
    assert make_network("like_the_input").backbone_layers == ("backbone_pixels",)


def test_two_augmentations_of_one_name_stand_side_by_side(make_network, registry):
    from keras import layers

    def build(parameters, seed):
        return layers.RandomBrightness(0.1, value_range=(0, 255), seed=seed, name="pixels")

    registry.add(AugmentationSpec(name="same_name", summary="Strange.", build=build), Provider("stranger", "3.0"))
    text = RECIPE.replace("{name: random_brightness, amount: 1.0}", "same_name, same_name")
    plan = plan_from_text(text.replace("ARCHITECTURE", VGG).replace("HEAD", "multiclass"), registry, Path())
    model = training_model(make_network(), plan.augmentation, seed=1)
    assert [layer.name for layer in model.layers if "RandomBr" in type(layer).__name__] == ["pixels_2", "pixels_3"]


def test_a_network_takes_uint8_and_gives_float32(make_network):
    network = make_network()
    probabilities = np.asarray(network.model(np.full((2, 12, 12, 1), 255, np.uint8), training=False))
    assert probabilities.dtype == np.float32
    assert probabilities.shape == (2, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def test_augmentation_is_active_in_training_alone_and_shares_the_weights(make_network, registry):
    plan = plan_from_text(RECIPE.replace("ARCHITECTURE", VGG).replace("HEAD", "multiclass"), registry, Path())
    network = build_network(plan, 3)
    model = training_model(network, plan.augmentation, seed=1)
    images = np.random.default_rng(0).integers(0, 256, (4, 12, 12, 1), dtype=np.uint8)
    np.testing.assert_array_equal(model(images, training=False), network.model(images, training=False))
    changed = [np.asarray(model(images, training=True)) for _ in range(2)]
    assert not np.array_equal(*changed)
    assert {id(v) for v in model.trainable_variables} == {id(v) for v in network.model.trainable_variables}


def test_phases_train_the_layers_that_they_name(make_network):
    network = make_network()
    everything = ("conv1", "conv1_norm", "conv2", "conv2_norm", "dense1", "dense1_norm", "head_output")
    assert set_trained_layers(network, "all") == everything
    assert set_trained_layers(network, "head") == ("head_output",)
    late = TrainFrom.model_validate({"from": "conv2_norm"})
    assert set_trained_layers(network, late) == ("conv2_norm", "dense1", "dense1_norm", "head_output")
    with pytest.raises(TrainingError, match="no layer 'convv2' to train from; did you mean 'conv2'"):
        set_trained_layers(network, TrainFrom.model_validate({"from": "convv2"}))


def test_a_frozen_batch_normalization_keeps_its_statistics_while_later_layers_learn(make_network):
    network = make_network()
    set_trained_layers(network, TrainFrom.model_validate({"from": "conv2"}))
    model = training_model(network, (), seed=1)
    frozen, learning = (network.model.get_layer(f"conv{n}_norm").moving_mean for n in (1, 2))
    before = [np.array(mean) for mean in (frozen, learning)]
    model(np.random.default_rng(0).integers(0, 256, (4, 12, 12, 1), dtype=np.uint8), training=True)
    np.testing.assert_array_equal(frozen, before[0])
    assert not np.array_equal(learning, before[1])


def test_batch_normalization_can_be_kept_as_it_is_in_layers_that_learn(make_network):
    network = make_network()
    learning = set_trained_layers(network, "all", keep_batch_norm=True)
    assert learning == ("conv1", "conv2", "dense1", "head_output")
    model = training_model(network, (), seed=1)
    means = [network.model.get_layer(f"conv{n}_norm").moving_mean for n in (1, 2)]
    before = [np.array(mean) for mean in means]
    model(np.random.default_rng(0).integers(0, 256, (4, 12, 12, 1), dtype=np.uint8), training=True)
    for mean, was in zip(means, before, strict=True):
        np.testing.assert_array_equal(mean, was)


def test_a_backbone_that_is_frozen_altogether_gives_the_same_features_in_training(make_network):
    network = make_network()
    set_trained_layers(network, "head")
    model = training_model(network, (), seed=1)
    images = np.random.default_rng(0).integers(0, 256, (4, 12, 12, 1), dtype=np.uint8)
    np.testing.assert_allclose(model(images, training=True), network.model(images, training=False), atol=1e-6)


def test_the_layer_table_adds_up(make_network):
    network = make_network()
    rows = layer_table(network)
    assert sum(row[3] for row in rows) == network.model.count_params()
    assert rows[0] == ("scale", "Rescaling", "12x12x1", 0)
    assert rows[-1] == ("head_output", "Dense", "3", 15)


def test_weights_go_by_name_and_what_does_not_fit_is_told(make_network):
    source, target = make_network(), make_network("{name: mini_vgg, filters: [2, 3], convolutions: 1, dense: 4}")
    report = assign_by_name(target.model, named_weights(source.model))
    assert report.fitted == ("conv1", "conv1_norm", "dense1_norm", "head_output")
    assert [misfit.split()[0] for misfit in report.misfits] == ["conv2", "conv2_norm", "dense1"]
    assert "conv2 has 3x3x2x3 and 3, the weights have 3x3x2x2 and 2" in report.text()
    np.testing.assert_array_equal(
        target.model.get_layer("conv1").get_weights()[0], source.model.get_layer("conv1").get_weights()[0]
    )


def test_normalisation_computes_with_the_weights_that_it_is_given(make_network):
    network = make_network("normalised")
    given = [np.full(144, 90.0, np.float32), np.full(144, 4.0, np.float32), np.zeros((), np.int32)]
    assign_by_name(network.model, {"normal": given})
    pixels = np.full((1, 12, 12, 1), 100.0, np.float32)
    np.testing.assert_allclose(network.backbone(pixels), np.full((1, 144), 5.0))


def test_weights_of_which_none_fits_are_an_error(make_network):
    with pytest.raises(WeightsError, match="none of the weights fit"):
        assign_by_name(make_network().model, {"other": [np.zeros(3)]})


def test_the_graph_of_a_network_names_what_its_head_reads(make_network):
    network = make_network(VGG, "{name: multiclass, dense: [9]}")
    graph = to_graph(network.model, network.features)
    [named] = [port for operation in graph.get_ops() for port in operation.outputs() if "features" in port.names]
    assert named.partial_shape.to_string() == "[?,4]"
