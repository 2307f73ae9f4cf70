"""What a plugin author and everybody else's recipes rely on when plugins are found and loaded."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest

from fashionbatch.errors import PluginError, UnknownNameError
from fashionbatch.plugins import BUILT_IN, Plugins, PluginWarning, find_plugins, load_plugins
from fashionbatch.specs import ArchitectureSpec

HEAD = """
from fashionbatch.hookspecs import hookimpl
from fashionbatch.specs import ArchitectureSpec, Parameters, WriterSpec
"""

WIDE = (
    HEAD
    + """
@hookimpl
def register_architectures():
    yield ArchitectureSpec(name="wide", summary="One wide layer.", build=lambda pixels, parameters: pixels)
"""
)


def load_expecting_failure(match: str) -> Plugins:
    with pytest.warns(PluginWarning, match=match):
        return load_plugins()


def test_a_strangers_component_is_found_by_its_entry_point(add_distribution):
    add_distribution("shoes-for-fb", {"shoes_fb": WIDE}, {"shoes": "shoes_fb"})

    entry = load_plugins().registry.entry("architecture", "wide")

    assert entry.provider.distribution == "shoes-for-fb"
    assert entry.provider.version == "1.2"
    assert entry.qualified_name == "shoes-for-fb/wide"


def test_built_ins_come_from_the_same_entry_point_group():
    found = [plugin for plugin in find_plugins() if plugin.provider.distribution == BUILT_IN]
    assert {plugin.name for plugin in found} >= {"architectures", "datasets", "heads", "losses", "runtimes"}
    assert all(plugin.value.startswith("fashionbatch_plugins.") for plugin in found)


def test_finding_plugins_imports_none_of_them(add_distribution):
    add_distribution("shoes-for-fb", {"shoes_fb": "raise RuntimeError('imported')"}, {"shoes": "shoes_fb"})

    assert "shoes-for-fb" in {plugin.provider.distribution for plugin in find_plugins()}
    assert "shoes_fb" not in sys.modules


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import no_such_module_anywhere", "ModuleNotFoundError: No module named 'no_such_module_anywhere'"),
        ("raise SystemExit('leave')", "SystemExit: leave"),
        ("def broken(:", "SyntaxError"),
        (HEAD + "@hookimpl\ndef register_architecture():\n    return []\n", "register_architecture"),
        (HEAD + "@hookimpl\ndef register_architectures():\n    yield 'wide'\n", "must yield ArchitectureSpec, got str"),
        (HEAD + "@hookimpl\ndef register_architectures():\n    raise OSError('no disk')\n", "OSError: no disk"),
        (WIDE.replace('name="wide"', 'name="Wide Net"'), "must be lower case letters, digits and underscores"),
        (WIDE.replace('name="wide"', 'name="wide", api=2'), "is written for plugin API 2; this is 1"),
        (WIDE.replace("One wide layer.", "One\\nwide layer."), "needs a summary of one line"),
        (WIDE.replace('name="wide"', 'name="wide", parameters=dict'), "must be a subclass of"),
        (
            HEAD
            + "class Named(Parameters):\n    name: str\n"
            + WIDE.replace(HEAD, "").replace('name="wide"', 'name="wide", parameters=Named'),
            "a parameter cannot be called 'name'",
        ),
        (WIDE.replace("build=lambda pixels, parameters: pixels", "build=3"), "build must be callable"),
        (WIDE + WIDE.replace("def register", "def second_register").replace(HEAD, ""), "second_register_architectures"),
    ],
)
def test_a_broken_plugin_is_named_and_left_out_and_the_others_stay(add_distribution, source, reason):
    add_distribution("broken-fb", {"broken_fb": source}, {"broken": "broken_fb"})
    add_distribution("shoes-for-fb", {"shoes_fb": WIDE.replace('"wide"', '"tall"')}, {"shoes": "shoes_fb"})

    plugins = load_expecting_failure("plugin 'broken' of broken-fb 1.2 was left out")

    [failed] = [plugin for plugin in plugins.registry.failed if plugin.provider.distribution == "broken-fb"]
    assert reason in failed.reason
    assert isinstance(plugins.registry.get(ArchitectureSpec, "tall"), ArchitectureSpec)
    assert "wide" not in plugins.registry.names("architecture")


def test_a_rejected_plugins_lifecycle_hooks_are_not_called(add_distribution):
    source = (
        WIDE.replace('name="wide"', 'name="Wide"')
        + "calls = []\n@hookimpl\ndef labeling_finished(report):\n    calls.append(report)\n"
    )
    add_distribution("broken-fb", {"broken_fb": source}, {"broken": "broken_fb"})

    plugins = load_expecting_failure("broken-fb")

    assert plugins.notify("labeling_finished", object()) == []
    assert sys.modules["broken_fb"].calls == []


def test_a_name_that_two_plugins_claim_is_an_error_that_names_both_and_how_to_choose(add_distribution):
    add_distribution("one-fb", {"one_fb": WIDE}, {"one": "one_fb"})
    add_distribution("two-fb", {"two_fb": WIDE}, {"two": "two_fb"})
    registry = load_plugins().registry

    with pytest.raises(PluginError, match="'wide' is claimed by one-fb and two-fb") as caught:
        registry.entry("architecture", "wide")

    assert caught.value.hint == "write 'one-fb/wide' or 'two-fb/wide'"
    assert registry.entry("architecture", "two-fb/wide").provider.distribution == "two-fb"
    assert registry.entry("architecture", "Two_FB/wide").provider.distribution == "two-fb"


def test_two_plugins_with_the_same_entry_point_name_are_both_loaded(add_distribution):
    add_distribution("one-fb", {"one_fb": WIDE}, {"nets": "one_fb"})
    add_distribution("two-fb", {"two_fb": WIDE.replace('"wide"', '"tall"')}, {"nets": "two_fb"})

    assert {"tall", "wide"} <= set(load_plugins().registry.names("architecture"))


def test_a_distribution_that_is_on_the_path_twice_is_loaded_once(add_distribution, monkeypatch):
    site = add_distribution("shoes-for-fb", {"shoes_fb": WIDE}, {"shoes": "shoes_fb"})
    twin = site.parent / "twin"
    twin.symlink_to(site)
    monkeypatch.syspath_prepend(str(twin))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        registry = load_plugins().registry

    assert registry.entry("architecture", "wide").provider.distribution == "shoes-for-fb"


@pytest.mark.parametrize(
    ("variable", "expected"),
    [(None, {"one-fb", "two-fb"}), ("", set()), ("One_FB", {"one-fb"}), ("two-fb, one-fb", {"one-fb", "two-fb"})],
)
def test_the_environment_limits_which_distributions_are_loaded(add_distribution, monkeypatch, variable, expected):
    add_distribution("one-fb", {"one_fb": WIDE}, {"one": "one_fb"})
    add_distribution("two-fb", {"two_fb": WIDE}, {"two": "two_fb"})
    if variable is None:
        monkeypatch.delenv("FASHIONBATCH_PLUGINS", raising=False)
    else:
        monkeypatch.setenv("FASHIONBATCH_PLUGINS", variable)

    found = {plugin.provider.distribution for plugin in find_plugins()}

    assert BUILT_IN in found
    assert found & {"one-fb", "two-fb"} == expected


def test_a_misspelt_name_gets_a_suggestion(add_distribution):
    add_distribution("shoes-for-fb", {"shoes_fb": WIDE}, {"shoes": "shoes_fb"})

    with pytest.raises(UnknownNameError, match="unknown architecture 'wied'; did you mean 'wide'"):
        load_plugins().registry.entry("architecture", "wied")


def test_an_unknown_name_mentions_the_plugin_that_could_not_be_loaded(add_distribution):
    add_distribution("broken-fb", {"broken_fb": "import no_such_module_anywhere"}, {"broken": "broken_fb"})
    plugins = load_expecting_failure("broken-fb")

    with pytest.raises(UnknownNameError, match="could not be loaded: broken-fb"):
        plugins.registry.entry("architecture", "zzzzzz")


def test_a_lifecycle_hook_that_raises_is_reported_and_the_others_are_called(add_distribution):
    calling = HEAD + "calls = []\n@hookimpl\ndef labeling_finished(report):\n    calls.append(report)\n"
    raising = HEAD + "@hookimpl\ndef labeling_finished(report):\n    raise ValueError('no mail server')\n"
    add_distribution("calling-fb", {"calling_fb": calling}, {"calling": "calling_fb"})
    add_distribution("raising-fb", {"raising_fb": raising}, {"raising": "raising_fb"})
    report = SimpleNamespace(table=Path("labels.csv"))

    problems = load_plugins().notify("labeling_finished", report)

    assert sys.modules["calling_fb"].calls == [report]
    [problem] = problems
    said, _, where = problem.partition("; the traceback is in ")
    assert said == "plugin 'raising' of raising-fb 1.2: labeling_finished failed: ValueError: no mail server"
    assert "raising_fb.py" in Path(where).read_text()


@pytest.mark.parametrize("raised", ["SystemExit(3)", "GeneratorExit", "KeyboardInterrupt"])
def test_a_lifecycle_hook_cannot_end_the_program(add_distribution, under_a_handler_of_ours, raised):
    raising = HEAD + f"@hookimpl\ndef training_finished(report):\n    raise {raised}\n"
    add_distribution("raising-fb", {"raising_fb": raising}, {"raising": "raising_fb"})

    [problem] = load_plugins().notify("training_finished", object())

    assert f"training_finished failed: {raised.partition('(')[0]}" in problem


def test_only_plugins_that_name_a_wanted_hook_are_imported(add_distribution):
    notifying = HEAD + "@hookimpl\ndef labeling_finished(report):\n    pass\n"
    unclear = "from notifying_fb import *\n"
    add_distribution("heavy-fb", {"heavy_fb": WIDE}, {"heavy": "heavy_fb"})
    add_distribution("notifying-fb", {"notifying_fb": notifying}, {"notifying": "notifying_fb"})
    add_distribution("unclear-fb", {"unclear_fb": unclear}, {"unclear": "unclear_fb"})

    load_plugins(hooks={"labeling_finished"})

    assert "heavy_fb" not in sys.modules
    assert "notifying_fb" in sys.modules
    assert "unclear_fb" in sys.modules


def test_reading_a_packages_source_does_not_import_its_parent(add_distribution):
    modules = {"parent_fb.__init__": "raise RuntimeError('imported')", "parent_fb.hooks": WIDE}
    add_distribution("parent-fb", modules, {"parent": "parent_fb.hooks"})

    load_plugins(hooks={"labeling_finished"})

    assert "parent_fb" not in sys.modules


def test_each_call_makes_a_new_registry(add_distribution):
    before = load_plugins()
    add_distribution("shoes-for-fb", {"shoes_fb": WIDE}, {"shoes": "shoes_fb"})
    after = load_plugins()

    assert "wide" not in before.registry.names("architecture")
    assert "wide" in after.registry.names("architecture")
