"""A run repeats itself by its seed, and a resumed run is the run that was never stopped."""

from __future__ import annotations

import dataclasses
import shutil

import numpy as np
import pytest

from fashionbatch.data.prepare import prepare_data
from fashionbatch.errors import OutputError, TrainingError
from fashionbatch.registry import Registry
from fashionbatch.specs import ArchitectureSpec
from fashionbatch.training import start
from fashionbatch.training.checkpoint import Progress, State, values_of
from fashionbatch.training.clock import Clock
from fashionbatch.training.directory import RunDirectory
from fashionbatch.training.epochs.callbacks import Callbacks
from fashionbatch.training.epochs.loop import Loop
from fashionbatch.training.report import Reporter

PHASES = """  phases:
    - {train: all, name: first, epochs: 2}
    - {train: {from: dense1}, name: second, epochs: 2, augmentation: [], optimizer: {name: sgd, learning_rate: 0.01}}
"""


@pytest.fixture(scope="module")
def data(make_plan):
    return prepare_data(make_plan())


def fit(plan, data, folder, *, state=None, clock=None):
    """Train; what a kill at an epoch's line would leave is kept for `killed_after`."""

    def show(line):
        if line.startswith("epoch "):
            epoch = line.split()[1].split("/")[0]
            shutil.copytree(folder, folder.with_name(f"{folder.name} after {epoch}"))

    network = start.make_network(plan, len(data.class_names))
    callbacks = Callbacks(plan, folder, data)
    reporter, registry = Reporter(show, bars=False), Registry()
    loop = Loop(
        plan, network, data, RunDirectory(folder), reporter, registry=registry, callbacks=callbacks, clock=clock
    )
    loop.run(state)
    return loop.history, network.model.get_weights()


def killed_after(epoch, whole, folder):
    """Put into a new folder what a run would have left that was killed after an epoch; gives its state."""
    shutil.copytree(whole.with_name(f"{whole.name} after {epoch}"), folder, dirs_exist_ok=True)
    state = RunDirectory(folder).checkpoints.load()
    assert len(state.progress.history) == epoch
    return state


def figures(history):
    return [dataclasses.replace(epoch, seconds=0.0) for epoch in history]


def assert_same(one, other):
    assert figures(one[0]) == figures(other[0])
    assert all(np.array_equal(a, b) for a, b in zip(one[1], other[1], strict=True))


@pytest.fixture(scope="module")
def folder_of_undisturbed(tmp_path_factory):
    return tmp_path_factory.mktemp("undisturbed")


@pytest.fixture(scope="module")
def undisturbed(make_plan, data, folder_of_undisturbed):
    return fit(make_plan(), data, folder_of_undisturbed)


def test_the_same_seed_gives_the_same_history_and_weights(make_plan, data, tmp_path, undisturbed):
    assert_same(fit(make_plan(), data, tmp_path), undisturbed)


def test_another_seed_gives_another_history(make_plan, data, tmp_path, undisturbed):
    history, _ = fit(make_plan(("seed: 7", "seed: 8"), ("epochs: 4", "epochs: 1")), data, tmp_path)
    assert history[0].loss != undisturbed[0][0].loss


def test_a_resumed_run_is_the_run_that_was_never_stopped(make_plan, data, tmp_path, folder_of_undisturbed, undisturbed):
    state = killed_after(2, folder_of_undisturbed, tmp_path)
    assert_same(fit(make_plan(), data, tmp_path, state=state), undisturbed)


@pytest.mark.parametrize("more", [(), (("seed: 7", "seed: 7\n  class_weight: {'0': 3.0, '1': 0.5}"),)])
def test_a_resumed_run_goes_on_with_the_same_mixtures(make_plan, data, tmp_path, more):
    plan = make_plan(("  - random_flip", "  - random_flip\n  - cutmix\n  - mixup"), ("epochs: 4", "epochs: 2"), *more)
    whole = fit(plan, data, tmp_path / "whole")
    state = killed_after(1, tmp_path / "whole", tmp_path / "parts")
    assert state.fitting
    assert_same(fit(plan, data, tmp_path / "parts", state=state), whole)


