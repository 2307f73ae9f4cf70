"""What becomes of a run's directory is known before anything costs time."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from fashionbatch.errors import OutputError
from fashionbatch.training.directory import RunDirectory, begin, begun_with, locked, require_usable


def usable(path: Path, *, resume: bool = False, overwrite: bool = False) -> str:
    return require_usable(RunDirectory(path), resume=resume, overwrite=overwrite)


def begun_run(path: Path, *, finished: bool = False) -> Path:
    path.mkdir()
    (path / "run.json").write_text("{}")
    if finished:
        (path / "summary.json").write_text("{}")
    return path


def test_a_new_directory_may_lie_in_folders_that_are_made_with_it(tmp_path: Path) -> None:
    assert usable(tmp_path / "runs" / "shoes") == "new"
    assert list(tmp_path.iterdir()) == []


def test_what_holds_a_lock_alone_is_new(tmp_path: Path) -> None:
    (tmp_path / ".lock").touch()
    assert usable(tmp_path) == "new"


def test_what_a_run_left_that_was_killed_before_it_was_one_is_new(tmp_path: Path) -> None:
    for name in (".lock", "recipe.yaml", ".run.json.0123abcd.tmp"):
        (tmp_path / name).touch()
    assert usable(tmp_path) == "new"
    (tmp_path / ".lock").unlink()
    with pytest.raises(OutputError, match="holds files, but no run"):
        usable(tmp_path)


@pytest.mark.parametrize(("finished", "hint"), [(True, "--overwrite replaces it"), (False, "--resume continues it")])
def test_a_run_is_never_overwritten_unasked(tmp_path: Path, finished: bool, hint: str) -> None:
    run = begun_run(tmp_path / "run", finished=finished)
    with pytest.raises(OutputError, match="holds a") as caught:
        usable(run)
    assert hint in (caught.value.hint or "")
    assert usable(run, resume=True) == "resumed"
    assert usable(run, overwrite=True) == "replaced"


def test_what_is_no_run_is_left_alone_even_with_overwrite(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(OutputError, match="holds files, but no run"):
        usable(tmp_path, overwrite=True)


@pytest.mark.parametrize("place", ["/proc/run", "/proc/runs/shoes"])
def test_a_place_that_cannot_be_written_is_told_before_training_also_to_root(place: str) -> None:
    if not Path("/proc/self").exists():
        pytest.skip("needs /proc, a file system that nobody can write to")
    with pytest.raises(OutputError, match="cannot write") as caught:
        usable(Path(place))
    assert "place" in (caught.value.hint or "")


def test_a_file_in_the_way_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="is no directory"):
        usable(tmp_path / "file")
    with pytest.raises(OutputError, match="is no directory") as caught:
        usable(tmp_path / "file" / "run")
    assert caught.value.hint == "choose another place for the run"


def test_two_trainings_cannot_share_a_directory(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    with locked(directory), pytest.raises(OutputError, match="another process"), locked(directory):
        pass
    with locked(directory):
        pass


@pytest.mark.parametrize("how", [{}, {"resume": True}, {"overwrite": True}], ids=str)
def test_that_another_process_trains_is_told_before_anything_costs_time(tmp_path: Path, how: dict[str, bool]) -> None:
    directory = RunDirectory(tmp_path / "run")
    with locked(directory), pytest.raises(OutputError, match="another process is training into it") as caught:
        usable(tmp_path / "run", **how)
    assert caught.value.hint == "wait for it, or choose another place for the run"
    assert usable(tmp_path / "run") == "new"


def test_a_pipe_where_a_run_was_noted_is_not_waited_for(make_plan, tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    os.mkfifo(directory.marker)
    with pytest.raises(OutputError, match="cannot be resumed from"):
        begun_with(directory, make_plan())


def test_what_differs_within_a_phase_is_told_setting_by_setting(make_plan, tmp_path: Path) -> None:
    phases = "seed: 7\n  phases: [{train: head, epochs: 1, augmentation: []}, {train: all, epochs: 2}]\n"
    directory = RunDirectory(tmp_path)
    begin(directory, make_plan(("seed: 7\n", phases)), {})
    changed = make_plan(("seed: 7\n", phases.replace("epochs: 2", "epochs: 2, batch_size: 16")))
    with pytest.raises(OutputError, match=r"with another recipe: training\.phases\.1\.batch_size was 8, is 16\n"):
        begun_with(directory, changed)


def test_a_run_that_is_begun_anew_takes_away_what_training_left_and_nothing_else(make_plan, tmp_path: Path) -> None:
    ours = [
        "summary.json",
        "report.txt",
        "curves.png",
        "bundle/bundle.json",
        "bundle/model.xml",
        "checkpoints/last.npz",
    ]
    ours += [
        "checkpoints/best-00003.weights.h5",
        "checkpoints/best-00004.head.weights.h5",
        "features/train.npy",
        "tensorboard/train/events.out.tfevents.1.host.2",
    ]
    mine = [
        "labels.csv",
        "notes.md",
        "bundle.zip",
        "checkpoints/kept.weights.h5",
        "features/mine.npy",
        "old/summary.json",
    ]
    for name in (*ours, *mine, "run.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text("before")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "bundle.json").touch()
    (tmp_path / "report.json").symlink_to("labels.csv")
    begin(RunDirectory(tmp_path), make_plan(), {})
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if not path.is_dir()}
    assert left == {*mine, "report.json", "elsewhere/bundle.json", "recipe.yaml", "run.json"}
    assert (tmp_path / "labels.csv").read_text() == "before"


def test_a_bundle_with_a_file_of_the_users_stops_a_training_before_it_begins(tmp_path: Path) -> None:
    (tmp_path / "run.json").touch()
    (tmp_path / "bundle").mkdir()
    for name in ("bundle.json", "notes.txt"):
        (tmp_path / "bundle" / name).touch()
    for resume in (False, True):
        with pytest.raises(OutputError, match=r"bundle: holds 'notes\.txt', which is no part of a bundle"):
            usable(tmp_path, resume=resume, overwrite=not resume)


def test_a_run_of_a_later_version_is_not_resumed_and_says_why(tmp_path: Path) -> None:
    run = begun_run(tmp_path / "run")
    (run / "run.json").write_text('{"format": 3, "recipe": {}}')
    plan: Any = None  # the version is looked at first
    with pytest.raises(
        OutputError, match="a later FashionBatch wrote it, in version 3 of its format; this one reads 2"
    ):
        begun_with(RunDirectory(run), plan)


def test_what_was_held_in_vain_is_as_it_was(tmp_path: Path) -> None:
    with locked(RunDirectory(tmp_path / "runs" / "first")):
        pass
    assert not list(tmp_path.iterdir())
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "notes.md").touch()
    with locked(RunDirectory(tmp_path / "runs")):
        assert (tmp_path / "runs" / ".lock").exists()
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["notes.md"]
