"""Every module says what it is for, and the lists that documents rest on are complete."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from fashionbatch import errors, hookspecs, specs

ROOT = Path(__file__).parents[2]
MODULES = sorted([*(ROOT / "fashionbatch").rglob("*.py"), *(ROOT / "plugins/fashionbatch_plugins").rglob("*.py")])


def test_the_modules_are_found() -> None:
    assert len(MODULES) > 50


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_module_has_a_docstring_and_stays_readable(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(source))
    assert source.count("\n") <= 400, "a module under 400 lines is read in one sitting"


def test_the_tree_of_errors_is_drawn_whole() -> None:
    drawn = set(re.findall(r"[├└]── (\w+)", errors.__doc__ or ""))
    defined = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.FashionBatchError) and not name.startswith("_")
    } - {"FashionBatchError"}
    assert drawn == defined


def test_every_spec_is_a_kind_that_plugins_can_register() -> None:
    kinds = {spec_type.kind for spec_type in specs.SPEC_TYPES}
    defined = {value.kind for value in vars(specs).values() if isinstance(value, type) and hasattr(value, "kind")}
    assert kinds == set(specs.KINDS) == defined


def test_every_kind_names_the_hook_that_yields_it() -> None:
    hooks = {name for name in vars(hookspecs) if name.startswith("register_")}
    assert hooks == {spec_type.hook for spec_type in specs.SPEC_TYPES}
    for spec_type in specs.SPEC_TYPES:
        assert getattr(hookspecs, spec_type.hook).__annotations__["return"] == f"Iterable[{spec_type.__name__}]"


def test_every_hook_is_documented_with_an_example_and_listed_for_plugin_authors() -> None:
    hooks = {name: value for name, value in vars(hookspecs).items() if hasattr(value, "fashionbatch_spec")}
    assert len(hooks) == 15
    guide = (ROOT / "docs/plugins.md").read_text(encoding="utf-8")
    for name, hook in hooks.items():
        assert "Example:" in (hook.__doc__ or ""), name
        assert f"`{name}" in guide