def test_a_resumed_network_normalises_by_what_its_state_says(make_plan, data, tmp_path):
    from keras import layers

    def build(pixels, _):
        return layers.Normalization(name="normal")(layers.Flatten()(pixels))

    plan = make_plan()
    spec = ArchitectureSpec(name="normalised", summary="Strange.", build=build)
    plan = dataclasses.replace(plan, architecture=dataclasses.replace(plan.architecture, spec=spec))
    network = start.make_network(plan, len(data.class_names))
    values = values_of(network.model.variables)
    values[:2] = [np.full(144, 90.0, np.float32), np.full(144, 4.0, np.float32)]
    state = State(Progress(phase=0, phase_is_done=True, epochs_in_phase=1, history=[]), values, [], [])
    quiet = Reporter(lambda line: None, bars=False)
    callbacks = Callbacks(plan, tmp_path, data)
    Loop(plan, network, data, RunDirectory(tmp_path), quiet, registry=Registry(), callbacks=callbacks).run(state)
    pixels = np.full((1, 12, 12, 1), 100.0, np.float32)
    np.testing.assert_allclose(network.backbone(pixels), np.full((1, 144), 5.0))


@pytest.fixture(scope="module")
def of_phases(make_plan, data, tmp_path_factory):
    plan = make_plan(("  seed: 7\n", f"  seed: 7\n{PHASES}"))
    folder = tmp_path_factory.mktemp("phases")
    return plan, folder, fit(plan, data, folder)


@pytest.mark.parametrize("epoch", [2, 3])
def test_a_run_of_phases_resumes_between_and_within_them(of_phases, data, tmp_path, epoch):
    plan, folder, whole = of_phases
    assert [row.phase for row in whole[0]] == ["first", "first", "second", "second"]
    assert_same(fit(plan, data, tmp_path, state=killed_after(epoch, folder, tmp_path)), whole)


def test_early_stopping_restores_the_best_weights(make_plan, data, tmp_path):
    # A rate that spoils the network: some epoch before the last is the best one.
    plan = make_plan(
        ("learning_rate: 0.01}\n  schedule: inverse_time", "learning_rate: 0.3}\n  schedule: null"),
        ("patience: 3", "patience: 1"),
        ("epochs: 4", "epochs: 8"),
    )
    history, _ = fit(plan, data, tmp_path)
    progress = RunDirectory(tmp_path).checkpoints.load().progress
    best = min(history, key=lambda epoch: epoch.val_loss)
    assert len(history) < 8
    assert not progress.phase_is_done, "the last state is the last epoch's, which more epochs would go on from"
    assert progress.watch["best_epoch"] == best.epoch
    assert progress.best_file == f"best-{best.epoch:05}.weights.h5"
    assert [path.name for path in (tmp_path / "checkpoints").glob("best-*")] == [progress.best_file]


def test_a_loss_that_is_not_a_number_ends_training(make_plan, data, tmp_path):
    plan = make_plan(("{name: adam, learning_rate: 0.01}", "{name: sgd, learning_rate: 1.0e+30}"))
    with pytest.raises(TrainingError, match=r"diverged in epoch 1: (val_)?loss is not a number"):
        fit(plan, data, tmp_path)


def test_averaged_weights_are_what_is_validated_and_kept(make_plan, data, tmp_path, undisturbed):
    plan = make_plan(("learning_rate: 0.01}", "learning_rate: 0.01, use_ema: true, ema_momentum: 0.9}"))
    history, weights = fit(plan, data, tmp_path)
    assert [epoch.loss for epoch in history] == [epoch.loss for epoch in undisturbed[0]], "training itself is the same"
    assert [epoch.val_loss for epoch in history] != [epoch.val_loss for epoch in undisturbed[0]]
    assert not np.array_equal(weights[0], undisturbed[1][0])


def test_a_damaged_checkpoint_is_said_so(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "last.npz").write_bytes(b"PK not a checkpoint")
    with pytest.raises(OutputError, match="cannot be resumed from"):
        RunDirectory(tmp_path).checkpoints.load()


@pytest.mark.usefixtures("undisturbed")
def test_a_resumed_run_goes_on_from_the_seconds_of_the_epochs_before(make_plan, data, tmp_path, folder_of_undisturbed):
    state = killed_after(2, folder_of_undisturbed, tmp_path / "run")
    spent = dict(state.progress.seconds)
    assert spent["training"] > 0
    clock = Clock()
    history, _ = fit(make_plan(("epochs: 4", "epochs: 3")), data, tmp_path / "run", state=state, clock=clock)
    assert clock.parts()["training"] >= spent["training"] + history[2].seconds - 0.01


@pytest.mark.usefixtures("undisturbed")
def test_of_an_earlier_version_the_seconds_of_epochs_are_known(make_plan, data, tmp_path, folder_of_undisturbed):
    state = killed_after(2, folder_of_undisturbed, tmp_path / "run")
    state = dataclasses.replace(state, progress=dataclasses.replace(state.progress, seconds={}))
    clock = Clock()
    history, _ = fit(make_plan(("epochs: 4", "epochs: 2")), data, tmp_path / "run", state=state, clock=clock)
    assert clock.parts()["training"] >= sum(epoch.seconds for epoch in history) - 0.01
