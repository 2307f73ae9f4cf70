"""TensorBoard's event files: every epoch once, in two series, also over a stop and a resumption."""

from __future__ import annotations

import sys

import pytest

from fashionbatch.errors import RuntimeUnavailableError
from fashionbatch.specs import EpochFigures, TrainingEnd, TrainingStart
from fashionbatch_plugins.callbacks import EventWriter, TensorBoard, require_tensorboard

VALUES = {"loss": 0.5, "accuracy": 0.75, "auc": 0.875, "val_loss": 0.625, "val_auc": 0.25}


def figures(epoch):
    values = {name: value / epoch for name, value in VALUES.items()}
    return EpochFigures(epoch=epoch, phase="p", seconds=2.0, learning_rate=0.125, values=values)


def started(folder, done=0):
    return TrainingStart(
        run_directory=folder,
        name="n",
        recipe={},
        epochs=4,
        class_names=("a", "b"),
        images={"train": 3},
        history=[figures(epoch) for epoch in range(1, done + 1)],
    )


def scalars(folder):
    """Tag -> [(step, value)] of all event files of a folder, as they come."""
    loader = pytest.importorskip("tensorboard.backend.event_processing.event_file_loader")
    found: dict[str, list[tuple[int, float]]] = {}
    # A name ends with the number of the file within its process; several are written within one tick of the clock.
    for file in sorted(folder.glob("events.out.tfevents.*"), key=lambda path: int(path.name.rpartition(".")[2])):
        for event in loader.EventFileLoader(str(file)).Load():
            for value in event.summary.value:
                found.setdefault(value.tag, []).append((event.step, value.tensor.float_val[0]))
    return found


def run(folder, epochs, done=0):
    pytest.importorskip("tensorboard", reason="the extra `tensorboard` is not installed")
    callback = EventWriter(TensorBoard(), started(folder, done))
    for epoch in epochs:
        callback.epoch_finished(figures(epoch))
    return callback


def test_each_epoch_is_a_step_of_training_and_of_validation(tmp_path):
    run(tmp_path, (1, 2)).training_ended(TrainingEnd(completed=True))
    train, validation = scalars(tmp_path / "tensorboard/train"), scalars(tmp_path / "tensorboard/validation")
    assert {*train} == {"loss", "accuracy", "auc", "learning_rate", "seconds"}
    assert {*validation} == {"loss", "auc"}
    assert train["loss"] == [(1, 0.5), (2, 0.25)]
    assert validation["auc"] == [(1, 0.25), (2, 0.125)]


def test_a_resumed_run_goes_on_with_the_same_series(tmp_path):
    run(tmp_path, (1, 2)).training_ended(TrainingEnd(completed=False))
    run(tmp_path, (3, 4), done=2).training_ended(TrainingEnd(completed=True))
    assert [step for step, _ in scalars(tmp_path / "tensorboard/train")["loss"]] == [1, 2, 3, 4]


def test_an_epoch_that_was_finished_and_not_told_of_is_added(tmp_path):
    run(tmp_path, (1,))  # killed: never closed, and epoch 2 was on disk already
    run(tmp_path, (3,), done=2).training_ended(TrainingEnd(completed=True))
    for series in ("train", "validation"):
        assert [step for step, _ in scalars(tmp_path / "tensorboard" / series)["loss"]] == [1, 2, 3]


def test_a_run_without_validation_has_one_series(tmp_path):
    callback = run(tmp_path, ())
    callback.epoch_finished(EpochFigures(epoch=1, phase="p", seconds=1, learning_rate=0.1, values={"loss": 1.0}))
    callback.training_ended(TrainingEnd(completed=True))
    assert not (tmp_path / "tensorboard/validation").exists()


def test_without_the_package_the_command_that_gets_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    monkeypatch.setattr("fashionbatch_plugins.callbacks.find_spec", lambda name: None)
    with pytest.raises(RuntimeUnavailableError) as caught:
        require_tensorboard(TensorBoard())
    assert "needs the package tensorboard" in caught.value.message
    assert caught.value.hint == "pip install 'fashionbatch[tensorboard]'"
