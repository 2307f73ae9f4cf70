"""A grid: all combinations, checked before the first is trained, compared by validation."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace

import pytest
from PIL import Image

from fashionbatch.errors import FashionBatchError, RecipeError, TrainingError
from fashionbatch.plan import load_plan
from fashionbatch.studies import run as study_run
from fashionbatch.studies.directory import StudyDirectory
from fashionbatch.studies.members import Result
from fashionbatch.studies.sweep import check_search, make_sweep, planned_members, train_sweep
from fashionbatch.studies.sweep_report import best_yaml, report_lines, write_report

RATE = "training.optimizer.learning_rate"


@pytest.fixture
def members_of(plugins, recipe):
    def planned(*settings, **more):
        return planned_members(make_sweep(str(recipe), settings, **more), plugins.registry)

    return planned


@pytest.fixture
def sweep_over(plugins, recipe, tmp_path):
    def run(*settings, resume=False, overwrite=False, **more):
        lines = []
        sweep = make_sweep(str(recipe), settings, **more)
        report = train_sweep(
            sweep, tmp_path / "study", plugins=plugins, resume=resume, overwrite=overwrite, show=lines.append
        )
        return report, lines

    return run


def epochs_of(lines):
    return [line for line in lines if re.match(r"epoch \d+/\d+ ", line)]


def test_a_grid_has_every_combination_once(members_of):
    members = members_of(f"{RATE}=0.1,0.01", "architecture.dense=[4],[8, 4]", "training.epochs=1")
    assert [member.name for member in members] == [
        "learning_rate=0.1,dense=4",
        "learning_rate=0.1,dense=8-4",
        "learning_rate=0.01,dense=4",
        "learning_rate=0.01,dense=8-4",
    ]
    assert {member.plan.recipe.training.epochs for member in members} == {1}
    assert members[3].plan.architecture.parameters.dense == (8, 4)
    assert members[3].settings == {RATE: "0.01", "architecture.dense": "[8, 4]"}


def test_names_stay_the_same_when_values_are_added(members_of):
    few = {member.name for member in members_of(f"{RATE}=0.1,0.01")}
    assert few < {member.name for member in members_of(f"{RATE}=0.001,0.01,0.1")}


def test_each_combination_has_every_seed(members_of):
    members = members_of(f"{RATE}=0.1,0.01", seeds=2)
    assert [(member.name, member.seed) for member in members] == [
        ("learning_rate=0.1,seed=7", 7),
        ("learning_rate=0.1,seed=8", 8),
        ("learning_rate=0.01,seed=7", 7),
        ("learning_rate=0.01,seed=8", 8),
    ]
    assert members[0].group == members[1].group != members[2].group


def test_trainings_that_read_the_same_images_stand_together(members_of):
    members = members_of(f"{RATE}=0.1,0.01", "data.image.size=[8, 8],[6, 6]")
    assert [member.plan.recipe.data.image.size for member in members] == [(8, 8), (8, 8), (6, 6), (6, 6)]


def test_all_mistakes_are_told_at_once_each_with_its_option(members_of):
    with pytest.raises(RecipeError) as told:
        members_of(f"{RATE}=0.1,much,-1", "architecture.dense=[4],[none]", "training.batch_size=0")
    places = {problem.file for problem in told.value.problems}
    assert places == {
        "--set training.batch_size=0",
        "--set architecture.dense=[none]",
        f"--set {RATE}=much",
        f"--set {RATE}=-1",
    }
    assert len(set(told.value.problems)) == len(told.value.problems)


@pytest.mark.parametrize(
    ("settings", "more", "message"),
    [
        ([f"{RATE}=0.1"], {}, "there is nothing to try"),
        ([f"{RATE}=0.1,0.2", f"{RATE}=0.3"], {}, "is there twice"),
        ([f"{RATE}=1e-4..1e-2"], {}, "of a range a search draws numbers"),
        (["training.seed=1,2"], {"seeds": 2}, "both decide the seeds"),
        ([f"{RATE}=0.1,1e-1"], {}, "are the same training"),
        ([f"{RATE}=0.1,0.2", "data.split.validation=0.0"], {}, "has no validation split"),
        (["training.epochs=" + ",".join(map(str, range(1, 1002)))], {}, "1,001 trainings, and more than 1,000"),
    ],
)
def test_what_cannot_be_compared_is_refused(members_of, settings, more, message):
    with pytest.raises(FashionBatchError, match=message):
        members_of(*settings, **more)


@pytest.mark.parametrize("search", [False, True])
def test_a_setting_that_no_phase_uses_is_refused_with_the_place_that_is_used(plugins, recipe, search):
    phases = "training.phases=[{train: head, optimizer: sgd, augmentation: []}]"
    sweep = make_sweep(str(recipe), [phases, f"{RATE}=0.1,0.01"], trials=3 if search else None)
    with pytest.raises(FashionBatchError, match="are the same training") as told:
        (check_search if search else planned_members)(sweep, plugins.registry)
    assert "is used by no phase" in told.value.hint
    assert "training.phases" in told.value.hint


def test_a_search_checks_every_value_and_both_ends_before_it_draws(plugins, recipe):
    sweep = make_sweep(str(recipe), [f"{RATE}=0.0..0.1", "architecture.dense=[4],[none]"], trials=3)
    with pytest.raises(RecipeError) as told:
        check_search(sweep, plugins.registry)
    assert {problem.file for problem in told.value.problems} == {f"--set {RATE}=0", "--set architecture.dense=[none]"}


def test_a_sweep_leaves_runs_a_table_a_picture_and_the_best_recipe(sweep_over, tmp_path, plugins):
    report, lines = sweep_over(f"{RATE}=0.05,0.0001", "training.epochs=3")
    study = tmp_path / "study"
    assert len(epochs_of(lines)) == 6
    assert report.best.member.name == "learning_rate=0.05"
    plan = load_plan(str(study / "best.yaml"), plugins.registry)
    best = report.best.member.plan
    assert os.path.realpath(study / plan.source.parameters.path) == os.path.realpath(best.base / "bars.npz")
    resolved = plan.resolved()
    resolved["data"]["source"]["path"] = "bars.npz"
    assert resolved == best.resolved()
    elsewhere = replace(best, recipe=best.recipe.model_copy(update={"initialize_from": "s3://bucket/bundle"}))
    first = replace(report.best, member=replace(report.best.member, plan=elsewhere))
    moved = replace(report, rows=[replace(report.rows[0], results=[first])])
    assert "initialize_from: s3://bucket/bundle\n" in best_yaml(moved)
    with Image.open(study / "results.png") as picture:
        assert picture.width > 300
    summary = json.loads((study / "summary.json").read_text())
    assert summary["best"] == "learning_rate=0.05"
    assert [one["settings"] for one in summary["combinations"]] == [{RATE: "0.05"}, {RATE: "0.0001"}]
    text = (study / "report.txt").read_text()
    assert "It was chosen from 2 by its validation accuracy" in text
    assert "The test split chose nothing" in text


def test_a_finished_combination_is_not_trained_again_and_a_grid_can_grow(sweep_over):
    sweep_over(f"{RATE}=0.05,0.001", "training.epochs=1")
    report, lines = sweep_over(f"{RATE}=0.05,0.001,0.01", "training.epochs=1", resume=True)
    assert len(epochs_of(lines)) == 1
    assert len(report.rows) == 3


def test_a_combination_that_fails_does_not_keep_the_others(sweep_over, monkeypatch, tmp_path):
    whole = study_run.train

    def failing(plan, *args, **more):
        if plan.phases[0].learning_rate > 1:
            raise TrainingError("the loss is not a number")
        return whole(plan, *args, **more)

    monkeypatch.setattr(study_run, "train", failing)
    report, _ = sweep_over(f"{RATE}=100,0.01", "training.epochs=1")
    assert [row.settings for row in report.rows] == [{RATE: "0.01"}]
    assert any("learning_rate=100 failed: the loss is not a number" in line for line in report_lines(report))
    assert not (tmp_path / "study" / "summary.json").exists()


def test_the_best_is_by_the_mean_over_seeds_and_its_bundle_by_validation(make_result, tmp_path):
    results = [
        make_result("a,seed=1", seed=1, settings={"x": "a"}, validation={"accuracy": 0.95}, test={"accuracy": 0.7}),
        make_result("a,seed=2", seed=2, settings={"x": "a"}, validation={"accuracy": 0.65}, test={"accuracy": 0.9}),
        make_result("b,seed=1", seed=1, settings={"x": "b"}, validation={"accuracy": 0.82}, test={"accuracy": 0.6}),
        make_result("b,seed=2", seed=2, settings={"x": "b"}, validation={"accuracy": 0.84}, test={"accuracy": 0.5}),
    ]
    failed = Result(replace(results[0].member, name="c", settings={"x": "c"}), "failed", problem="diverged")
    report = write_report(StudyDirectory(tmp_path), [*results, failed], places=["x"], by_magnitude=())
    assert [row.settings["x"] for row in report.rows] == ["b", "a"]
    assert report.best.member.name == "b,seed=2"
    lines = report_lines(report)
    head, first, *_ = lines[2].splitlines()
    assert "validation accuracy  deviation  test accuracy" in head
    assert first.split()[:4] == ["b", "0.8300", "0.0141", "0.5500"]
    assert any("1 of the others is within" in line for line in lines)
