"""One recipe trained several times: each run its directory, one report; stopped, resumed, refused."""

from __future__ import annotations

import csv
import json
import re
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from fashionbatch.errors import FashionBatchError, InterruptedRunError, OutputError, RecipeError, TrainingError
from fashionbatch.labels import TableReader
from fashionbatch.studies import run as study_run
from fashionbatch.studies.directory import StudyDirectory, begin
from fashionbatch.studies.repeats import Repeats, train_repeats
from fashionbatch.studies.repeats_report import report_lines, write_report
from fashionbatch.studies.results import finished
from fashionbatch.training.run import train


@pytest.fixture
def repeat(plugins, recipe, tmp_path):
    """`repeat(seeds=2)` trains, and gives the report and what was told."""

    def run(*overrides, resume=False, overwrite=False, show=None, **repeats):
        lines = []
        report = train_repeats(
            Repeats(str(recipe), overrides, **repeats),
            tmp_path / "study",
            plugins=plugins,
            resume=resume,
            overwrite=overwrite,
            show=show or lines.append,
        )
        return report, lines

    return run


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def trained(lines):
    """The lines of the epochs that were trained; `epoch 1/2: 3 of 8 batches` is none, which a busy machine brings."""
    return [line for line in lines if re.match(r"epoch \d+/\d+ ", line)]


def test_a_number_of_seeds_begins_with_the_recipes_own(plugins, recipe):
    members = Repeats(str(recipe), seeds=3).members(plugins.registry)
    assert [(member.name, member.title, member.seed) for member in members] == [
        ("seed-7", "seed 1 of 3", 7),
        ("seed-8", "seed 2 of 3", 8),
        ("seed-9", "seed 3 of 3", 9),
    ]
    assert {member.plan.recipe.data.split.seed for member in members} == {1}


def test_named_seeds_are_taken_once_each(plugins, recipe):
    members = Repeats(str(recipe), seeds=(5, 1, 5)).members(plugins.registry)
    assert [member.name for member in members] == ["seed-5", "seed-1"]


def test_folds_and_seeds_together_are_all_pairs(plugins, recipe):
    members = Repeats(str(recipe), seeds=2, folds=3).members(plugins.registry)
    assert [(member.name, member.seed, member.fold) for member in members] == [
        ("seed-7-fold-1", 7, 0),
        ("seed-7-fold-2", 7, 1),
        ("seed-7-fold-3", 7, 2),
        ("seed-8-fold-1", 8, 0),
        ("seed-8-fold-2", 8, 1),
        ("seed-8-fold-3", 8, 2),
    ]


def test_a_seed_that_no_recipe_can_have_is_refused(plugins, recipe):
    with pytest.raises(TrainingError, match="a seed is below 4294967296"):
        Repeats(str(recipe), seeds=(2**32,)).members(plugins.registry)


def test_a_mistake_in_the_recipe_is_told_before_anything_is_made(repeat, tmp_path):
    with pytest.raises(RecipeError):
        repeat("training.epochs=none", seeds=2)
    assert not (tmp_path / "study").exists()


def test_seeds_give_runs_and_one_report(repeat, tmp_path, plugins, recipe):
    report, lines = repeat(seeds=2)
    study = tmp_path / "study"
    assert len(trained(lines)) == 4
    assert "\nseed 2 of 2: seed-8" in lines
    for name, seed in (("seed-7", 7), ("seed-8", 8)):
        assert (study / name / "bundle" / "bundle.json").is_file()
        assert json.loads((study / name / "summary.json").read_text())["seed"] == seed
    summary = json.loads((study / "summary.json").read_text())
    values = [json.loads((study / name / "summary.json").read_text()) for name in ("seed-7", "seed-8")]
    accuracies = [value["figures"]["test"]["accuracy"] for value in values]
    assert summary["figures"]["test"]["accuracy"]["values"] == accuracies
    assert summary["figures"]["test"]["accuracy"]["mean"] == pytest.approx(sum(accuracies) / 2)
    assert summary["right_images"]["test"]["images"] == 12
    assert summary["best_by_validation"] == report.best
    assert (study / "report.txt").read_text().startswith("bars: 2 trainings that differ by the seed")
    assert [row["run"] for row in rows_of(study / "results.csv")] == ["seed-7", "seed-8"]
    # One that is trained by itself is the same: nothing of a training is left for the next.
    plan = Repeats(str(recipe), seeds=(8,)).members(plugins.registry)[0].plan
    alone = train(plan, tmp_path / "alone", plugins=plugins, show=lambda line: None)
    assert alone.summary["figures"] == values[1]["figures"]


