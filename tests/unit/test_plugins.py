"""What a plugin author and everybody else's recipes rely on when plugins are found and loaded."""

from __future__ import annotations

import os
import re
import signal
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest

from fashionbatch.errors import InterruptedRunError, PluginError, UnknownNameError
from fashionbatch.plugins import BUILT_IN, Plugins, PluginWarning, find_plugins, load, load_plugins
from fashionbatch.registry import OurName
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


HEAD_SPEC = (
    HEAD
    + """
from fashionbatch.specs import HeadSpec, LossSpec
def build(features, classes, parameters): pass
@hookimpl
def register_heads():
    yield HeadSpec(name="odd", summary="Odd.", decoding="one_of_many", default_loss="x", build=build)
"""
)
LOSS_SPEC = (
    HEAD
    + """
from fashionbatch.specs import LossSpec
def build(parameters, label_weights): pass
@hookimpl
def register_losses():
    yield LossSpec(name="odd", summary="Odd.", decodings=("one_of_many",), build=build)
"""
)
WRITER_SPEC = (
    HEAD
    + """
@hookimpl
def register_writers():
    yield WriterSpec(name="odd", summary="Odd.", suffix=".odd", encode=print, assemble=print)
"""
)
RUNTIME_SPEC = (
    HEAD
    + """
from fashionbatch.specs import RuntimeSpec
@hookimpl
def register_runtimes():
    yield RuntimeSpec(name="odd", summary="Odd.", precisions=print, open=print)
"""
)
DECODINGS = "'one_of_many', 'yes_or_no' or 'several_of_many'"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (WIDE.replace('"One wide layer."', "3"), "architecture 'wide': summary must be a valid string, got 3"),
        (WIDE.replace('name="wide"', "name=7"), "architecture 7: name must be a valid string, got 7"),
        (WIDE.replace('name="wide"', 'name="wide", initialize=3'), "'wide': initialize must be callable, got 3"),
        (WIDE.replace('name="wide"', 'name="wide", example_shape=(8, 8)'), "'wide': example_shape.2 Field required"),
        (WIDE.replace('name="wide"', 'name="wide", example_shape=(8, 8, 5)'), "with 1 or 3 channels, got (8, 8, 5)"),
        (WIDE.replace('name="wide"', 'name="wide", api="1"'), "'wide' is written for plugin API '1'; this is 1"),
        (HEAD_SPEC.replace('"one_of_many"', '"best"'), f"head 'odd': decoding must be {DECODINGS}, got 'best'"),
        (HEAD_SPEC.replace('default_loss="x"', "default_loss=None"), "default_loss must be a valid string, got None"),
        (HEAD_SPEC.replace('default_loss="x"', 'default_loss=" "'), "default_loss must name a loss"),
        (LOSS_SPEC.replace('("one_of_many",)', '"one_of_many"'), "decodings must be a valid tuple, got 'one_of_many'"),
        (LOSS_SPEC.replace('("one_of_many",)', "()"), "decodings must name one decoding at least"),
        (LOSS_SPEC.replace('("one_of_many",)', '("best",)'), f"decodings.0 must be {DECODINGS}, got 'best'"),
        (WRITER_SPEC.replace('".odd"', '"odd"'), "suffix must be a dot and then lower case letters"),
        (WRITER_SPEC.replace('".odd"', '".ODD"'), "such as '.csv', got '.ODD'"),
        (WRITER_SPEC.replace('".odd"', '"./odd"'), "such as '.csv', got './odd'"),
        (RUNTIME_SPEC.replace("open=print", 'open=print, gives_features="no"'), "gives_features must be a valid boole"),
    ],
)
def test_all_of_a_spec_is_checked_and_the_message_names_hook_component_and_field(add_distribution, source, reason):
    add_distribution("broken-fb", {"broken_fb": source}, {"broken": "broken_fb"})

    plugins = load_expecting_failure("plugin 'broken' of broken-fb 1.2 was left out: register_[a-z]+: ")

    [failed] = plugins.registry.failed
    assert reason in failed.reason


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (
            WIDE.replace("@hookimpl\n", ""),
            "register_architectures is not marked with @hookimpl, so nobody would call it",
        ),
        (
            WIDE.replace("register_architectures", "register_architecture"),
            "register_architecture is marked with @hookimpl and is no hook; did you mean 'register_architectures'?",
        ),
        (
            WIDE.replace("register_architectures", "labelling_finished"),
            "labelling_finished is marked with @hookimpl and is no hook; did you mean 'labeling_finished'?",
        ),
        (
            WIDE.replace("yield", "return"),
            "register_architectures returned architecture 'wide' alone; it must yield it",
        ),
        (HEAD + "@hookimpl\ndef register_losses():\n    return 3\n", "register_losses returned 3; it must yield specs"),
        (
            HEAD + "@hookimpl\ndef register_losses():\n    return {'a': 1}\n",
            "register_losses returned {'a': 1}; it must yield specs, or return a list of them",
        ),
        (
            WIDE.replace("def register", "async def register"),
            "register_architectures is a coroutine; a hook is a plain",
        ),
        (
            WIDE.replace("build=lambda pixels, parameters: pixels", "build=build")
            + "async def build(pixels, parameters): pass\n",
            "architecture 'wide': build is a coroutine; it must be a plain function",
        ),
        (WIDE + "    raise GeneratorExit\n", "GeneratorExit"),
        (WIDE + "    raise KeyboardInterrupt('mine')\n", "KeyboardInterrupt: mine"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    ],
)
def test_a_hook_that_is_not_what_it_should_be_is_named_with_what_to_do(add_distribution, source, reason):
    add_distribution("broken-fb", {"broken_fb": source}, {"broken": "broken_fb"})

    plugins = load_expecting_failure("plugin 'broken' of broken-fb 1.2 was left out")

    [failed] = plugins.registry.failed
    assert reason in failed.reason
    assert ("broken_fb.py" in failed.traceback) == ("Interrupt" in reason or "Exit" in reason)


