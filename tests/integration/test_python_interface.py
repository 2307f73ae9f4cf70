"""What `import fashionbatch` promises: it is light, its names are listed and documented, and their examples hold."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import fashionbatch as fb
import fashionbatch.api
from fashionbatch.testing.bundles import class_colour, make_tiny_bundle

MODULES = sorted(
    [f"fashionbatch.api.{module.name}" for module in pkgutil.iter_modules(fashionbatch.api.__path__)]
    + ["fashionbatch.plugins.listing"]
)


def test_the_import_is_light(run_python: Callable[[str], str]) -> None:
    heavy = "numpy pydantic PIL yaml pandas matplotlib tensorflow openvino click typing fashionbatch.api"
    told = run_python(
        f"import sys; before = set(sys.modules); import fashionbatch as fb; dir(fb); "
        f"print(sorted((set(sys.modules) - before) & set({heavy.split()!r})))"
    )
    assert told == "[]\n"


def test_a_name_brings_only_what_it_needs(run_python: Callable[[str], str]) -> None:
    told = run_python(
        "import sys; import fashionbatch as fb; fb.Recipe.load('quickstart').check(); fb.Bundle; fb.classify; fb.Run;"
        "fb.evaluate; fb.read_labels; fb.train; fb.plugins();"
        "print([name for name in ('pandas', 'matplotlib', 'tensorflow', 'openvino', 'sklearn') if name in sys.modules])"
    )
    assert told == "[]\n"


def test_every_name_is_there_and_listed() -> None:
    assert sorted(fb.__all__) == fb.__all__
    assert set(fb.__all__) <= set(dir(fb))
    for name in fb.__all__:
        assert getattr(fb, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        fb.trian  # type: ignore[attr-defined]  # noqa: B018 - the point


def test_every_error_that_a_user_can_cause_is_offered() -> None:
    from fashionbatch import errors

    ours = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.FashionBatchError)
    }
    assert ours <= set(fb.__all__)


def test_type_checkers_see_the_same_names() -> None:
    source = inspect.getsource(fb)
    block = source[source.index("if TYPE_CHECKING:") : source.index("\n__all__")]
    for name in set(fb.__all__) - {"__version__"}:
        assert f" {name}" in block, name


def test_the_package_of_plugins_can_be_called(run_python: Callable[[str], str]) -> None:
    told = run_python(
        "import fashionbatch as fb; first = fb.plugins('head'); import fashionbatch.plugins;"
        "print(first == fb.plugins('head') != [], fashionbatch.plugins.load_plugins.__name__)"
    )
    assert told == "True load_plugins\n"


def test_a_script_needs_no_guard_and_may_run_within_an_event_loop(tmp_path: Path) -> None:
    make_tiny_bundle(tmp_path / "bundle")
    (tmp_path / "photos").mkdir()
    for number in range(4):
        Image.new("RGB", (9, 9), class_colour(0, 3)).save(tmp_path / "photos" / f"{number}.png")
    script = tmp_path / "script.py"
    script.write_text(
        "import asyncio, fashionbatch as fb\n"
        "print('once')\n"
        "async def label(output):\n"
        "    return fb.classify('photos', 'bundle', output, workers=2, progress=False).rows\n"
        "print(asyncio.run(label('a.csv')), fb.classify('photos', 'bundle', 'b.jsonl', progress=False).rows)\n"
    )
    done = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("once\n4 4\n", "")


def test_every_public_function_and_method_is_documented() -> None:
    for name in fb.__all__:
        value = getattr(fb, name)
        if name == "__version__":
            continue
        assert inspect.getdoc(value), name
        members = vars(value) if inspect.isclass(value) and value.__module__.startswith("fashionbatch.api") else {}
        for member, function in members.items():
            if not member.startswith("_") and (callable(function) or isinstance(function, property | classmethod)):
                assert inspect.getdoc(getattr(value, member)), f"{name}.{member}"


@pytest.mark.parametrize("module", MODULES)
def test_examples_in_docstrings_hold(module: str) -> None:
    found = doctest.testmod(importlib.import_module(module), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.failed == 0


def test_there_are_examples() -> None:
    finder = doctest.DocTestFinder()
    examples = [test for module in MODULES for test in finder.find(importlib.import_module(module)) if test.examples]
    assert len(examples) >= 9
