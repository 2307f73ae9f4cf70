"""A run that is asked for more epochs goes on, or says why it cannot."""

from __future__ import annotations

import csv
import dataclasses
import json
import shutil

import pytest

from fashionbatch.errors import OutputError
from fashionbatch.training.directory import RunDirectory
from fashionbatch.training.run import train

pytestmark = pytest.mark.usefixtures("undrawn")

PLAIN = ("  schedule: inverse_time\n  early_stopping: {monitor: val_loss, patience: 3}\n", "")
SHORT = ("epochs: 4", "epochs: 2")
FIGURES = ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate")


def rows(folder):
    with open(folder / "history.csv", encoding="utf-8") as file:
        return [{name: row[name] for name in FIGURES} for row in csv.DictReader(file)]


def quiet(_):
    pass


@pytest.fixture(scope="module")
def short(make_plan, plugins, tmp_path_factory):
    """A finished run of two epochs."""
    folder = tmp_path_factory.mktemp("short") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fashionbatch.training.run.draw_pictures", lambda folder, **_: [])
        train(make_plan(PLAIN, SHORT), folder, plugins=plugins, show=quiet)
    return folder


@pytest.fixture
def run(short, tmp_path):
    """A copy of it, to go on with."""
    shutil.copytree(short, tmp_path / "run")
    return tmp_path / "run"


def test_a_finished_run_goes_on_as_if_it_had_been_asked_for_more_from_the_first(run, make_plan, plugins, tmp_path):
    lines = []
    longer = train(make_plan(PLAIN), run, plugins=plugins, resume=True, show=lines.append)
    whole = train(make_plan(PLAIN), tmp_path / "whole", plugins=plugins, show=quiet)
    assert rows(run) == rows(tmp_path / "whole")
    assert longer.summary["figures"] == whole.summary["figures"]
    assert "goes on after epoch 2: 4 epochs in place of 2" in lines


def test_a_run_whose_best_weights_were_restored_goes_on_from_its_last_ones(make_plan, plugins, tmp_path):
    no_schedule = ("  schedule: inverse_time\n", "")
    first = ("patience: 3}", "patience: 5, min_delta: 100}")  # so that the first epoch stays the best one
    two, four = make_plan(no_schedule, first, SHORT), make_plan(no_schedule, first)
    train(two, tmp_path / "run", plugins=plugins, show=quiet)
    train(four, tmp_path / "run", plugins=plugins, resume=True, show=quiet)
    train(four, tmp_path / "whole", plugins=plugins, show=quiet)
    assert rows(tmp_path / "run") == rows(tmp_path / "whole")
    with open(tmp_path / "run" / "history.csv", encoding="utf-8") as file:
        assert [row["best"] for row in csv.DictReader(file)] == ["1", "0", "0", "0"]


def test_the_run_says_that_it_went_on_and_is_resumed_as_what_it_is_now(run, make_plan, plugins):
    train(make_plan(PLAIN, ("epochs: 4", "epochs: 3")), run, plugins=plugins, resume=True, show=quiet)
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    [went_on] = summary["went_on"]
    assert (went_on["after_epoch"], went_on["epochs"], went_on["instead_of"]) == (2, 3, 2)
    begun = json.loads((run / "run.json").read_text(encoding="utf-8"))
    assert begun["recipe"]["training"]["epochs"] == 3
    assert begun["went_on"] == summary["went_on"]
    assert "epochs: 3" in (run / "recipe.yaml").read_text(encoding="utf-8")
    lines = []
    train(make_plan(PLAIN, ("epochs: 4", "epochs: 3")), run, plugins=plugins, resume=True, show=lines.append)
    assert lines == [f"{run} is finished already"]


def test_a_schedule_that_counts_epochs_is_told(make_plan, plugins, tmp_path):
    scheduled = ("  early_stopping: {monitor: val_loss, patience: 3}\n", "")
    train(make_plan(scheduled, ("epochs: 4", "epochs: 1")), tmp_path / "run", plugins=plugins, show=quiet)
    lines = []
    plan = make_plan(scheduled, SHORT)
    train(plan, tmp_path / "run", plugins=plugins, resume=True, show=lines.append)
    assert any(line.startswith("note: the schedule inverse_time is computed for the new number") for line in lines)
    assert len(rows(tmp_path / "run")) == 2


def test_fewer_epochs_than_there_are_cannot_be_had(run, make_plan, plugins):
    fewer = make_plan(PLAIN, ("epochs: 4", "epochs: 1"))
    with pytest.raises(OutputError, match=r"has 2 epochs already, more than the 1 that are asked for") as caught:
        train(fewer, run, plugins=plugins, resume=True, show=quiet)
    assert "--set training.epochs=2" in caught.value.hint
    assert (run / "summary.json").is_file(), "nothing was changed"


def change_progress(folder, **changes):
    checkpoints = RunDirectory(folder).checkpoints
    state = checkpoints.load()
    checkpoints.save(dataclasses.replace(state, progress=dataclasses.replace(state.progress, **changes)))


def test_what_early_stopping_ended_is_not_prolonged_but_the_hint_says_how_to_train_on(run, make_plan, plugins):
    progress = RunDirectory(run).checkpoints.load().progress
    change_progress(run, watch={**progress.watch, "patience": 3, "waited": 3})
    with pytest.raises(OutputError, match="early stopping after epoch 2: val_loss did not get better for 3") as caught:
        train(make_plan(PLAIN), run, plugins=plugins, resume=True, show=quiet)
    assert f"initialize_from: {run}" in caught.value.hint


def test_a_run_of_an_earlier_version_cannot_go_on_but_the_hint_says_how_to_train_on(run, make_plan, plugins):
    change_progress(run, phase_is_done=True)
    with pytest.raises(OutputError, match="did not keep the optimizer's state") as caught:
        train(make_plan(PLAIN), run, plugins=plugins, resume=True, show=quiet)
    assert f"initialize_from: {run}" in caught.value.hint


def test_another_recipe_is_still_refused_and_the_hint_names_initialize_from(run, make_plan, plugins):
    other = make_plan(PLAIN, ("batch_size: 8", "batch_size: 16"))
    with pytest.raises(OutputError, match=r"training\.batch_size was 8, is 16") as caught:
        train(other, run, plugins=plugins, resume=True, show=quiet)
    assert f"initialize_from: {run}" in caught.value.hint


def test_a_phase_that_is_over_keeps_its_epochs_and_a_later_one_may_have_more(run, make_plan, plugins, tmp_path):
    def phases(first, second):
        listed = f"[{{train: head, epochs: {first}, augmentation: []}}, {{train: all, epochs: {second}}}]"
        return make_plan(PLAIN, ("  seed: 7", f"  seed: 7\n  phases: {listed}"))

    train(phases(1, 1), tmp_path / "phases", plugins=plugins, show=quiet)
    with pytest.raises(OutputError, match="is over, and the one after it has begun"):
        train(phases(2, 1), tmp_path / "phases", plugins=plugins, resume=True, show=quiet)
    train(phases(1, 2), tmp_path / "phases", plugins=plugins, resume=True, show=quiet)
    assert len(rows(tmp_path / "phases")) == 3