def test_a_second_entry_point_to_one_module_is_named_and_the_first_stays(add_distribution):
    add_distribution("shoes-fb", {"shoes_fb": WIDE}, {"boots": "shoes_fb", "shoes": "shoes_fb"})

    plugins = load_expecting_failure("plugin 'shoes' of shoes-fb 1.2 was left out")

    [failed] = plugins.registry.failed
    assert failed.reason == (
        "it names 'shoes_fb', which is plugin 'boots' of shoes-fb 1.2 already; one entry point is enough"
    )
    assert "wide" in plugins.registry.names("architecture")


def test_a_hook_under_another_name_is_called(add_distribution):
    source = WIDE.replace("@hookimpl", '@hookimpl(specname="register_architectures")').replace(
        "def register_architectures", "def nets"
    )
    add_distribution("shoes-fb", {"shoes_fb": source}, {"shoes": "shoes_fb"})

    assert "wide" in load_plugins().registry.names("architecture")


def test_what_a_plugin_prints_while_it_is_loaded_goes_to_standard_error(add_distribution, capfd):
    printing = (
        "import os, subprocess, sys\nprint('by Python')\nos.write(1, b'by the system\\n')\n"
        "subprocess.run([sys.executable, '-c', 'print(\"by a program\")'], check=True)\n"
    )
    add_distribution("loud-fb", {"loud_fb": printing + WIDE + "    print('by a hook')\n"}, {"loud": "loud_fb"})

    load_plugins()

    captured = capfd.readouterr()
    assert captured.out == ""
    assert sorted(captured.err.splitlines()) == ["by Python", "by a hook", "by a program", "by the system"]
    os.write(1, b"afterwards\n")
    assert capfd.readouterr().out == "afterwards\n"


def test_each_loaded_plugin_says_what_it_cost(add_distribution):
    add_distribution("shoes-fb", {"shoes_fb": WIDE}, {"shoes": "shoes_fb"})

    [shoes] = [one for one in load_plugins().registry.loaded if one.provider.distribution == "shoes-fb"]

    assert shoes.entry_point == "shoes"
    assert shoes.seconds > 0
    assert shoes.heavy == ()


