from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fashionbatch.testing.bundles import make_tiny_bundle

Change = Callable[[dict[str, Any]], None]


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A whole bundle."""
    return make_tiny_bundle(tmp_path / "tiny")


@pytest.fixture
def edit(tiny: Path) -> Callable[[Change], None]:
    """Change the tiny bundle's `bundle.json` as data."""

    def apply(change: Change) -> None:
        file = tiny / "bundle.json"
        document = json.loads(file.read_text(encoding="utf-8"))
        change(document)
        file.write_text(json.dumps(document), encoding="utf-8")

    return apply
