"""A plan for any data, without training anything."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from fashionbatch.plan import Plan, plan_from_text
from fashionbatch.plugins import load_plugins
from fashionbatch.registry import Registry

MakePlan = Callable[..., Plan]


@pytest.fixture(scope="session")
def registry() -> Registry:
    return load_plugins().registry


@pytest.fixture
def make_plan(registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakePlan:
    """`make_plan({"name": "digits"}, size=(8, 8), channels=1, head="multiclass", split={...}, names={...})`."""
    monkeypatch.setenv("FASHIONBATCH_CACHE_DIR", str(tmp_path / "cache"))

    def make(
        source: dict[str, object],
        *,
        size: tuple[int, int] = (8, 8),
        channels: int = 3,
        head: str = "multiclass",
        split: dict[str, object] | None = None,
        names: dict[str, str] | None = None,
        resize: dict[str, object] | None = None,
    ) -> Plan:
        recipe = {
            "version": 1,
            "name": "tested",
            "data": {
                "source": source,
                "image": {"size": list(size), "channels": channels, "resize": resize or {}},
                "split": split or {},
                "labels": {"names": names or {}},
            },
            "architecture": "mlp",
            "head": head,
        }
        return plan_from_text(yaml.safe_dump(recipe, allow_unicode=True), registry, tmp_path)

    return make
