"""Folders of tiny photos, laid out as people lay them out, and drafts of recipes for them."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fashionbatch.drafting import Ask, Draft, draft_recipe, take_the_safest
from fashionbatch.plugins import load_plugins
from fashionbatch.registry import Registry

Put = Callable[..., None]
MakeDraft = Callable[..., Draft]


@pytest.fixture(scope="session")
def registry() -> Registry:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FASHIONBATCH_PLUGINS", "")
        return load_plugins().registry


@pytest.fixture(autouse=True)
def _no_weights_are_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FASHIONBATCH_DATA_DIR", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr("fashionbatch_plugins.architectures.efficientnet_lite.PACKAGE", "weights_of_nobody")
    monkeypatch.setenv("FASHIONBATCH_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    return folder


@pytest.fixture
def put(photos: Path) -> Put:
    """`put("dress/1.png", ...)`: photos of one colour each, below `photos`; `put("train/dress", count=5)`: several."""
    generator = np.random.default_rng(1)

    def write(*names: str, count: int = 0, size: tuple[int, int] = (90, 120), grey: bool = False) -> None:
        for name in [f"{folder}/{number}.png" for folder in names for number in range(count)] if count else names:
            colour = generator.integers(0, 256, 3)
            pixel = np.full(3, colour[0]) if grey else colour
            image = np.broadcast_to(pixel.astype(np.uint8), (size[1], size[0], 3))
            file = io.BytesIO()
            Image.fromarray(np.ascontiguousarray(image)).save(file, "PNG")
            path = photos / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.getvalue())

    return write


@pytest.fixture
def draft(photos: Path, tmp_path: Path, registry: Registry) -> MakeDraft:
    """A draft of a recipe beside the photos: `draft()`, or `draft("train.csv", ask=...)` of what lies in them."""

    def make(inside: str = "", *, ask: Ask = take_the_safest, output: str = "mine.yaml") -> Draft:
        return draft_recipe(photos / inside, registry, output=tmp_path / output, ask=ask)

    return make
