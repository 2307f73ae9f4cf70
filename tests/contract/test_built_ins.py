"""Every component that FashionBatch ships is held to what it asks of strangers."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fashionbatch.plugins import load_plugins
from fashionbatch.specs import KINDS
from fashionbatch.testing import checks_for


@pytest.fixture(scope="module")
def registry():
    return load_plugins().registry


def write_idx(path: Path, array: np.ndarray) -> None:
    """The format of the MNIST family: two zeros, the type, the axes, their lengths, the bytes."""
    lengths = b"".join(length.to_bytes(4, "big") for length in array.shape)
    path.write_bytes(bytes([0, 0, 8, array.ndim]) + lengths + array.tobytes())


def dataset_examples() -> dict[str, dict[str, str]]:
    """A little data for each dataset that reads files; made when tests are collected, since checks are by parameter."""
    folder = Path(tempfile.mkdtemp(prefix="fashionbatch-contract-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for number, name in enumerate(["red_dress", "blue_dress", "red_shirt"] * 2):
        path = folder / "photos" / name / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (number * 20, 0, 0)).save(path)
    lines = [f"photos/{path.parent.name}/{path.name},{path.parent.name}" for path in folder.rglob("*.png")]
    (folder / "items.csv").write_text("path,label\n" + "\n".join(lines) + "\n")
    pixels = np.zeros((6, 8, 8), np.uint8)
    np.savez(folder / "arrays.npz", x_train=pixels, y_train=[0, 1] * 3, x_test=pixels[:2], y_test=[0, 1])
    for split in ("train", "t10k"):
        write_idx(folder / f"{split}-images-idx3-ubyte", np.zeros((10, 28, 28), np.uint8))
        write_idx(folder / f"{split}-labels-idx1-ubyte", np.arange(10, dtype=np.uint8))
    return {
        "dataset/image_folder": {"path": str(folder / "photos")},
        "dataset/multilabel_folder": {"path": str(folder / "photos")},
        "dataset/csv_manifest": {"path": str(folder / "items.csv")},
        "dataset/npz": {"path": str(folder / "arrays.npz")},
        "dataset/mnist": {"path": str(folder)},
        "dataset/fashion_mnist": {"path": str(folder)},
        "schedule/constant": {"learning_rate": 0.1},
        "schedule/cosine_restarts": {"first_decay_epochs": 1},
        "schedule/exponential": {"decay_rate": 0.5},
        "schedule/piecewise_constant": {"boundaries": [2], "values": [0.1, 0.01]},
    }


def built_in_checks() -> Iterator[Any]:
    """All checks; those of the engine `ray` start actors again and again, which takes minutes."""
    for check in checks_for("fashionbatch", examples=dataset_examples()):
        if check.entry.spec.name == "ray":
            yield pytest.param(replace(check, time_limit=280), id=str(check), marks=pytest.mark.slow)
        else:
            yield pytest.param(check, id=str(check))


@pytest.mark.parametrize("check", list(built_in_checks()))
def test_a_built_in_component_keeps_its_contract(check, request):
    if check.entry.spec.name == "ray":
        request.getfixturevalue("ray_that_is_there")
    check()


@pytest.fixture(scope="module")
def ray_that_is_there() -> Iterator[None]:
    ray = pytest.importorskip("ray", reason="needs pip install 'fashionbatch[ray]'")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        ray.init(
            address="local", num_cpus=2, include_dashboard=False, _node_ip_address="127.0.0.1", log_to_driver=False
        )
        yield
        ray.shutdown()


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
        "random_crop",
        "random_hue_saturation",
        "random_erasing",
        "rand_augment",
        "mixup",
        "cutmix",
    },
    "optimizer": {"adam", "adamw", "rmsprop", "sgd"},
    "schedule": {"constant", "cosine", "inverse_time", "reduce_on_plateau"},
    "metric": {"auc", "f1", "precision", "recall", "top_k_accuracy"},
    "callback": {"tensorboard"},
    "runtime": {"openvino", "tensorflow"},
    "writer": {"csv"},
    "engine": {"local", "ray"},
    "image_search": {"openverse", "url_list", "wikimedia_commons"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_promised_built_ins_are_registered(registry, kind):
    assert BUILT_INS[kind] <= set(registry.names(kind))
