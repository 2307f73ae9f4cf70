"""What every verb shares: exit codes, one clear error, no traceback for a user's mistake."""

from __future__ import annotations

import ast
import importlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from fashionbatch import cli as command_line
from fashionbatch.errors import (
    BundleError,
    InterruptedRunError,
    OutputError,
    PluginError,
    Problem,
    RecipeError,
    RowError,
)


def run(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # type: ignore[call-overload,no-any-return]
        [sys.executable, "-m", "fashionbatch", *arguments], capture_output=True, text=True, check=False, **options
    )


@pytest.fixture
def verb_that_raises(monkeypatch):
    """Make `fashionbatch boom` raise what the test wants, and run it in this process."""

    def install(error: BaseException) -> None:
        @click.command()
        def command() -> None:
            raise error

        module = type(sys)("fashionbatch_boom")
        module.command = command  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "fashionbatch_boom", module)
        monkeypatch.setitem(command_line.VERBS, "boom", ("fashionbatch_boom", "Raise."))

    return install


def exit_code_of(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        command_line.main(arguments)
    return int(caught.value.code or 0)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BundleError("no bundle at 'x'", hint="train one"), 1),
        (OutputError("the disk is full"), 1),
        (RowError("3 rows are not ok"), 4),
        (InterruptedRunError("stopped", signal_number=2), 130),
        (InterruptedRunError("stopped", signal_number=15), 143),
        (KeyboardInterrupt(), 130),
        (click.UsageError("no"), 2),
    ],
)
def test_each_kind_of_end_has_its_exit_code_and_no_traceback(verb_that_raises, capsys, error, code):
    verb_that_raises(error)

    assert exit_code_of("boom") == code
    assert "Traceback" not in capsys.readouterr().err


def test_an_error_shows_its_message_and_hint_once(verb_that_raises, capsys):
    verb_that_raises(BundleError("no bundle at 'x'", hint="train one first"))

    exit_code_of("boom")

    assert capsys.readouterr().err == "error: no bundle at 'x'\n  hint: train one first\n"


def test_a_bug_ends_with_3_and_keeps_its_traceback_in_a_file(verb_that_raises, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    verb_that_raises(ZeroDivisionError("division by zero"))

    assert exit_code_of("boom") == 3

    error = capsys.readouterr().err
    assert "Traceback" not in error
    [kept] = tmp_path.iterdir()
    assert str(kept) in error
    assert "ZeroDivisionError: division by zero" in kept.read_text()


def test_a_misspelt_verb_gets_a_suggestion():
    result = run("clasify", "photos")
    assert result.returncode == 2
    assert "no command 'clasify'; did you mean 'classify'?" in result.stderr


@pytest.mark.parametrize("verb", sorted(command_line.VERBS))
def test_the_help_line_of_a_verb_is_what_help_lists(verb):
    module, help_line = command_line.VERBS[verb]
    command = importlib.import_module(module).command
    assert (command.help or "").strip().splitlines()[0] == help_line


def test_help_lists_every_verb_and_imports_none_of_them():
    code = (
        "import sys\nfrom fashionbatch.cli import VERBS, main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print([module for module, _ in VERBS.values() if module in sys.modules])\n"
        "print([m for m in ('tensorflow', 'pandas', 'numpy', 'pydantic', 'yaml') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    lines = result.stdout.splitlines()
    assert lines[-2:] == ["[]", "[]"]
    for verb in command_line.VERBS:
        assert any(line.strip().startswith(f"{verb} ") for line in lines), verb


@pytest.mark.parametrize("version", [(3, 7, 9), (3, 10, 13), (3, 14, 0)])
def test_a_python_that_is_not_supported_is_told_in_one_line_before_anything_is_imported(version: tuple[int, ...]):
    code = (
        f"import runpy, sys\nsys.version_info = {version}\n"
        "try:\n    runpy.run_module('fashionbatch', run_name='__main__')\n"
        "finally:\n    print([name for name in ('click', 'fashionbatch.cli') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    found = ".".join(map(str, version[:2]))
    assert result.returncode == 1
    assert result.stdout == "[]\n"
    assert result.stderr == f"error: fashionbatch needs Python 3.11 to 3.13; {sys.executable} is {found}\n"


def test_a_python_that_is_not_supported_can_read_as_far_as_that_line():
    package = Path(command_line.__file__).parents[1]
    for name in ("__init__.py", "__main__.py"):
        ast.parse((package / name).read_text(encoding="utf-8"), feature_version=(3, 7))


def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path):
    process = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{sys.executable} -m fashionbatch plugins list | true"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in process.stderr
    assert "bug" not in process.stderr


def test_a_plugins_code_that_fails_within_a_library_is_the_plugins_failure(verb_that_raises, add_distribution, capsys):
    add_distribution("shoes", {"shoes_fb": "def deep(): raise KeyError('sole')"}, {"shoes": "shoes_fb"})
    shoes = importlib.import_module("shoes_fb")
    with pytest.raises(KeyError) as caught:
        shoes.deep()
    verb_that_raises(caught.value)
    assert exit_code_of("boom") == 1
    said = capsys.readouterr().err
    assert said.startswith("error: plugin 'shoes' of shoes 1.2: shoes_fb.py, line 1: KeyError: 'sole'\n  the traceback")
    assert "a bug in fashionbatch" not in said


def test_the_traceback_of_a_plugin_is_kept_also_where_a_recipe_is_blamed(verb_that_raises, capsys):
    error = RecipeError([Problem("shoes.yaml", 3, 1, "architecture", "cannot be built")])
    error.__cause__ = PluginError("plugin shoes 1.2 failed", traceback="Traceback of the plugin")
    verb_that_raises(error)
    assert exit_code_of("boom") == 1
    said = capsys.readouterr().err
    where = said.rpartition("the traceback is in ")[2].strip()
    assert Path(where).read_text().endswith("Traceback of the plugin")


def test_a_plugin_that_hangs_is_named_on_ctrl_c(tmp_path, add_distribution):
    site = add_distribution(
        "hang-fb", {"hang_fb": "import time\nprint('begun')\ntime.sleep(60)\n"}, {"hang": "hang_fb"}
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "fashionbatch", "plugins", "list"],
        env={**os.environ, "PYTHONPATH": str(site)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert process.stderr.readline() == "begun\n"
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert said == "error: interrupted while plugin 'hang' of hang-fb 1.2 was imported\n"


def test_ctrl_c_while_it_is_still_being_loaded_leaves_no_traceback() -> None:
    script = (
        "import sys, signal\n"
        "class Interrupted:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'fashionbatch.cli':\n"
        "            signal.raise_signal(signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupted())\n"
        "from fashionbatch.__main__ import main\n"
        "main()\n"
    )
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (process.returncode, process.stdout, process.stderr) == (130, "", "")
