from __future__ import annotations

import json

import pytest

from fashionbatch.errors import DataError
from fashionbatch.evaluation.records import find_runs, read_run, recipe_differences

HISTORY = "epoch,phase,seconds,loss,accuracy,val_loss,val_accuracy\n1,t,2.5,0.5,0.8,0.6,0.7\n2,t,2.5,0.4,0.9,0.5,0.8\n"


def make_run(path, *, finished=True, **recipe):
    path.mkdir(parents=True)
    (path / "run.json").write_text(json.dumps({"recipe": {"name": "shoes", **recipe}}), encoding="utf-8")
    (path / "history.csv").write_text(HISTORY, encoding="utf-8")
    if finished:
        summary = {
            "name": "shoes",
            "figures": {"test": {"accuracy": 0.9}},
            "seconds": {"training": 5.0},
            "parameters": 7,
        }
        (path / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    return path


def test_a_run_is_read_with_figures_and_history(tmp_path):
    run = read_run(make_run(tmp_path / "run"))
    assert (run.figure("test", "accuracy"), run.figure("validation", "accuracy")) == (0.9, None)
    assert (run.seconds, run.epochs) == ({"training": 5.0}, 2)
    assert run.history["val_loss"] == [0.6, 0.5]


def test_runs_are_found_below_a_folder_and_not_inside_one_another(tmp_path):
    make_run(tmp_path / "runs" / "b" / "seed-1")
    make_run(tmp_path / "runs" / "a", finished=False)
    make_run(tmp_path / "runs" / "a" / "checkpoints" / "inner")
    found, damaged = find_runs(tmp_path / "runs")
    assert [run.path.relative_to(tmp_path).as_posix() for run in found] == ["runs/a", "runs/b/seed-1"]
    assert found[0].summary is None
    assert not damaged
    assert [run.path for run in find_runs(tmp_path / "runs" / "a")[0]] == [tmp_path / "runs" / "a"]


def test_a_damaged_run_does_not_hide_the_others(tmp_path):
    make_run(tmp_path / "1")
    make_run(tmp_path / "2")
    (tmp_path / "1" / "summary.json").write_text("{", encoding="utf-8")
    runs, damaged = find_runs(tmp_path)
    assert [run.path for run in runs] == [tmp_path / "2"]
    assert [str(error).split(": cannot")[0] for error in damaged] == [str(tmp_path / "1" / "summary.json")]


@pytest.mark.parametrize(("file", "newest"), [("summary.json", 1), ("run.json", 2)])
def test_a_run_of_a_later_version_is_refused_by_name(tmp_path, file, newest):
    run = make_run(tmp_path / "run")
    document = json.loads((run / file).read_text(encoding="utf-8"))
    (run / file).write_text(json.dumps({**document, "format": newest + 1}), encoding="utf-8")
    with pytest.raises(DataError, match=f"{file}: .*a later FashionBatch wrote it, .*this one reads {newest}"):
        read_run(run)


def test_differences_of_recipes_are_dotted_paths(tmp_path):
    one = read_run(make_run(tmp_path / "1", training={"seed": 1, "epochs": 5}, augmentation=[]))
    two = read_run(make_run(tmp_path / "2", training={"seed": 2, "epochs": 5}))
    assert recipe_differences([one, two]) == {"training.seed": ["1", "2"], "augmentation": ["[]", ""]}


def test_phases_are_compared_setting_by_setting(tmp_path):
    phases = [{"train": "head", "epochs": 3}, {"train": "all", "epochs": 2}]
    one = read_run(make_run(tmp_path / "1", phases=phases))
    two = read_run(make_run(tmp_path / "2", phases=[{"train": "head", "epochs": 5}]))
    assert recipe_differences([one, two]) == {
        "phases.0.epochs": ["3", "5"],
        "phases.1.train": ['"all"', ""],
        "phases.1.epochs": ["2", ""],
    }


def test_what_is_no_run_says_what_was_meant(tmp_path):
    run = make_run(tmp_path / "run")
    (run / "bundle").mkdir()
    with pytest.raises(DataError, match="did you mean"):
        read_run(run / "bundle")
    with pytest.raises(DataError, match="not a run directory"):
        read_run(tmp_path)
    with pytest.raises(DataError, match="no such folder"):
        find_runs(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("file", "content"),
    [("summary.json", "{"), ("summary.json", '{"figures": []}'), ("run.json", "[]"), ("history.csv", "loss\nx\n")],
)
def test_a_damaged_file_is_named(file, content, tmp_path):
    run = make_run(tmp_path / "run")
    (run / file).write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=file):
        read_run(run)
