"""Three bundles with recipe and weights, one for each decoding, whose networks were never trained."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fashionbatch.bundle.graph.convert import to_graph
from fashionbatch.bundle.manifest import Head, Labels
from fashionbatch.bundle.open import Bundle
from fashionbatch.bundle.reference import choose_reference, synthetic_images
from fashionbatch.bundle.write import write_bundle
from fashionbatch.images import POLICY
from fashionbatch.model.network import build_network
from fashionbatch.plan import plan_from_text, resolved_yaml
from fashionbatch.plugins import load_plugins

RECIPE = """
version: 1
name: patches
data:
  source: {{name: image_folder, path: photos}}
  image: {{size: [12, 10], channels: 3, resize: {{mode: {mode}, crop_fraction: 0.9}}}}
architecture: {{name: mlp, dense: [24]}}
head: {head}
"""
HEADS = {
    "multiclass": Head(name="multiclass", decoding="one_of_many"),
    "binary": Head(name="binary", decoding="yes_or_no", thresholds=(0.4,)),
    "multilabel": Head(
        name="multilabel",
        decoding="several_of_many",
        thresholds=(0.5, 0.45, 0.6, 0.5),
        groups={"colour": ("red", "blue")},
    ),
}
NAMES = {"multiclass": ("dress", "boot", "hat"), "binary": ("cat", "dog"), "multilabel": ("red", "blue", "hat", "boot")}


def make_bundle(folder: Path, head: str, mode: str = "crop") -> Bundle:
    """A bundle whose network has random weights, large enough that photos get different labels."""
    import keras

    plan = plan_from_text(RECIPE.format(head=head, mode=mode), load_plugins().registry, folder)
    names = NAMES[head]
    keras.utils.set_random_seed(3)
    model = build_network(plan, len(names)).model
    probes = synthetic_images(plan.recipe.data.image.shape)
    likely = np.clip(np.asarray(model(probes, training=False)), 1e-6, 1 - 1e-6)
    kernel, bias = model.layers[-1].get_weights()
    # Half of the photos on either side of each output's middle.
    model.layers[-1].set_weights([4 * kernel, 4 * (bias - np.median(np.log(likely / (1 - likely)), axis=0))])
    model.save_weights(folder / "w.weights.h5")
    answers = np.asarray(model(probes, training=False), np.float32)
    return write_bundle(
        folder / "bundle",
        name=f"patches-{head}",
        labels=Labels(class_names=names, display_names=tuple(f"{name} 옷" for name in names)),
        head=HEADS[head],
        image=plan.recipe.data.image,
        decoding_policy=POLICY,
        graph=to_graph(model),
        weights=folder / "w.weights.h5",
        recipe_yaml=resolved_yaml(plan),
        reference=choose_reference(probes, {"float32": answers}, "synthetic"),
    )


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Bundle]:
    """By head."""
    return {head: make_bundle(tmp_path_factory.mktemp(head), head) for head in HEADS}


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty photos of coloured fields."""
    folder, random = tmp_path_factory.mktemp("photos"), np.random.default_rng(1)
    for number in range(60):
        fields = random.integers(0, 256, (3, 4, 3), dtype=np.uint8)
        picture = Image.fromarray(fields).resize((60 + number, 48), Image.Resampling.NEAREST)
        picture.save(folder / f"{number:02}.{'jpg' if number % 2 else 'png'}")
    return folder
