"""How FashionBatch is installed, and what a light installation says of what it cannot do."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fashionbatch import diagnosis, installation
from fashionbatch.cli import main
from fashionbatch.diagnosis import diagnose
from fashionbatch.errors import FashionBatchError
from fashionbatch.plugins import find_plugins

Capture = pytest.CaptureFixture[str]
AddDistribution = Callable[..., Path]
BUILT_IN = {"runtimes": "fashionbatch_plugins.runtimes", "writers": "fashionbatch_plugins.writers"}


@pytest.fixture
def without_tensorflow(monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "tensorflow" else find_spec(name, *more)
    )


@pytest.fixture
def light(monkeypatch: pytest.MonkeyPatch, add_distribution: AddDistribution) -> None:
    site = add_distribution("fashionbatch-label", {}, BUILT_IN)
    with (site / "fashionbatch_label-1.2.dist-info" / "METADATA").open("a") as file:
        file.write("Provides-Extra: parquet\n")
    for module in (installation, diagnosis):
        monkeypatch.setattr(module, "installed", lambda: ["fashionbatch-label"])


def version_of_ourselves() -> tuple[str, str, str, str | None]:
    found = diagnose()["versions"][0]
    return found.subject, found.value, found.state, found.hint


def test_a_whole_installation_needs_no_more() -> None:
    assert installation.is_whole()
    assert installation.installed() == ["fashionbatch"]
    assert installation.distribution() == "fashionbatch"
    installation.require_whole("training")


def test_what_needs_the_whole_says_how_to_install_it(without_tensorflow: None) -> None:
    with pytest.raises(FashionBatchError) as refused:
        installation.require_whole("training")
    assert str(refused.value) == "training needs the whole FashionBatch: pip install fashionbatch"


@pytest.mark.parametrize(
    "arguments",
    [
        "train quickstart",
        "train quickstart --seeds 2",
        "sweep quickstart --set training.epochs=1,2",
        "try .",
        "demo",
        "evaluate bundle",
    ],
)
def test_verbs_that_train_or_evaluate_refuse_in_one_line_and_write_nothing(
    arguments: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without_tensorflow: None, capsys: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main(arguments.split())
    assert stop.value.code == 1
    assert capsys.readouterr().err.count("needs the whole FashionBatch: pip install fashionbatch\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_library_that_only_the_whole_brings_is_no_bug_where_it_is_missing() -> None:
    told = installation.lacks_whole(ModuleNotFoundError("no", name="matplotlib.figure"))
    assert str(told) == "this, which imports matplotlib, needs the whole FashionBatch: pip install fashionbatch"
    assert installation.lacks_whole(ModuleNotFoundError("no", name="shoes")) is None
    assert installation.lacks_whole(ImportError("no", name="keras")) is None


def test_the_light_distribution_provides_the_built_in_components(add_distribution: AddDistribution) -> None:
    before = find_plugins()
    add_distribution("fashionbatch-label", {}, BUILT_IN)
    # One installation over the other: both name the same modules, which are loaded once, as the built-in ones.
    assert [(found.name, found.provider.distribution) for found in find_plugins()] == [
        (found.name, found.provider.distribution) for found in before
    ]


def test_doctor_says_when_both_are_installed(add_distribution: AddDistribution) -> None:
    add_distribution("fashionbatch-label", {}, BUILT_IN, version="0.0.1")
    subject, value, state, hint = version_of_ourselves()
    assert subject == "fashionbatch"
    assert value.endswith("and fashionbatch-label 0.0.1 over the same files")
    assert state == "broken"
    assert hint == "`pip uninstall fashionbatch-label`, then `pip install --force-reinstall --no-deps fashionbatch`"


def test_doctor_calls_two_of_one_version_needless(add_distribution: AddDistribution) -> None:
    from importlib.metadata import version

    add_distribution("fashionbatch-label", {}, BUILT_IN, version=version("fashionbatch"))
    assert version_of_ourselves()[2] == "absent"


def test_a_light_installation_adds_its_own_extras_and_no_tensorflow(light: None, without_tensorflow: None) -> None:
    assert installation.distribution() == "fashionbatch-label"
    add = installation.with_our_extras
    assert add("needs pyarrow\n  hint: pip install 'fashionbatch[parquet]'").endswith("'fashionbatch-label[parquet]'")
    assert add("hint: pip install 'fashionbatch[int8]'") == "hint: pip install 'fashionbatch[int8]'"
    sections = diagnose()
    assert sections["versions"][0].subject == "fashionbatch-label"
    assert [found.hint for found in sections["pictures"]] == ["`pip install fashionbatch`"]
    [runtime] = [found for found in sections["runtimes"] if found.subject == "tensorflow"]
    assert (runtime.state, runtime.hint) == ("absent", "`pip install fashionbatch`")


def test_a_whole_installation_adds_the_whole_ones_extras() -> None:
    told = "hint: pip install 'fashionbatch[parquet]'"
    assert installation.with_our_extras(told) == told
