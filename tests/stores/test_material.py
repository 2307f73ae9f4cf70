"""Photos of a store that quantize a bundle, or by which an export is checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from fashionbatch.api.material import material_of, sample_of
from fashionbatch.bundle.open import open_bundle
from fashionbatch.errors import DataError
from fashionbatch.exporting.request import ExportRequest
from fashionbatch.plugins import load_plugins
from fashionbatch.progress import no_bar, silent


@pytest.fixture(autouse=True)
def photos(
    paint: Callable[[Mapping[str, int]], Path], store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FASHIONBATCH_CACHE_DIR", str(tmp_path / "cache"))
    store.put_folder(paint({f"{number}.png": number % 3 for number in range(12)}), "photos")


def test_photos_of_a_store_calibrate(tiny: Path) -> None:
    bundle, registry = open_bundle(tiny), load_plugins().registry
    found = material_of(bundle, "s3://bucket/photos", registry, 1, unlabeled=True, bar=no_bar)
    assert 0 < len(found.images) < 12


def test_an_export_is_checked_by_photos_of_a_store(tiny: Path, tmp_path: Path) -> None:
    bundle, registry = open_bundle(tiny), load_plugins().registry
    request = ExportRequest("onnx", tmp_path / "m.onnx")
    found = sample_of(bundle, request, "s3://bucket/photos", registry, silent())
    assert found is not None
    assert len(found.images) == 12
    with pytest.raises(DataError, match=r"^s3://bucket/none: there is nothing"):
        sample_of(bundle, request, "s3://bucket/none", registry, silent())
