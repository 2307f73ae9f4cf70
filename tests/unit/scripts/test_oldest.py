"""`make oldest` installs the lower bounds of pyproject.toml, all of them."""

from __future__ import annotations

import tomllib
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def oldest() -> ModuleType:
    loader = SourceFileLoader("oldest", str(ROOT / "scripts" / "oldest.py"))
    spec = spec_from_loader("oldest", loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_each_lower_bound_is_one_constraint(oldest: ModuleType) -> None:
    project = {
        "dependencies": ["keras>=3.15.1", "Click >=8.4, <9"],
        "optional-dependencies": {"a": ["ruff>=0.17.6,<0.18", "types-PyYAML"], "b": ["click>=8.4"]},
    }
    assert oldest.constraints(project) == ["click==8.4", "keras==3.15.1", "ruff==0.17.6"]


def test_two_bounds_of_one_package_and_what_cannot_be_read_are_errors(oldest: ModuleType) -> None:
    with pytest.raises(ValueError, match=r"pyarrow has two lower bounds: 20 and 21"):
        oldest.constraints({"dependencies": [], "optional-dependencies": {"a": ["pyarrow>=20"], "b": ["pyarrow>=21"]}})
    with pytest.raises(ValueError, match="cannot read"):
        oldest.constraints({"dependencies": ["tqdm>=4; python_version < '3.12'"]})


def test_everything_that_this_project_imports_has_a_lower_bound(oldest: ModuleType) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = {line.partition("==")[0] for line in oldest.constraints(project)}
    assert {item.partition(">=")[0] for item in project["dependencies"]} <= named
    assert {"pytest", "pyarrow", "pydot", "koreanize-matplotlib"} <= named
