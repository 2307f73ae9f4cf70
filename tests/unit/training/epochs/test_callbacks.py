"""Metrics and callbacks of a recipe: what they are told, what is kept, and what becomes of their mistakes."""

from __future__ import annotations

import csv
import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from fashionbatch.errors import InterruptedRunError, PluginError
from fashionbatch.plan import Resolved
from fashionbatch.registry import Provider
from fashionbatch.specs import CallbackSpec, Parameters
from fashionbatch.training.epochs.interrupt import Stopped
from fashionbatch.training.run import train

pytestmark = pytest.mark.usefixtures("undrawn")

METRICS = (
    "  early_stopping: {monitor: val_loss, patience: 3}",
    "  early_stopping: {monitor: val_auc, patience: 3}\n"
    "  metrics: [auc, {name: top_k_accuracy, k: 2}, {name: top_k_accuracy, k: 1}, f1]",
)
FIGURES = ("auc", "top_k_accuracy_2", "top_k_accuracy_1", "f1")
SHORT = ("epochs: 4", "epochs: 2")


class Notes:
    """Remembers everything that it is told; fails where it is asked to."""

    def __init__(self, start, fail=""):
        self.start, self.fail, self.told, self.end = start, fail, [], None

    def epoch_finished(self, figures):
        self.told.append(figures)
        if self.fail == "epoch":
            raise RuntimeError("the disk of the notes is full")

    def training_ended(self, end):
        assert self.end is None, "the end comes once"
        self.end = end
        if self.fail == "end":
            raise KeyError("gone")


def with_notes(plan, fail=""):
    """The plan with a callback that notes, and the list that it will stand in."""
    made: list[Notes] = []

    def build(_, start):
        if fail == "start":
            raise OSError("no notebook")
        made.append(Notes(start, fail))
        return made[-1]

    spec = CallbackSpec(name="notes", summary="Notes.", build=build)
    component = Resolved(spec, Parameters(), Provider("shoes", "1.2"))
    return dataclasses.replace(plan, callbacks=(component,)), made


@pytest.fixture(scope="module")
def finished(make_plan, plugins, tmp_path_factory):
    """A finished run with metrics and notes."""
    plan, made = with_notes(make_plan(METRICS))
    lines = []
    report = train(plan, tmp_path_factory.mktemp("runs") / "bars", plugins=plugins, show=lines.append)
    return report, made[0], lines


def test_metrics_stand_in_the_history_of_each_epoch_and_are_shown(finished):
    report, _, lines = finished
    with open(report.run_directory / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) >= 3
    for name in FIGURES:
        for column in (name, f"val_{name}"):
            assert all(0 <= float(row[column]) <= 1 for row in rows)
            assert any(f"  {column} {float(rows[0][column]):.4f}" in line for line in lines)
    assert list(rows[0])[:9] == [
        *("epoch", "phase", "seconds", "learning_rate", "loss", "accuracy", "val_loss", "val_accuracy", "best")
    ]


def test_two_metrics_of_one_name_are_told_apart(finished):
    report, _, _ = finished
    with open(report.run_directory / "history.csv", newline="") as file:
        for row in csv.DictReader(file):
            assert float(row["val_top_k_accuracy_1"]) == pytest.approx(float(row["val_accuracy"]))
            assert float(row["val_top_k_accuracy_2"]) >= float(row["val_top_k_accuracy_1"])


def test_each_metric_has_a_panel_in_the_picture_of_curves(finished):
    report, _, _ = finished
    with Image.open(report.run_directory / "curves.png") as picture:
        assert picture.height > 0.9 * picture.width  # three rows of two panels


def test_the_watched_metric_chooses_the_best_epoch(finished):
    report, _, lines = finished
    with open(report.run_directory / "history.csv", newline="") as file:
        values = [float(row["val_auc"]) for row in csv.DictReader(file)]
    best = int(np.argmax(values)) + 1
    assert report.summary["phases"][0]["best_epoch"] == best
    assert any(line.startswith(f"weights of epoch {best} restored (val_auc") for line in lines)


def test_reports_hold_the_metrics_of_what_the_bundle_computes(finished):
    report, _, _ = finished
    document = json.loads((report.run_directory / "report.json").read_text())
    assert {*document["metrics"]} == {"train", "validation", "test"}
    figures = report.summary["figures"]["test"]
    assert document["metrics"]["test"] == {name: figures[name] for name in FIGURES}
    assert f"{figures['top_k_accuracy_2']:.4f}" in (report.run_directory / "report.txt").read_text()


def test_a_callback_is_told_of_start_epochs_and_end(finished):
    report, notes, _ = finished
    start = notes.start
    assert (start.run_directory, start.name, start.epochs) == (report.run_directory, "bars", 4)
    assert start.class_names == ("0", "1", "2")
    assert start.images == {"train": 36, "validation": 12, "test": 12}
    assert start.recipe["training"]["metrics"][0]["name"] == "fashionbatch/auc"
    assert start.history == []
    assert [figures.epoch for figures in notes.told] == [*range(1, len(notes.told) + 1)]
    last = notes.told[-1]
    assert {*last.values} == {f"{split}{name}" for split in ("", "val_") for name in ("loss", "accuracy", *FIGURES)}
    assert "val_auc" in last.rising
    assert "val_loss" not in last.rising
    assert notes.end.completed
    assert notes.end.summary == report.summary


@pytest.mark.parametrize(
    ("fail", "said"),
    [
        ("start", "build failed: OSError: no notebook"),
        ("epoch", "epoch_finished failed: RuntimeError: the disk of the notes is full"),
        ("end", "training_ended failed: KeyError: 'gone'"),
    ],
)
def test_what_a_callback_raises_names_it_and_costs_no_epoch(make_plan, plugins, tmp_path, fail, said):
    plan, _ = with_notes(make_plan(SHORT), fail)
    with pytest.raises(PluginError) as caught:
        train(plan, tmp_path / "run", plugins=plugins, show=lambda line: None)
    assert caught.value.message == f"plugin shoes 1.2 (callback 'notes'): {said}"
    assert "--resume" in caught.value.hint
    assert "test_callbacks.py" in caught.value.traceback
    # It looks on only, so that the run may go on without it.
    lines = []
    train(make_plan(SHORT), tmp_path / "run", plugins=plugins, resume=True, show=lines.append)
    expected = {"start": "1 layers learn", "epoch": "resumed after epoch 1", "end": "is finished already"}[fail]
    assert fail == "start" or any(expected in line for line in lines)
    assert (tmp_path / "run/summary.json").is_file()


def test_a_callback_learns_that_training_was_interrupted(make_plan, plugins, tmp_path):
    plan, made = with_notes(make_plan())

    def show(line):
        if line.startswith("epoch 2/"):
            raise Stopped(15)

    with pytest.raises(InterruptedRunError):
        train(plan, tmp_path / "run", plugins=plugins, show=show)
    assert not made[0].end.completed
    train(plan, tmp_path / "run", plugins=plugins, resume=True, show=lambda line: None)
    assert [figures.epoch for figures in made[1].start.history] == [1, 2]
    assert made[1].start.history[0] == made[0].told[0]
    assert made[1].told[0].epoch == 3
    assert made[1].end.completed
