"""Every plugin that the documentation shows is a whole one, and keeps its contract."""

from __future__ import annotations

import doctest
import importlib
import re
import warnings
from pathlib import Path

import pytest
from PIL import Image

from fashionbatch import hookspecs
from fashionbatch.specs import KINDS, SPEC_TYPES
from fashionbatch.testing.project import found, read_project
from fashionbatch.testing.verdicts import verdicts_of

PAGES = Path(__file__).resolve().parents[2] / "docs" / "plugins"
_EXAMPLE = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


@pytest.fixture
def photos(tmp_path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, name in enumerate(["boot_1.png", "boot_2.png", "bag_1.png", "bag_2.png"]):
        Image.new("RGB", (8, 8), (number * 50, 10, 0)).save(folder / name)
    return folder


def broken_promises(name: str, examples=None, base=None) -> list[str]:
    with warnings.catch_warnings():
        # Keras warns of layers that it cannot give a name for the summary; nobody asks for one.
        warnings.simplefilter("ignore", UserWarning)
        verdicts = list(verdicts_of(name, examples=examples, base=base))
    assert len(verdicts) > 5
    return [f"{one.component} {one.contract}: {one.reason}" for one in verdicts if one.verdict == "fail"]


def test_the_plugin_that_is_copied_to_begin_with_keeps_its_contracts():
    project = read_project(PAGES.parents[1] / "plugins" / "example")

    with found(project):
        assert broken_promises(project.name, base=project.base) == []


def test_there_is_a_page_for_every_kind():
    assert {page.stem for page in PAGES.glob("*.md")} == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_the_example_on_a_page_keeps_its_contract(kind, add_distribution, photos):
    [source, *_] = _EXAMPLE.findall((PAGES / f"{kind}.md").read_text(encoding="utf-8"))
    module = f"documented_{kind}"
    add_distribution(f"documented-{kind}", {module: source}, {"example": module})
    hooks = {spec_type.kind: spec_type.hook for spec_type in SPEC_TYPES}
    registered = getattr(importlib.import_module(module), hooks[kind])
    assert [spec.kind for spec in registered()] == [kind]

    assert broken_promises(f"documented-{kind}", base=photos.parent) == []


@pytest.mark.parametrize("spec_type", SPEC_TYPES, ids=lambda spec_type: spec_type.kind)
def test_the_example_of_a_hook_keeps_its_contract(spec_type, add_distribution, photos):
    kind = spec_type.kind
    examples = doctest.DocTestParser().get_examples(getattr(hookspecs, spec_type.hook).__doc__)
    module = f"hook_of_{kind}"
    add_distribution(f"hook-of-{kind}", {module: "".join(one.source for one in examples)}, {"example": module})
    paths = {"cat": str(photos / "boot_1.png"), "dog": str(photos / "bag_1.png")}

    assert broken_promises(f"hook-of-{kind}", {"dataset/two_files": paths} if kind == "dataset" else None) == []
