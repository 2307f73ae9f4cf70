"""Every component that FashionBatch ships is held to what it asks of strangers."""

from __future__ import annotations

import pytest

from fashionbatch.plugins import load_plugins
from fashionbatch.specs import KINDS
from fashionbatch.testing import checks_for, parametrize_with_checks


@pytest.fixture(scope="module")
def registry():
    return load_plugins().registry


@parametrize_with_checks("fashionbatch")
def test_a_built_in_component_keeps_its_contract(check):
    check()


def test_every_kind_of_component_is_checked():
    assert {check.entry.spec.kind for check in checks_for("fashionbatch")} == set(KINDS)


BUILT_INS = {
    "dataset": {"image_folder", "csv_manifest", "npz", "fashion_mnist", "fashion_mnist_sample"},
    "architecture": {"cnn", "mlp", "mini_vgg"},
    "head": {"multiclass", "binary", "multilabel"},
    "loss": {"categorical_crossentropy", "binary_crossentropy", "focal"},
    "augmentation": {
        "random_flip",
        "random_rotation",
        "random_shift",
        "random_zoom",
        "random_shear",
        "random_brightness",
        "random_contrast",
    },
    "runtime": {"openvino", "tensorflow"},
    "writer": {"csv"},
    "engine": {"local"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_promised_built_ins_are_registered(registry, kind):
    assert BUILT_INS[kind] <= set(registry.names(kind))
