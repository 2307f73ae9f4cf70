"""`fashionbatch plugins check`: what an author of a plugin sees."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from fashionbatch.cli.plugins import command
from fashionbatch.cli.plugins.contracts import parse_examples
from fashionbatch.errors import PluginError, UnknownNameError

ENGINE = """
from fashionbatch.hookspecs import hookimpl
from fashionbatch.specs import EngineSpec

print("hello from a plugin")

def run(shards, run_shard):
    for shard in shards{change}:
        run_shard(shard)

@hookimpl
def register_engines():
    yield EngineSpec(name="mine", summary="In their order.", run=run)
"""

DATASET = """
import numpy as np
from pydantic import Field
from fashionbatch.hookspecs import hookimpl
from fashionbatch.specs import DatasetSpec, Parameters, Samples

class Shoes(Parameters):
    path: str = Field(description="Where they are."{examples})

def load(parameters, context):
    images = np.load(context.locate(parameters.path))
    return Samples(images=images, labels=[("left",), ("right",)] * (len(images) // 2), class_names=("left", "right"))

@hookimpl
def register_datasets():
    yield DatasetSpec(name="shoes", summary="Shoes.", parameters=Shoes, load=load)
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str):
        return CliRunner().invoke(command, ["check", *arguments], catch_exceptions=False)

    return call


@pytest.fixture
def module(tmp_path):
    """Write a plugin to a file of a name that no test before had."""
    made = []

    def write(name: str, source: str) -> str:
        (tmp_path / f"{name}.py").write_text(source, encoding="utf-8")
        made.append(name)
        return f"{name}.py"

    yield write
    for name in made:
        sys.modules.pop(name, None)


def test_a_right_plugin_in_a_file_passes(run, module):
    result = run(module("right_engine", ENGINE.format(change="")))

    assert result.exit_code == 0
    assert [line.split()[-1] for line in result.stdout.splitlines() if line.startswith("engine/mine")] == ["pass"] * 13
    assert "13 of 13 promises are kept, 0 are broken." in result.stdout
    assert "hello" not in result.stdout


def test_a_broken_plugin_exits_1_and_says_what_is_wrong_and_how_to_mend_it(run, module):
    result = run(module("broken_engine", ENGINE.format(change="[1:]")))

    assert result.exit_code == 1
    [line] = [line for line in result.stdout.splitlines() if "every shard is run" in line]
    assert line.endswith("FAIL: asked for shards 3, 4, 5, 9; it ran 4, 5, 9")
    assert "    mend it: call run_shard(number) for every number of `shards`" in result.stdout
    assert "Traceback" not in result.output


def test_json_is_json_whatever_the_plugin_prints(run, module):
    result = run("--json", module("printing_engine", ENGINE.format(change="[1:]")))

    data = json.loads(result.stdout)
    assert data["failed"] == len([check for check in data["checks"] if check["verdict"] == "fail"]) > 0
    assert {"component", "contract", "promise", "verdict", "reason", "remedy", "seconds"} == set(data["checks"][0])
    assert data["checks"][0]["component"] == "engine/mine"


@pytest.mark.parametrize("source", ["import no_such_module", "raise SystemExit(3)", "def broken(:", "x = 1"])
def test_a_plugin_that_cannot_be_loaded_fails_without_a_traceback(run, module, source):
    result = run(module("unloadable_plugin", source))

    assert result.exit_code == 1
    assert "plugins are loaded" in result.stdout
    assert "mend it: " in result.stdout
    assert "Traceback" not in result.output


def test_an_example_comes_from_the_command_line_or_from_the_parameters_model(run, module, tmp_path):
    import numpy as np

    np.save(tmp_path / "shoes.npy", np.random.default_rng(1).integers(0, 256, (4, 8, 8), dtype=np.uint8))
    without = module("shoes_without", DATASET.format(examples=""))
    inside = module("shoes_inside", DATASET.format(examples=', examples=["shoes.npy"]'))

    missing = run(without)
    assert missing.exit_code == 1
    assert "dataset/shoes needs path and has no example" in missing.stdout
    assert run(without, "--example", 'dataset/shoes={"path": "shoes.npy"}').exit_code == 0
    assert run(inside).exit_code == 0


def test_an_installed_distribution_is_checked_by_its_name(run, add_distribution):
    add_distribution("engines-for-fb", {"engines_fb": ENGINE.format(change="")}, {"engines": "engines_fb"})

    assert run("Engines_for.FB").exit_code == 0


def test_a_project_is_checked_without_being_installed(run, tmp_path, monkeypatch):
    monkeypatch.setenv("FASHIONBATCH_PLUGINS", "")
    (tmp_path / "project" / "src").mkdir(parents=True)
    (tmp_path / "project" / "pyproject.toml").write_text(
        '[project]\nname = "Project.for_FB"\n[project.entry-points.fashionbatch]\nengines = "project_engine"\n'
    )
    (tmp_path / "project" / "src" / "project_engine.py").write_text(ENGINE.format(change=""))
    before = list(sys.path)

    result = run("project")

    assert result.exit_code == 0, result.output
    assert sys.path == before
    assert os.environ["FASHIONBATCH_PLUGINS"] == ""
    sys.modules.pop("project_engine", None)


@pytest.mark.parametrize(
    ("content", "phrase"),
    [("", "names no plugin"), ("[project", "cannot be read"), ("[project]\nentry-points = 3\n", "names no plugin")],
)
def test_a_project_without_a_plugin_is_the_users_mistake(run, tmp_path, content, phrase):
    (tmp_path / "pyproject.toml").write_text(content)

    with pytest.raises(PluginError, match=phrase):
        run(".")


def test_what_is_neither_path_nor_distribution_is_the_users_mistake(run, tmp_path):
    (tmp_path / "empty").mkdir()

    with pytest.raises(UnknownNameError, match="did you mean 'fashionbatch'"):
        run("fashionbach")
    with pytest.raises(PluginError, match="holds no plugin"):
        run("empty")


@pytest.mark.parametrize("text", ["dataset/shoes", "shoes={}", "dataset/shoes=[]", "dataset/shoes={"])
def test_an_example_that_is_not_written_right_is_the_users_mistake(text):
    with pytest.raises(PluginError, match="is not KIND/NAME=JSON"):
        parse_examples([text])


def test_it_works_without_pytest(tmp_path):
    (tmp_path / "lone_engine.py").write_text(ENGINE.format(change=""))
    program = (
        "import sys; sys.modules['pytest'] = None\n"
        "from fashionbatch.cli import main; sys.argv = ['fashionbatch', 'plugins', 'check', 'lone_engine.py']; main()"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], check=False, cwd=tmp_path, capture_output=True, text=True, timeout=250
    )

    assert done.returncode == 0, done.stderr
    assert "13 of 13 promises are kept" in done.stdout
