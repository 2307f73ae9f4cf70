"""A training that takes a second: sixty pictures of bars, in three directions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fashionbatch.model.framework import load_tensorflow
from fashionbatch.plan import Plan, plan_from_text
from fashionbatch.plugins import Plugins, load_plugins

RECIPE = """
version: 1
name: bars
data:
  source: {name: npz, path: bars.npz}
  image: {size: [12, 12], channels: 1}
  split: {validation: 0.2, test: 0.2, seed: 1}
augmentation:
  - random_flip
architecture: {name: mini_vgg, filters: [4], convolutions: 1, dense: 8, dropout: 0.2}
training:
  epochs: 4
  batch_size: 8
  optimizer: {name: adam, learning_rate: 0.01}
  schedule: inverse_time
  early_stopping: {monitor: val_loss, patience: 3}
  seed: 7
"""


def bars(count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Pictures `(count, 12, 12)` of a lying bar, a standing bar, or none, and their classes."""
    generator = np.random.default_rng(3)
    images = generator.integers(0, 90, (count, 12, 12), dtype=np.uint8)
    classes = np.arange(count) % 3
    for image, kind in zip(images, classes, strict=True):
        place = generator.integers(3, 9)
        if kind == 0:
            image[place : place + 2] = 220
        elif kind == 1:
            image[:, place : place + 2] = 220
    return images, classes


@pytest.fixture(scope="session", autouse=True)
def _deterministic() -> None:
    """As `train` sets it: without it, threads add up in another order now and then."""
    load_tensorflow()
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()


@pytest.fixture(scope="session")
def plugins() -> Plugins:
    return load_plugins()


@pytest.fixture(scope="session")
def bars_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bars")
    images, classes = bars()
    np.savez(folder / "bars.npz", x_train=images, y_train=classes)
    return folder


@pytest.fixture(scope="session")
def make_plan(plugins: Plugins, bars_folder: Path) -> Callable[..., Plan]:
    """`make_plan(("epochs: 4", "epochs: 2"))` plans the recipe with pieces of its text replaced."""

    def make(*changes: tuple[str, str]) -> Plan:
        text = RECIPE
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        return plan_from_text(text, plugins.registry, bars_folder)

    return make


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the pictures, which take a third of so short a run, where a test is about something else."""
    monkeypatch.setattr("fashionbatch.training.run.draw_pictures", lambda folder, **_: [])
