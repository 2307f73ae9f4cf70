"""`fashionbatch sweep` as its users meet it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from fashionbatch.cli import VERBS
from fashionbatch.cli.sweep import command
from fashionbatch.errors import FashionBatchError

RATES = "training.optimizer.learning_rate=0.1,0.01"


@pytest.fixture
def recipe(recipe: Path, monkeypatch) -> Path:
    monkeypatch.setattr("fashionbatch.training.run.draw_pictures", lambda folder, **_: [])
    quick = recipe.read_text(encoding="utf-8").replace("{epochs: 2", '{quantize: "off", epochs: 1')
    recipe.write_text(quick, encoding="utf-8")
    return recipe


def invoke(*arguments: object):
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_help_begins_with_the_line_in_the_list_of_verbs():
    assert command.get_short_help_str(200) == VERBS["sweep"][1]


def test_a_dry_run_lists_the_trainings_and_trains_nothing(recipe, tmp_path):
    result = invoke(recipe, "--set", RATES, "--set", "training.epochs=2", "-o", tmp_path / "study", "--dry-run")
    assert result.exception is None, result.output
    lines = [line.split() for line in result.output.splitlines()]
    assert lines[1] == ["0.1", "42", "learning_rate=0.1"]
    assert lines[-1] == ["2", "trainings,", "all", "checked"]
    assert not (tmp_path / "study").exists()


def test_a_dry_run_of_a_search_checks_its_values(recipe):
    result = invoke(recipe, "--set", "training.optimizer.learning_rate=1e-4..1e-1", "--search", "5", "--dry-run")
    assert "every value is checked; 5 combinations would be drawn" in result.output


def test_folds_are_refused_with_what_there_is_instead(recipe):
    result = invoke(recipe, "--set", RATES, "--folds", "5")
    assert result.exit_code == 2
    assert "not by folds" in result.output
    assert "`fashionbatch train --folds`" in " ".join(result.output.split())


def test_resuming_and_replacing_exclude_each_other(recipe):
    result = invoke(recipe, "--set", RATES, "--resume", "--overwrite")
    assert result.exit_code == 2
    assert "give one of them" in result.output


def test_a_sweep_ends_with_the_best_recipe_and_bundle(recipe, tmp_path):
    result = invoke(recipe, "--set", RATES, "-o", tmp_path / "study")
    assert result.exception is None, result.output
    assert "two shapes: 2 combinations, the best by validation accuracy first" in result.output
    assert "There is no test split" in result.output
    ends = dict(line.split(maxsplit=1) for line in result.output.splitlines()[-5:])
    assert ends["recipe"] == str(tmp_path / "study" / "best.yaml")
    assert Path(ends["bundle"], "bundle.json").is_file()
    assert ends["next"] == f"fashionbatch classify PHOTOS -b {ends['bundle']} -o labels.csv"
    with pytest.raises(FashionBatchError, match="holds a finished study"):
        CliRunner().invoke(
            command, [str(recipe), "--set", RATES, "-o", str(tmp_path / "study")], catch_exceptions=False
        )
