"""`fashionbatch plugins`: what a recipe writer and a plugin author see."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from fashionbatch.cli.console.terminal import harmless, style
from fashionbatch.cli.plugins import command
from fashionbatch.errors import DataError, OutputError, PluginError
from fashionbatch.plugins import load_plugins
from fashionbatch.recipe.words import json_schema_of

PLUGIN = '''
from pydantic import Field
from fashionbatch.hookspecs import hookimpl
from fashionbatch.specs import ArchitectureSpec, Parameters

class Wide(Parameters):
    """One dense layer."""
    units: int = Field(256, gt=0, description="Outputs of the layer.")
    activation: str

@hookimpl
def register_architectures():
    yield ArchitectureSpec(name="wide", summary="One wide layer.", parameters=Wide, build=lambda p, q: p)
'''


@pytest.fixture
def run():
    def call(*arguments: str) -> str:
        result = CliRunner().invoke(command, arguments, catch_exceptions=False, color=True)
        assert result.exit_code == 0, result.output
        return result.output

    return call


def test_list_names_kind_summary_provider_and_version(run, add_distribution):
    add_distribution("shoes-for-fb", {"shoes_fb": PLUGIN}, {"shoes": "shoes_fb"})

    lines = run("list").splitlines()

    assert any(re.fullmatch(r"architecture +wide +One wide layer\. +shoes-for-fb +1\.2", line) for line in lines)
    assert any(re.match(r"runtime +openvino ", line) for line in lines)


def test_list_gives_the_seconds_that_each_plugin_took_and_names_heavy_ones(run, add_distribution, monkeypatch):
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    add_distribution("shoes-for-fb", {"shoes_fb": "import torch\n" + PLUGIN, "torch": ""}, {"shoes": "shoes_fb"})

    lines = run("list").splitlines()

    assert any(re.fullmatch(r"shoes +shoes-for-fb +1\.2 +\d+\.\d{3}", line) for line in lines)
    assert style("slow  shoes of shoes-for-fb 1.2 imports torch", fg="yellow") in lines


def test_list_as_json_says_what_each_plugin_cost_and_stays_json_whatever_a_plugin_prints(add_distribution, capfd):
    add_distribution("shoes-for-fb", {"shoes_fb": "print('hello')\n" + PLUGIN}, {"shoes": "shoes_fb"})
    add_distribution("broken-fb", {"broken_fb": "1 / 0"}, {"broken": "broken_fb"})

    command.main(["list", "--json"], standalone_mode=False)

    said = capfd.readouterr()
    listed = json.loads(said.out)
    assert said.err == "hello\n"
    [shoes] = [one for one in listed["loaded"] if one["provider"] == "shoes-for-fb"]
    assert (shoes["entry_point"], shoes["imports"]) == ("shoes", [])
    assert shoes["seconds"] >= 0
    [broken] = listed["failed"]
    assert "ZeroDivisionError" in broken["traceback"]


def test_parameters_that_have_no_schema_are_the_plugins_failure(add_distribution):
    source = PLUGIN.replace(
        "    activation: str", "    activation: str = Field('relu', json_schema_extra=lambda schema: 1 / 0)"
    )
    add_distribution("shoes-for-fb", {"shoes_fb": source}, {"shoes": "shoes_fb"})

    with pytest.raises(PluginError, match=r"plugin shoes-for-fb 1\.2 \(architecture 'wide'\): the schema of its param"):
        CliRunner().invoke(command, ["show", "architecture", "wide"], catch_exceptions=False)
    assert json_schema_of(load_plugins().registry.entry("architecture", "wide").spec.parameters) == {}


def test_list_says_when_the_environment_leaves_plugins_out(run, add_distribution, monkeypatch):
    add_distribution("shoes-for-fb", {"shoes_fb": PLUGIN}, {"shoes": "shoes_fb"})
    monkeypatch.setenv("FASHIONBATCH_PLUGINS", "")

    assert "FASHIONBATCH_PLUGINS is set to '' and leaves out shoes-for-fb" in run("list").splitlines()


def test_list_shows_failed_plugins_in_red_with_the_reason(run, add_distribution):
    add_distribution("broken-fb", {"broken_fb": "import no_such_module"}, {"broken": "broken_fb"})

    [line] = [line for line in run("list").splitlines() if "broken-fb" in line]

    assert harmless(line).startswith("\x1b[31mfailed  broken of broken-fb 1.2: ModuleNotFoundError")


def test_list_as_json_has_the_same(run, add_distribution):
    add_distribution("shoes-for-fb", {"shoes_fb": PLUGIN}, {"shoes": "shoes_fb"})
    add_distribution("broken-fb", {"broken_fb": "import no_such_module"}, {"broken": "broken_fb"})

    listed = json.loads(run("list", "--json"))

    assert {
        "kind": "architecture",
        "name": "wide",
        "summary": "One wide layer.",
        "provider": "shoes-for-fb",
        "version": "1.2",
    } in listed["components"]
    assert [failed["provider"] for failed in listed["failed"]] == ["broken-fb"]


def test_show_explains_each_parameter(run, add_distribution):
    add_distribution("shoes-for-fb", {"shoes_fb": PLUGIN}, {"shoes": "shoes_fb"})

    output = run("show", "architecture", "wide")

    assert re.search(r"units +whole number \(> 0\) +256 +Outputs of the layer\.", output)
    assert re.search(r"activation +text +required", output)
    assert "One dense layer." in output


def test_every_built_in_can_be_shown(run):
    components = json.loads(run("list", "--json"))["components"]
    assert len(components) >= 20
    for component in components:
        assert component["summary"] in run("show", component["kind"], component["name"])


def test_a_new_plugin_passes_the_contract_suite_as_it_stands(run, tmp_path: Path):
    run("new", "shoes-for-fashion", str(tmp_path / "shoes"))
    site = tmp_path / "site"
    shutil.copytree(tmp_path / "shoes", site)
    info = site / "shoes_for_fashion-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shoes-for-fashion\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[fashionbatch]\nshoes_for_fashion = shoes_for_fashion\n")

    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=site,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stdout + result.stderr
    assert "passed" in result.stdout
    assert not [path for path in (tmp_path / "shoes").rglob("*") if "example" in path.name]


def test_a_new_plugin_never_overwrites(tmp_path: Path):
    with pytest.raises(OutputError, match="exists already"):
        CliRunner().invoke(command, ["new", "shoes", str(tmp_path)], catch_exceptions=False)


@pytest.mark.parametrize("name", ["Shoes", "shoes_x", "../shoes", "1shoes", "shoes-", ""])
def test_a_name_that_no_package_can_have_is_refused(tmp_path: Path, name: str):
    with pytest.raises(DataError, match="cannot be a plugin's name"):
        CliRunner().invoke(command, ["new", name, str(tmp_path / "x")], catch_exceptions=False)


@pytest.mark.parametrize("name", ["fashionbatch", "fashionbatch-plugins", "numpy", "random", "sys", "class"])
def test_a_name_that_would_hide_another_module_is_refused(tmp_path: Path, name: str):
    with pytest.raises(DataError, match="Python or a package here has that name"):
        CliRunner().invoke(command, ["new", name, str(tmp_path / "x")], catch_exceptions=False)
    assert not (tmp_path / "x").exists()


def test_a_plugin_that_is_installed_may_be_begun_again(tmp_path: Path, add_distribution):
    add_distribution("shoes-for-fb", {"shoes_for_fb": ""}, {"shoes": "shoes_for_fb"})
    result = CliRunner().invoke(command, ["new", "shoes-for-fb", str(tmp_path / "x")], catch_exceptions=False)
    assert result.exit_code == 0
    assert (tmp_path / "x" / "pyproject.toml").is_file()
