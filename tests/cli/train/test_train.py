"""`fashionbatch train` as its users meet it."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from fashionbatch.api.recipes import Recipe
from fashionbatch.cli import VERBS
from fashionbatch.cli.train import command, longer_line, summary_lines
from fashionbatch.cli.train.repeats import SeedNumbers
from fashionbatch.errors import FashionBatchError, RecipeError
from fashionbatch.specs import TrainingReport


def invoke(*arguments: object):
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_help_begins_with_the_line_in_the_list_of_verbs():
    assert command.get_short_help_str(200) == VERBS["train"][1]


@pytest.mark.parametrize(
    ("option", "place"),
    [
        ("--epochs", "training.epochs"),
        ("--lr", "training.optimizer.learning_rate"),
        ("--batch-size", "training.batch_size"),
    ],
)
def test_a_value_of_the_recipe_that_is_given_as_an_option_is_told_how_to_set(recipe, option, place):
    result = invoke(recipe, option, "3")
    assert result.exit_code == 2
    assert f"No such option '{option}'. A value of the recipe is set by --set {place}=VALUE." in result.output
    assert "--set" not in invoke(recipe, "--nonsense").output


def test_a_dry_run_lists_the_layers_and_trains_nothing(recipe, tmp_path):
    result = invoke(recipe, "-o", tmp_path / "run", "--dry-run")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0].split() == ["layer", "kind", "output", "parameters", "part"]
    backbone = [line.split()[0] for line in lines if line.endswith("backbone")]
    assert backbone == ["scale", "flatten", "dense1"]
    assert any(line.startswith("head_output") and line.endswith("head") for line in lines)
    assert lines[-1].startswith("270 parameters")
    assert not (tmp_path / "run").exists()


def test_a_dry_run_says_what_each_phase_trains(recipe, tmp_path):
    phases = "training.phases=[{train: head, name: top}, {train: {from: LAYER}, name: fine}]"
    result = invoke(recipe, "--dry-run", "--set", phases.replace("LAYER", "flatten"))
    assert result.output.splitlines()[-2:] == ["top: 1 layer learns: head_output", "fine: 2 layers learn, from dense1"]
    result = invoke(recipe, "--dry-run", "--set", phases.replace("LAYER", "flaten"))
    assert "no layer 'flaten' to train from; did you mean 'flatten'" in str(result.exception)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (("architecture: {name: mlp", "architecture: {name: mpl"), RecipeError, "did you mean 'mlp'"),
        (("dense: [4]", "dens: [4]"), RecipeError, "dens"),
        (("epochs: 2", "epochs: two"), RecipeError, "epochs"),
        (("pictures.npz", "picture.npz"), FashionBatchError, "'picture.npz' does not exist"),
    ],
)
def test_a_mistake_in_the_recipe_is_one_clear_error(recipe, tmp_path, change, error, message):
    recipe.write_text(recipe.read_text(encoding="utf-8").replace(*change), encoding="utf-8")
    result = invoke(recipe, "-o", tmp_path / "run")
    assert isinstance(result.exception, error)
    assert message in str(result.exception)
    assert not (tmp_path / "run").exists()


def test_a_run_directory_that_cannot_be_made_is_said_before_anything_is_computed(recipe, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    result = invoke(recipe, "-o", tmp_path / "file" / "run")
    assert "is no directory" in str(result.exception)


def test_resume_and_overwrite_exclude_each_other(recipe):
    result = invoke(recipe, "--resume", "--overwrite")
    assert result.exit_code == 2
    assert "give one of them" in result.output


def test_the_end_tells_figures_verdict_places_and_the_next_command(tmp_path):
    figures = {"images": 100, "loss": 0.5, "accuracy": 0.9}
    summary = {
        "figures": {"train": figures, "test": {**figures, "accuracy": 0.8}},
        "thresholds": [],
        "phases": [{"name": "training", "overfitting": {"text": "no sign of overfitting"}}],
        "pictures": ["curves.png"],
    }
    run = tmp_path / "my run"
    lines = summary_lines(TrainingReport(run_directory=run, bundle=run / "bundle", summary=summary))
    text = "\n".join(lines)
    assert text.index("test") < text.index("train")
    assert "0.8000" in text
    assert "no sign of overfitting" in lines
    assert lines[-1] == f"next      fashionbatch classify PHOTOS -b '{run}/bundle' -o labels.csv"


@pytest.mark.parametrize(
    ("given", "setting"),
    [
        ((), "--set training.epochs=30"),
        (("training.epochs=20", "training.seed=7"), "--set training.seed=7 --set training.epochs=30"),
        (
            ("training.phases=[{train: head, epochs: 2}, {train: all, epochs: 20}]",),
            "--set 'training.phases=[{train: head, epochs: 2}, {train: all, epochs: 20}]' "
            "--set training.phases.1.epochs=30",
        ),
    ],
)
def test_a_run_that_was_still_getting_better_is_told_how_it_goes_on(recipe, tmp_path, given, setting):
    def told(figure: str | None) -> list[str]:
        summary = {"phases": [{"epochs": 20, "still_improving": figure}]}
        report = TrainingReport(run_directory=tmp_path / "my run", bundle=tmp_path, summary=summary)
        return longer_line(report, Recipe.load(recipe, set=given).plan, ["two.yaml", "--data", "x.npz"], given)

    assert told(None) == []
    [line] = told("val_loss")
    assert line == (
        "longer    val_loss was still getting better, so more epochs may help: "
        f"fashionbatch train two.yaml --data x.npz -o '{tmp_path}/my run' --resume {setting}"
    )


def test_a_split_that_is_none_cannot_be_asked_for(recipe):
    result = invoke(recipe, "--evaluate", "validation,trian")
    assert result.exit_code == 2
    assert "'trian' is no split; there are train, validation, test" in result.output


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("three", "'three' is neither how many seeds, such as 3, nor a list of them, such as 1,2,3"),
        ("1,,2", "nor a list of them"),
        ("0", "0 is no number of trainings"),
        ("4711", "One seed is named as 4711,"),
    ],
)
def test_seeds_that_are_none_are_wrong_usage(recipe, given, message):
    result = invoke(recipe, "--seeds", given)
    assert result.exit_code == 2
    assert message in result.output


@pytest.mark.parametrize(("given", "seeds"), [("3", 3), ("3,", (3,)), ("1, 2,3", (1, 2, 3))])
def test_seeds_are_how_many_or_which_ones(given, seeds):
    assert SeedNumbers().convert(given, None, None) == seeds


def test_features_are_kept_by_one_training_alone(recipe):
    result = invoke(recipe, "--folds", "3", "--keep-features")
    assert result.exit_code == 2
    assert "--keep-features is for one training" in result.output


def test_seeds_end_with_the_bundle_to_take(recipe, tmp_path, monkeypatch):
    monkeypatch.setattr("fashionbatch.training.run.draw_pictures", lambda folder, **_: [])
    result = invoke(recipe, "--seeds", "1,2", "-o", tmp_path / "study", "--set", "training.quantize=off")
    assert result.exception is None, result.output
    assert "two shapes: 2 trainings that differ by the seed" in result.output
    [best] = {line.split()[1] for line in result.output.splitlines() if line.startswith("bundle ")}
    assert best in {str(tmp_path / "study" / name / "bundle") for name in ("seed-1", "seed-2")}
    assert f"next      fashionbatch classify PHOTOS -b {best} -o labels.csv" in result.output