def test_a_plugin_that_is_slow_to_load_is_named(add_distribution):
    add_distribution("slow-fb", {"slow_fb": "import time\ntime.sleep(0.6)\n" + WIDE}, {"slow": "slow_fb"})

    with pytest.warns(PluginWarning, match=r"plugin 'slow' of slow-fb 1\.2 takes \d\.\d s to load, and every command"):
        plugins = load_plugins()

    assert "wide" in plugins.registry.names("architecture")


def test_a_plugin_is_not_called_slow_because_the_machine_is_busy(add_distribution, monkeypatch, tmp_path):
    # The plugin takes 0.6 s or more, in which the thread waits for a core all the time, as Linux would tell it.
    told = tmp_path / "schedstat"
    told.write_text("5 0 1\n")
    waiting = f"import pathlib, time\ntime.sleep(0.6)\npathlib.Path({str(told)!r}).write_text('5 600000000000 2')\n"
    monkeypatch.setattr(load, "_SCHEDULED", str(told))
    add_distribution("slow-fb", {"slow_fb": waiting + WIDE}, {"slow": "slow_fb"})

    registry = load_plugins().registry

    assert "wide" in registry.names("architecture")


def test_a_machine_that_does_not_tell_of_waiting_has_the_usual_clock(add_distribution, monkeypatch, tmp_path):
    monkeypatch.setattr(load, "_SCHEDULED", str(tmp_path / "absent"))
    add_distribution("slow-fb", {"slow_fb": "import time\ntime.sleep(0.6)\n" + WIDE}, {"slow": "slow_fb"})

    with pytest.warns(PluginWarning, match=r"plugin 'slow' of slow-fb 1\.2 takes"):
        load_plugins()


def test_a_plugin_that_imports_a_heavy_library_is_named(add_distribution, monkeypatch):
    # A module of that name stands in, so that the test does not wait for the real one.
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    add_distribution("heavy-fb", {"heavy_fb": "import torch\n" + WIDE, "torch": ""}, {"heavy": "heavy_fb"})

    with pytest.warns(PluginWarning, match=r"plugin 'heavy' of heavy-fb 1\.2 imports torch, and every command waits"):
        load_plugins()


def test_ctrl_c_while_a_plugin_is_imported_names_it(add_distribution, under_a_handler_of_ours):
    hanging = "import signal, time\nsignal.raise_signal(signal.SIGINT)\ntime.sleep(60)\n"
    add_distribution("hanging-fb", {"hanging_fb": hanging}, {"hanging": "hanging_fb"})
    before = signal.getsignal(signal.SIGINT)

    with pytest.raises(
        InterruptedRunError, match=r"interrupted while plugin 'hanging' of hanging-fb 1\.2 was"
    ) as caught:
        load_plugins()

    assert caught.value.exit_code == 130
    assert signal.getsignal(signal.SIGINT) is before


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


def test_what_fashionbatch_names_itself_is_the_built_in_whoever_claims_the_name(add_distribution):
    add_distribution("one-fb", {"one_fb": WIDE.replace('"wide"', '"mini_vgg"')}, {"one": "one_fb"})
    registry = load_plugins().registry

    assert registry.entry("architecture", OurName("mini_vgg")).provider.distribution == BUILT_IN
    assert registry.entry("architecture", OurName("one-fb/mini_vgg")).provider.distribution == "one-fb"
    with pytest.raises(PluginError, match="'mini_vgg' is claimed by fashionbatch and one-fb"):
        registry.entry("architecture", "mini_vgg")


def test_two_strangers_that_claim_a_name_clash_also_where_it_is_ours(add_distribution):
    add_distribution("one-fb", {"one_fb": WIDE}, {"one": "one_fb"})
    add_distribution("two-fb", {"two_fb": WIDE}, {"two": "two_fb"})

    with pytest.raises(PluginError, match="claimed by one-fb and two-fb"):
        load_plugins().registry.entry("architecture", OurName("wide"))