def test_a_finished_run_is_not_trained_again_and_a_study_can_grow(repeat):
    repeat(seeds=1)
    report, lines = repeat(seeds=2, resume=True)
    assert len(trained(lines)) == 2
    assert [result.member.name for result in finished(report.results)] == ["seed-7", "seed-8"]


def test_a_stopped_study_goes_on_where_it_was(repeat, tmp_path):
    lines = []

    def stop_in_the_second(line):
        lines.append(line)
        if len(trained(lines)) == 3 and trained([line]):
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(InterruptedRunError) as stopped:
        repeat(seeds=3, show=stop_in_the_second)
    assert stopped.value.exit_code == 130
    assert "--resume goes on with the study" in stopped.value.hint
    states = {row["run"]: row["state"] for row in rows_of(tmp_path / "study" / "results.csv")}
    assert states == {"seed-7": "finished", "seed-8": "not finished", "seed-9": "not finished"}
    assert not (tmp_path / "study" / "summary.json").exists()
    report, lines = repeat(seeds=3, resume=True)
    assert len(trained(lines)) in {3, 4}  # the epoch that was told of last may have been kept or not
    assert len(finished(report.results)) == 3


# The process kills itself: from outside nobody could tell how far it has come since it said the line.
KILLED = """
import os, signal, sys
import click
from fashionbatch.cli import main

echo = click.echo

def echo_and_die(line=None, **more):
    echo(line, **more)
    if "seed 2 of 2" in str(line):
        os.kill(os.getpid(), signal.SIGKILL)

click.echo = echo_and_die
main(sys.argv[1:])
"""


def test_a_killed_study_goes_on_where_it_was(repeat, recipe, tmp_path):
    command = [sys.executable, "-c", KILLED, "train", recipe, "--seeds", "2", "-o", tmp_path / "study"]
    killed = subprocess.run(command, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    report, lines = repeat(seeds=2, resume=True)
    assert f"{tmp_path / 'study' / 'seed-7'} is finished already" in lines
    assert len(trained(lines)) == 2
    assert len(finished(report.results)) == 2


def test_a_study_is_neither_replaced_nor_mixed_unasked(repeat, tmp_path):
    repeat(seeds=1)
    with pytest.raises(OutputError, match="holds a finished study"):
        repeat(seeds=1)
    with pytest.raises(OutputError, match="other kind: seeds, and not folds"):
        repeat(folds=2, resume=True)
    with pytest.raises(OutputError, match=r"another recipe: architecture\.dense was \[4\], is \[5\]"):
        repeat("architecture.dense=[5]", seeds=1, resume=True)


def test_data_that_are_missing_do_not_cost_an_earlier_study(repeat, tmp_path):
    study = StudyDirectory(tmp_path / "study")
    begin(study, {"kind": "seeds"}, {})
    (study.run("seed-7")).mkdir()
    (study.run("seed-7") / "run.json").write_text("{}")
    with pytest.raises(FashionBatchError, match=r"missing\.npz"):
        repeat("data.source.path=missing.npz", seeds=2, overwrite=True)
    assert (study.run("seed-7") / "run.json").is_file()


@pytest.mark.parametrize(
    ("name", "message"), [("run.json", "holds a run of one training"), ("mine.txt", "holds files, but no study")]
)
def test_what_is_no_study_is_left_alone(repeat, tmp_path, name, message):
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / name).write_text("{}")
    with pytest.raises(OutputError, match=message):
        repeat(seeds=1, overwrite=True)


def test_nothing_to_resume_is_said(repeat):
    with pytest.raises(OutputError, match="there is no study to resume"):
        repeat(seeds=1, resume=True)


