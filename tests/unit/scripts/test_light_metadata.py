"""The light distribution takes its metadata from the whole's, so that the two cannot differ."""

from __future__ import annotations

import sys
import tomllib
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from fashionbatch.installation import LIGHT

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "packaging" / "label"


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    # Only pip, which builds in an environment of its own, has the package that the hook's class comes from.
    interface = ModuleType("hatchling.metadata.plugin.interface")
    interface.MetadataHookInterface = object  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, interface.__name__, interface)
    for above in ("hatchling", "hatchling.metadata", "hatchling.metadata.plugin"):
        monkeypatch.setitem(sys.modules, above, ModuleType(above))
    loader = SourceFileLoader("light_hatch_build", str(FOLDER / "hatch_build.py"))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def project_of(path: Path) -> dict[str, Any]:
    project = tomllib.loads(path.read_text("utf-8"))["project"]
    assert isinstance(project, dict)
    return project


def test_what_is_dynamic_is_filled_in_and_nothing_else(hook: ModuleType) -> None:
    whole, light = (project_of(folder / "pyproject.toml") for folder in (ROOT, FOLDER))
    metadata: dict[str, Any] = {}
    hook.CustomMetadataHook().update(metadata)
    assert light["name"] == LIGHT
    assert {*metadata, "version"} == set(light["dynamic"])
    assert metadata["entry-points"] == whole["entry-points"]
    assert metadata["scripts"] == whole["scripts"]
    assert set(metadata["dependencies"]) < set(whole["dependencies"])


def test_no_framework_comes_along(hook: ModuleType) -> None:
    metadata = hook.light_metadata(project_of(ROOT / "pyproject.toml"))
    extras = metadata["optional-dependencies"].values()
    needed = " ".join([*metadata["dependencies"], *(line for lines in extras for line in lines)])
    assert "openvino" in needed
    assert not any(name in needed for name in ("tensorflow", "keras", "scikit", "matplotlib", "pandas", "h5py", "nncf"))


def test_a_dependency_that_the_whole_has_dropped_is_told(hook: ModuleType) -> None:
    project = project_of(ROOT / "pyproject.toml")
    project["dependencies"] = [line for line in project["dependencies"] if not line.startswith("tqdm")]
    with pytest.raises(ValueError, match="no dependency tqdm"):
        hook.light_metadata(project)


def test_the_licence_is_the_whole_ones() -> None:
    assert (FOLDER / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