@pytest.mark.parametrize(("ending", "name"), [(".csv", "csv"), (".CSV", "csv"), (".Odd", "odd")])
def test_an_ending_says_the_format_in_either_case(add_distribution, ending, name):
    add_distribution("odd-fb", {"odd_fb": WRITER_SPEC}, {"odd": "odd_fb"})

    assert load_plugins().registry.writer_of_ending(ending).spec.name == name


@pytest.mark.parametrize(
    ("ending", "said"),
    [(".ods", "no format has the ending '.ods'"), (".txt", "no format"), ("", "a name without an ending says no f")],
)
def test_an_ending_that_no_format_has_is_an_error_that_lists_them(ending, said):
    with pytest.raises(UnknownNameError, match=re.escape(said)) as caught:
        load_plugins().registry.writer_of_ending(ending)

    assert caught.value.message.endswith("; there are: .csv, .jsonl, .parquet, .xlsx")
    assert "--format" in str(caught.value.hint)


def test_an_ending_that_two_plugins_claim_is_a_clash_but_csv_is_the_default(add_distribution):
    for name in ("one", "two"):
        source = WRITER_SPEC.replace('"odd"', f'"{name}"')
        more = (
            source.replace('".odd"', '".csv"').replace(f'"{name}"', f'"{name}_csv"').replace("def register", "def more")
        )
        more = more.replace("@hookimpl", '@hookimpl(specname="register_writers")')
        add_distribution(f"{name}-fb", {f"{name}_fb": source + more}, {name: f"{name}_fb"})
    registry = load_plugins().registry

    assert registry.writer_of_ending(".csv").qualified_name == "fashionbatch/csv"
    with pytest.raises(PluginError, match=r"the ending '\.odd' is claimed by one-fb and two-fb") as caught:
        registry.writer_of_ending(".odd")
    assert caught.value.hint == "say --format 'one-fb/one' or 'two-fb/two'"


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


def test_a_listed_distribution_that_is_not_installed_is_a_warning(add_distribution, monkeypatch):
    add_distribution("shoes-fb", {"shoes_fb": WIDE}, {"shoes": "shoes_fb"})
    monkeypatch.setenv("FASHIONBATCH_PLUGINS", "shoos-fb,fashionbatch")

    with pytest.warns(PluginWarning, match="FASHIONBATCH_PLUGINS names 'shoos-fb', .* did you mean 'shoes-fb'"):
        registry = load_plugins().registry
    assert registry.limits == (
        "FASHIONBATCH_PLUGINS is set to 'shoos-fb,fashionbatch' and leaves out shoes-fb; "
        "no plugins are installed of shoos-fb"
    )


def test_an_unknown_name_mentions_the_variable_that_leaves_plugins_out(add_distribution, monkeypatch):
    add_distribution("shoes-fb", {"shoes_fb": WIDE}, {"shoes": "shoes_fb"})
    monkeypatch.setenv("FASHIONBATCH_PLUGINS", "")

    with pytest.raises(UnknownNameError, match=r"\(FASHIONBATCH_PLUGINS is set to '' and leaves out shoes-fb\)$"):
        load_plugins().registry.entry("architecture", "wide")


def test_a_misspelt_name_gets_a_suggestion(add_distribution):
    add_distribution("shoes-for-fb", {"shoes_fb": WIDE}, {"shoes": "shoes_fb"})

    with pytest.raises(UnknownNameError, match="unknown architecture 'wied'; did you mean 'wide'"):
        load_plugins().registry.entry("architecture", "wied")


def test_an_unknown_name_mentions_the_plugin_that_could_not_be_loaded(add_distribution):
    add_distribution("broken-fb", {"broken_fb": "import no_such_module_anywhere"}, {"broken": "broken_fb"})
    plugins = load_expecting_failure("broken-fb")

    for name in ("zzzzzz", "mini_vgh"):
        with pytest.raises(UnknownNameError, match="could not be loaded: broken-fb") as caught:
            plugins.registry.entry("architecture", name)
        assert "broken_fb.py" in caught.value.traceback


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
