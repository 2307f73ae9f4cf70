"""The two runtimes on one trained bundle: one runs the graph, the other the Keras model that is built again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fashionbatch.bundle.graph.convert import to_graph
from fashionbatch.bundle.manifest import FileRecord, Head, Labels
from fashionbatch.bundle.open import Bundle, open_bundle
from fashionbatch.bundle.write import write_bundle
from fashionbatch.errors import BundleError, RecipeError
from fashionbatch.images import POLICY
from fashionbatch.inference.rebuild import keras_model_of
from fashionbatch.inference.session import open_session
from fashionbatch.model.network import build_network
from fashionbatch.plan import plan_from_text, resolved_yaml
from fashionbatch.plugins import load_plugins
from fashionbatch.testing.bundles import make_tiny_bundle

RECIPE = """
version: 1
name: patches
data:
  source: {name: fashion_mnist_sample}
  image: {size: [12, 10], channels: 3}
architecture: {name: cnn}
head: multiclass
augmentation: [random_flip]
"""
CLASSES = tuple("abcdefghij")
NOTHING = FileRecord(sha256="0" * 64, size=0)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle with graph, recipe and weights, after a few steps of training."""
    import keras

    folder = tmp_path_factory.mktemp("trained")
    plan = plan_from_text(RECIPE, load_plugins().registry, folder)
    keras.utils.set_random_seed(7)
    model = build_network(plan, len(CLASSES)).model
    random = np.random.default_rng(7)
    images = random.integers(0, 256, (64, *plan.recipe.data.image.shape), dtype=np.uint8)
    model.compile("adam", "sparse_categorical_crossentropy")
    for _ in range(4):
        model.train_on_batch(images, images.mean(axis=(1, 2, 3)).argsort().argsort() // 7)
    model.save_weights(folder / "trained.weights.h5")
    return write_bundle(
        folder / "bundle",
        name="patches",
        labels=Labels(class_names=CLASSES, display_names=CLASSES),
        head=Head(name="multiclass", decoding="one_of_many"),
        image=plan.recipe.data.image,
        decoding_policy=POLICY,
        graph=to_graph(model),
        weights=folder / "trained.weights.h5",
        recipe_yaml=resolved_yaml(plan),
    )


def test_both_runtimes_give_the_same_labels(trained: Bundle) -> None:
    # Labeling loads the plugins with runtimes alone; the architecture's is found when it is needed.
    registry = load_plugins({"register_runtimes"}).registry
    images = np.random.default_rng(1).integers(0, 256, (203, *trained.manifest.image.shape), dtype=np.uint8)
    answers = {}
    for runtime in ("openvino", "tensorflow"):
        with open_session(trained, registry=registry, runtime=runtime, precision="float32") as session:
            answers[runtime] = session.predict(images)
    np.testing.assert_allclose(answers["openvino"], answers["tensorflow"], atol=1e-5)
    labels = answers["openvino"].argmax(axis=1)
    assert len(set(labels)) > 1
    np.testing.assert_array_equal(labels, answers["tensorflow"].argmax(axis=1))


def test_weights_of_another_network_are_a_bundle_error(trained: Bundle, tmp_path: Path) -> None:
    plan = plan_from_text(RECIPE.replace("cnn", "mlp"), load_plugins().registry, tmp_path)
    other = write_bundle(
        tmp_path / "other",
        name="other",
        labels=trained.manifest.labels,
        head=trained.manifest.head,
        image=trained.manifest.image,
        decoding_policy=POLICY,
        graph=to_graph(keras_model_of(trained, load_plugins().registry)),
        weights=trained.keras_weights,
        recipe_yaml=resolved_yaml(plan),
    )
    with pytest.raises(BundleError, match="does not fit the network"):
        keras_model_of(open_bundle(other.path), load_plugins().registry)


def test_a_plugin_that_is_gone_is_named_with_the_bundles_recipe(trained: Bundle, tmp_path: Path) -> None:
    text = trained.recipe_text()
    assert text is not None
    recipe = text.replace("fashionbatch/cnn", "shoes-for-fashion/boots")
    other = open_bundle(make_tiny_bundle(tmp_path / "b", recipe_yaml=recipe))
    manifest = other.manifest.model_copy(update={"files": {**other.manifest.files, "model.weights.h5": NOTHING}})
    with pytest.raises(RecipeError, match=r"b/recipe\.yaml:\d+:\d+: architecture\.name: .*boots"):
        keras_model_of(Bundle(other.path, manifest, other.digest), load_plugins().registry)


@pytest.mark.parametrize("name", ["clothes", "colours"])
def test_weights_of_bundles_that_version_0_1_wrote_fit_the_network_that_is_built_now(name: str) -> None:
    bundle = open_bundle(Path(__file__).parents[2] / "data" / "format_1" / name)
    model = keras_model_of(bundle, load_plugins().registry)
    height, width, channels = bundle.manifest.image.shape
    images = np.random.default_rng(0).integers(0, 256, (2, height, width, channels), np.uint8)
    with open_session(bundle, registry=load_plugins().registry, precision="float32") as session:
        np.testing.assert_allclose(np.asarray(model(images, training=False)), session.predict(images), atol=1e-4)
