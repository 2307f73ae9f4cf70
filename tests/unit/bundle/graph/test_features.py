"""Where the features of a network stand: named by training, else found before the last dense layer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops

from fashionbatch.bundle.graph.convert import to_graph
from fashionbatch.bundle.graph.features import find_features
from fashionbatch.bundle.importing.adapt import Pixels, adapt_graph, add_activation
from fashionbatch.bundle.manifest import Head, Labels
from fashionbatch.bundle.open import Bundle, open_bundle
from fashionbatch.bundle.write import write_bundle
from fashionbatch.errors import BundleError
from fashionbatch.images import POLICY
from fashionbatch.specs import ImageSpec
from fashionbatch.testing.bundles import make_tiny_bundle

SIDE = 6
NAMES = ("a", "b", "c", "d")
BundleOf = Callable[[ov.Model], Bundle]


@pytest.fixture
def bundle_of(tmp_path: Path) -> BundleOf:
    def make(graph: ov.Model) -> Bundle:
        write_bundle(
            tmp_path / "bundle",
            name="given",
            labels=Labels(class_names=NAMES, display_names=NAMES),
            head=Head(name="multiclass", decoding="one_of_many"),
            image=ImageSpec.model_validate({"size": (SIDE, SIDE), "channels": 3}),
            decoding_policy=POLICY,
            graph=graph,
        )
        return open_bundle(tmp_path / "bundle")

    return make


def weights(*shape: int) -> Any:
    return ops.constant(np.random.default_rng(0).normal(size=shape).astype(np.float32))


def pixels() -> Any:
    return ops.parameter([-1, SIDE, SIDE, 3], ov.Type.u8, name="pixels")


def pooled(image: Any) -> Any:
    """Three numbers an image."""
    return ops.reduce_mean(ops.convert(image, "f32"), ops.constant([1, 2]), keep_dims=False)


def test_they_are_what_the_dense_layer_of_a_bundle_reads(tmp_path: Path) -> None:
    assert find_features(open_bundle(make_tiny_bundle(tmp_path / "tiny"))).size == 3


def test_training_names_what_the_head_reads_also_where_the_head_has_hidden_layers(bundle_of: BundleOf) -> None:
    import keras

    image = keras.Input((SIDE, SIDE, 3), dtype="uint8")
    maps = keras.layers.Conv2D(5, 3, activation="relu")(keras.ops.cast(image, "float32"))
    features = keras.layers.GlobalAveragePooling2D()(maps)
    hidden = keras.layers.Dense(9, activation="relu")(features)
    model = keras.Model(image, keras.layers.Dense(4, activation="softmax")(hidden))
    assert find_features(bundle_of(to_graph(model, features))).size == 5
    assert find_features(bundle_of(to_graph(model))).size == 9, "without the name it is the last dense layer"


def test_a_graph_with_a_name_for_the_features_computes_the_same(tmp_path: Path) -> None:
    import keras

    image = keras.Input((SIDE, SIDE, 3), dtype="uint8")
    features = keras.layers.Flatten()(keras.layers.Conv2D(5, 3)(keras.ops.cast(image, "float32")))
    model = keras.Model(image, keras.layers.Dense(4, activation="softmax")(features))
    photos = np.random.default_rng(1).integers(0, 256, (2, SIDE, SIDE, 3), dtype=np.uint8)
    graphs = [to_graph(model, features), to_graph(model)]
    first, second = (ov.Core().compile_model(graph, "CPU")(photos)[0] for graph in graphs)
    np.testing.assert_array_equal(first, second)
    assert [len(graph.outputs) for graph in graphs] == [1, 1]


def test_a_way_that_forks_behind_the_last_layer_is_followed(bundle_of: BundleOf) -> None:
    image = pixels()
    hidden = ops.relu(ops.matmul(pooled(image), weights(3, 8), False, False))
    scores = ops.add(ops.matmul(hidden, weights(8, 4), False, False), weights(4))
    powers = ops.exp(ops.subtract(scores, ops.reduce_max(scores, ops.constant([1]), keep_dims=True)))
    softmax = ops.divide(powers, ops.reduce_sum(powers, ops.constant([1]), keep_dims=True))
    assert find_features(bundle_of(ov.Model([softmax], [image]))).size == 8


def test_of_an_imported_network_it_is_the_last_layer_behind_an_activation_that_was_added(bundle_of: BundleOf) -> None:
    image = ops.parameter([-1, 3, SIDE, SIDE], ov.Type.f32)
    maps = ops.reduce_mean(image, ops.constant([2, 3]), keep_dims=False)
    scores = ops.matmul(ops.relu(ops.matmul(maps, weights(3, 7), False, False)), weights(7, 4), False, False)
    graph = adapt_graph(
        ov.Model([scores], [image]),
        Pixels(size=(SIDE, SIDE), channels=3, layout="nchw", order="rgb", scaling="0..1"),
    )
    assert find_features(bundle_of(add_activation(graph, "softmax"))).size == 7


def test_a_last_layer_that_is_a_convolution_of_one_pixel_counts(bundle_of: BundleOf) -> None:
    image = pixels()
    column = ops.reshape(pooled(image), ops.constant([0, 3, 1, 1]), special_zero=True)
    scores = ops.convolution(column, weights(4, 3, 1, 1), [1, 1], [0, 0], [0, 0], [1, 1])
    rows = ops.softmax(ops.reshape(scores, ops.constant([0, -1]), special_zero=True), 1)
    assert find_features(bundle_of(ov.Model([rows], [image]))).size == 3


@pytest.mark.parametrize("kind", ["no dense layer", "maps before the last layer"])
def test_a_network_without_a_row_of_features_is_told(bundle_of: BundleOf, kind: str) -> None:
    image = pixels()
    if kind == "no dense layer":
        numbers = ops.concat([pooled(image), ops.reduce_max(pooled(image), ops.constant([1]), keep_dims=True)], 1)
    else:
        maps = ops.transpose(ops.convert(image, "f32"), ops.constant([0, 3, 1, 2]))
        scores = ops.convolution(maps, weights(4, 3, 1, 1), [1, 1], [0, 0], [0, 0], [1, 1])
        numbers = ops.reduce_mean(scores, ops.constant([2, 3]), keep_dims=False)
    with pytest.raises(BundleError, match="no row of features for each image"):
        find_features(bundle_of(ov.Model([ops.softmax(numbers, 1)], [image])))
