"""What is promised about start-up: commands that need no framework import none, seen in fresh processes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("tensorflow", "keras", "pandas", "sklearn", "matplotlib", "scipy")

# Runs a command line as the console script does and prints, last, which of the modules it has imported.
PROGRAM = """
import json, sys
from fashionbatch.cli import main
arguments, watched = json.loads(sys.argv[1])
try:
    main(arguments)
except SystemExit as stop:
    code = stop.code
print()
print(json.dumps([code, sorted(set(watched) & set(sys.modules))]))
"""


def run_fresh(arguments: list[str], watched: tuple[str, ...], cwd: Path) -> tuple[int, list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps([arguments, watched])],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=True,
    )
    code, imported = json.loads(done.stdout.splitlines()[-1])
    return int(code or 0), imported


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["classify", "--help"],
        ["train", "--help"],
        ["evaluate", "--help"],
        ["demo", "--help"],
        ["plugins", "list"],
        ["recipe", "list"],
        ["recipe", "check", "quickstart"],
        ["recipe", "show", "quickstart"],
    ],
    ids=" ".join,
)
def test_a_command_that_needs_no_framework_imports_none(arguments: list[str], tmp_path: Path) -> None:
    assert run_fresh(arguments, (*HEAVY, "openvino"), tmp_path) == (0, [])


def test_the_doctor_does_without_tensorflow(tmp_path: Path) -> None:
    assert run_fresh(["doctor"], ("tensorflow", "keras", "pandas", "sklearn"), tmp_path) == (0, [])


def test_help_imports_no_plugin_and_no_library_of_ours(tmp_path: Path) -> None:
    watched = ("fashionbatch.plugins", "fashionbatch.specs", "fashionbatch_plugins", "numpy", "pydantic", "PIL", "yaml")
    assert run_fresh(["--help"], watched, tmp_path) == (0, [])


@pytest.mark.parametrize("module", ["fashionbatch.labeling.source.__main__", "fashionbatch.labeling.workers.worker"])
def test_the_processes_of_a_run_load_what_they_need_when_they_need_it(module: str) -> None:
    program = f"import sys, {module}; print(sorted(set(sys.modules) & {{'pydantic', 'numpy', 'PIL', 'yaml'}}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_module_and_the_console_script_are_one_program(tmp_path: Path) -> None:
    script = Path(sys.executable).with_name("fashionbatch")
    versions = [
        subprocess.run([*command, "--version"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
        for command in ([sys.executable, "-m", "fashionbatch"], [str(script)])
    ]
    assert versions[0] == versions[1] != ""
