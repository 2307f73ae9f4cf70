from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fashionbatch.labeling.job import shards
from fashionbatch.labeling.options import (
    ComputeOptions,
    LabelOptions,
    OutputOptions,
    ReuseOptions,
    SourceOptions,
    WorkOptions,
)
from fashionbatch.testing.bundles import class_colour, make_tiny_bundle

Paint = Callable[[Mapping[str, int]], Path]


def flat_options(**given: Any) -> LabelOptions:
    """Options by their bare names, whichever group they belong to; those of `rows` and `bundles` as they are."""
    given["table"] = given.pop("output")
    groups = {
        "source": SourceOptions,
        "output": OutputOptions,
        "compute": ComputeOptions,
        "work": WorkOptions,
        "reuse": ReuseOptions,
    }
    renamed = {("compute", "settings"): "runtime_set", ("work", "settings"): "engine_set"}
    renamed[("output", "settings")] = "format_set"
    made: dict[str, Any] = {}
    for group, kind in groups.items():
        names = {field.name: renamed.get((group, field.name), field.name) for field in fields(kind)}
        made[group] = kind(**{name: given.pop(given_name) for name, given_name in names.items() if given_name in given})
    return LabelOptions(**given, **made)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with the classes red, green and blue, which labels an image by its mean colour."""
    return make_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """An empty folder."""
    folder = tmp_path / "photos"
    folder.mkdir()
    return folder


@pytest.fixture
def paint(photos: Path) -> Paint:
    """Paint photos in the colour of a class: `paint({"a.png": 0, "sub/b.png": 2})`; gives the folder."""

    def make(files: Mapping[str, int]) -> Path:
        for name, number in files.items():
            path = photos / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (8, 8), class_colour(number, 3)).save(path)
        return photos

    return make


@pytest.fixture
def options(photos: Path, tiny: Path, tmp_path: Path) -> Callable[..., LabelOptions]:
    def make(**changes: Any) -> LabelOptions:
        return flat_options(
            **{"folder": photos, "bundles": [tiny], "output": tmp_path / "labels.csv", "workers": 1, **changes}
        )

    return make


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SMALLEST", 10)
    monkeypatch.setattr(shards, "_CELLS", 10)


@pytest.fixture
def many(paint: Paint) -> Path:
    """A folder of 95 photos, one of them broken."""
    folder = paint({f"{number:02}.png": number % 3 for number in range(95)})
    (folder / "50.png").write_bytes(b"broken")
    return folder


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The store of `kept_store`, in the place of every store that is written to."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    module = importlib.import_module("kept_store")
    store = module.Kept()
    for place in ("fashionbatch.labeling.destination", "fashionbatch.labeling.job.stored.folder"):
        monkeypatch.setattr(f"{place}.open_writable", store.open)
    monkeypatch.setattr("fashionbatch.stores.fetching.open_objects", store.open)
    return store