def test_a_training_that_fails_is_told_and_the_others_are_trained(repeat, monkeypatch, tmp_path):
    whole = study_run.train

    def failing(plan, *args, **more):
        if plan.recipe.training.seed == 7:
            raise TrainingError("the loss is not a number")
        return whole(plan, *args, **more)

    monkeypatch.setattr(study_run, "train", failing)
    report, lines = repeat(seeds=2)
    assert [result.member.name for result in report.failed] == ["seed-7"]
    assert "failed: the loss is not a number" in lines
    assert not (tmp_path / "study" / "summary.json").exists()
    assert any("seed-7 failed, and counts nowhere" in line for line in report_lines(report))


def test_where_all_fail_that_is_the_error(repeat, monkeypatch):
    def failing(*args, **more):
        raise TrainingError("the loss is not a number")

    monkeypatch.setattr(study_run, "train", failing)
    with pytest.raises(TrainingError, match="all 2 trainings failed; the first: the loss is not a number"):
        repeat(seeds=2)


def test_a_full_disk_ends_the_study(repeat, monkeypatch):
    seen = []

    def full(plan, *args, **more):
        seen.append(plan.recipe.training.seed)
        raise OutputError("no space left")

    monkeypatch.setattr(study_run, "train", full)
    with pytest.raises(OutputError, match="no space left"):
        repeat(seeds=3)
    assert seen == [7]


def test_folds_label_each_image_once_and_the_table_says_how_well(repeat, tmp_path):
    report, _ = repeat(folds=3)
    study = tmp_path / "study"
    assert report.tables == {"out_of_fold.csv": 48}
    with TableReader(study / "out_of_fold.csv") as table:
        rows = list(table.rows())
        path, fold, label, right = (table.column(name) for name in ("filepath", "fold", "label", "right"))
    assert len({row[path] for row in rows}) == 48
    assert {row[fold] for row in rows} == {"1", "2", "3"}
    share, low, high, count = report.by_images["held out"]
    assert count == 48
    assert share == pytest.approx(sum(row[label] == row[right] for row in rows) / 48)
    assert low < share < high or share == 1.0


def test_features_of_a_frozen_backbone_are_computed_once_for_all_folds(repeat, tmp_path):
    phases = "training.phases=[{train: head, epochs: 1, augmentation: []}]"
    _, lines = repeat(phases, folds=3)
    computed = [line for line in lines if "computed by" in line]
    assert len(computed) == 1
    assert computed[0].startswith("features of train: 48 computed by")
    assert len([line for line in lines if line == "features of train: 48, from the cache"]) == 2
    assert len([line for line in lines if line.startswith("judged by known features")]) == 3


def test_each_seed_of_folds_has_a_table_of_its_own_and_images_count_once(make_result, tmp_path, monkeypatch):
    results = [
        make_result(f"seed-{seed}-fold-{fold}", seed=seed, fold=fold, images=20, test={"accuracy": accuracy})
        for seed, fold, accuracy in ((7, 0, 1.0), (7, 1, 0.5), (8, 0, 0.9), (8, 1, 0.6))
    ]
    report = write_report(StudyDirectory(tmp_path), results, folds=2, tables={})
    share, _, _, count = report.by_images["held out"]
    assert (share, count) == (pytest.approx(0.75), 40)


def test_the_median_run_and_the_best_one_are_named_by_validation(make_result, tmp_path):
    figures = {"seed-1": 0.7, "seed-2": 0.9, "seed-3": 0.8}
    results = [make_result(name, validation={"accuracy": figure}) for name, figure in figures.items()]
    report = write_report(StudyDirectory(tmp_path), results, folds=None, tables={})
    assert (report.median, report.best) == ("seed-3", "seed-2")
    without = [replace(result, summary={"figures": {"test": {"accuracy": 0.5, "images": 3}}}) for result in results]
    report = write_report(StudyDirectory(tmp_path), without, folds=None, tables={})
    assert (report.median, report.best) == (None, None)
    assert any("no validation split" in line for line in report_lines(report))
