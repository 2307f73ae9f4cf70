"""Trainings that take a second, in studies: sixty pictures of bars, lying or standing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fashionbatch.plugins import Plugins, load_plugins
from fashionbatch.studies.members import Member, Result

RECIPE = """
version: 1
name: bars
data:
  source: {name: npz, path: bars.npz}
  image: {size: [8, 8], channels: 1}
  split: {validation: 0.25, test: 0.2, seed: 1}
architecture: {name: mlp, dense: [4]}
training:
  epochs: 2
  batch_size: 16
  optimizer: {name: adam, learning_rate: 0.01}
  quantize: "off"
  seed: 7
"""


@pytest.fixture(scope="session")
def plugins() -> Plugins:
    return load_plugins()


@pytest.fixture(scope="session")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recipe's file, with its data beside it."""
    folder = tmp_path_factory.mktemp("study")
    generator = np.random.default_rng(3)
    images = generator.integers(0, 90, (60, 8, 8), dtype=np.uint8)
    for number, image in enumerate(images):
        image[(slice(2, 4), slice(None)) if number % 2 else (slice(None), slice(2, 4))] = 220
    np.savez(folder / "bars.npz", x_train=images, y_train=np.arange(60) % 2)
    (folder / "bars.yaml").write_text(RECIPE, encoding="utf-8")
    return folder / "bars.yaml"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No pictures, and a cache of one's own."""
    monkeypatch.setattr("fashionbatch.training.run.draw_pictures", lambda folder, **_: [])
    monkeypatch.setenv("FASHIONBATCH_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def make_result(plugins: Plugins, recipe: Path) -> Callable[..., Result]:
    """`make_result("seed-8", seed=8, validation={"accuracy": 0.8})`: a member that has come to its end."""
    from fashionbatch.plan import load_plan

    def make(name: str, *, seed: int = 7, fold: int | None = None, settings=None, images: int = 12, **figures):
        plan = load_plan(str(recipe), plugins.registry, overrides=[f"training.seed={seed}"])
        member = Member(name, name, plan, fold, settings or {})
        found = {split: {"images": images, **values} for split, values in figures.items()}
        return Result(member, "finished", {"figures": found, "seconds": {"total": 1.5}})

    return make
