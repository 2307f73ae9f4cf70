"""`fashionbatch recipe`: what a recipe writer sees before anything is trained."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from fashionbatch import cli as command_line
from fashionbatch.cli.recipe import command
from fashionbatch.errors import OutputError, RecipeError


@pytest.fixture(autouse=True)
def _only_the_built_ins(monkeypatch):
    monkeypatch.setenv("FASHIONBATCH_PLUGINS", "")


def run(*arguments: str) -> str:
    """The output of a command that ends well; what it raises otherwise."""
    result = CliRunner().invoke(command, arguments, catch_exceptions=False, standalone_mode=False)
    return result.output


def broken(tmp_path: Path) -> Path:
    file = tmp_path / "shoes.yaml"
    text = run("show", "quickstart").replace("fashionbatch/cnn", "cmn").replace("epochs: 6", "epochs: many")
    file.write_text(text, encoding="utf-8")
    return file


def test_check_says_in_one_line_what_would_be_trained():
    assert run("check", "quickstart") == (
        "ok: quickstart: fashion_mnist_sample as 28x28x1, cnn, head multiclass, loss categorical_crossentropy, "
        "adam at 0.001, at most 6 epochs in batches of 32\n"
    )


def test_check_names_every_phase():
    phases = (
        "training.phases=[{train: head, epochs: 1, early_stopping: null}, {train: all, name: deep, optimizer: sgd}]"
    )
    line = run("check", "quickstart", "--set", phases).splitlines()[0]
    assert "; phase1: adam at 0.001, 1 epoch in batches of 32; deep: sgd at 0.01, at most 6 epochs" in line


def test_check_gives_advice_and_is_still_ok():
    output = run("check", "quickstart", "--set", "training.optimizer.learning_rate=0.5")
    assert output.startswith("ok: ")
    assert "advice:\n" in output
    assert "training: a learning rate of 0.5 is large for adam; 0.001 is usual" in output


def test_check_takes_several_recipes_and_collects_their_problems(tmp_path, capsys):
    file = broken(tmp_path)
    with pytest.raises(SystemExit) as caught:
        command_line.main(["recipe", "check", "quickstart", str(file), str(tmp_path / "none.yaml")])
    assert caught.value.code == 1
    out, err = capsys.readouterr()
    assert out.startswith("ok: quickstart")
    lines = err.splitlines()
    assert any(
        line.startswith(f"{file}:") and "unknown architecture 'cmn'; did you mean 'cnn'?" in line for line in lines
    )
    assert any(line.startswith(f"{file}:") and "must be a whole number" in line for line in lines)
    assert any(line.startswith(f"{tmp_path / 'none.yaml'}: there is no such file") for line in lines)
    assert lines[-1] == "error: 3 problems in the recipe"
    assert "Traceback" not in err


def test_a_misspelt_recipe_name_gets_a_suggestion():
    with pytest.raises(RecipeError, match="did you mean 'quickstart'"):
        run("check", "quikstart")


def test_show_prints_a_recipe_that_shows_the_same(tmp_path):
    shown = run("show", "quickstart", "--set", "training.epochs=3")
    data = yaml.safe_load(shown)
    assert data["training"]["epochs"] == 3
    assert data["architecture"]["name"] == "fashionbatch/cnn"
    file = tmp_path / "shown.yaml"
    file.write_text(shown, encoding="utf-8")
    assert run("show", str(file)) == shown


def test_list_has_each_shipped_recipe_with_its_description():
    *lines, blank, last = run("list").splitlines()
    assert blank == ""
    assert "`fashionbatch recipe new FOLDER`" in last
    assert lines[0].split() == ["recipe", "what", "it", "trains"]
    names = [line.split()[0] for line in lines[1:]]
    assert {"quickstart", "fashion_mnist_cnn"} <= set(names)
    assert names == sorted(names)
    assert all(len(line.split()) > 3 for line in lines)


def test_copy_keeps_the_comments_and_never_overwrites_unasked(tmp_path):
    file = tmp_path / "mine.yaml"
    assert "recipe check" in run("copy", "quickstart", str(file))
    original = file.read_text(encoding="utf-8")
    assert original.startswith("# ")
    assert run("check", str(file)).startswith("ok: quickstart")
    file.write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match="exists already"):
        run("copy", "quickstart", str(file))
    assert file.read_text(encoding="utf-8") == "mine"
    run("copy", "quickstart", str(file), "--overwrite")
    assert file.read_text(encoding="utf-8") == original


def test_copy_into_a_folder_keeps_the_name(tmp_path):
    run("copy", "quickstart", str(tmp_path))
    assert (tmp_path / "quickstart.yaml").is_file()


def test_copy_onto_itself_or_nowhere_is_an_error(tmp_path):
    file = tmp_path / "mine.yaml"
    run("copy", "quickstart", str(file))
    with pytest.raises(OutputError, match="is the recipe itself"):
        run("copy", str(file), str(file), "--overwrite")
    assert file.stat().st_size > 0
    with pytest.raises(OutputError, match=r"cannot write .*: No such file or directory"):
        run("copy", "quickstart", str(tmp_path / "no" / "folder.yaml"))


def test_schema_is_json_and_can_be_written_to_a_file(tmp_path):
    printed = run("schema")
    assert json.loads(printed)["title"] == "FashionBatch recipe, version 1"
    run("schema", "-o", str(tmp_path / "schema.json"))
    assert (tmp_path / "schema.json").read_text(encoding="utf-8") == printed
    with pytest.raises(OutputError, match="cannot write"):
        run("schema", "-o", str(tmp_path / "no" / "schema.json"))


def test_recipes_are_checked_without_a_framework():
    program = (
        "import sys; from fashionbatch.cli import cli; "
        "cli.main(['recipe', 'check', 'quickstart'], standalone_mode=False); "
        "print([name for name in ('tensorflow', 'keras', 'pandas', 'sklearn', 'openvino', 'matplotlib')"
        " if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


def test_check_tells_what_is_odd_about_a_list_of_labels_with_its_line(tmp_path: Path):
    (tmp_path / "a.png").touch()
    (tmp_path / "b.png").touch()
    (tmp_path / "items.csv").write_text("path;label\na.png;Dress\nb.png;dress\n")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "version: 1\nname: x\ndata:\n  source: {name: csv_manifest, path: items.csv}\n  image: {size: [8, 8]}\n"
        "architecture: {name: mlp}\n"
    )
    ok, *notes = run("check", str(recipe)).splitlines()
    assert ok.startswith("ok: x: csv_manifest")
    assert notes == [
        f"note: {tmp_path}/items.csv: its cells are parted by semicolons",
        f"note: {tmp_path}/items.csv:3: label 'dress' differs from 'Dress' (line 2) by case, blanks or the writing of "
        "a number alone; they are two classes",
    ]
