"""A frozen backbone's features are computed once, and training on them is training on the images."""

from __future__ import annotations

import csv
from contextlib import contextmanager
from functools import partial

import numpy as np
import openvino
import pytest

from fashionbatch import disk
from fashionbatch.bundle.graph.convert import to_graph
from fashionbatch.bundle.open import open_bundle
from fashionbatch.data.prepare import prepare_data
from fashionbatch.errors import BundleError, ScratchError, TrainingError
from fashionbatch.inference.session import open_session
from fashionbatch.training import start
from fashionbatch.training.directory import RunDirectory
from fashionbatch.training.epochs import features, loop
from fashionbatch.training.epochs.features import FeatureSource
from fashionbatch.training.epochs.loop import Loop
from fashionbatch.training.report import Reporter
from fashionbatch.training.run import train

pytestmark = pytest.mark.usefixtures("undrawn")

PHASES = """  phases:
    - {train: head, epochs: 2, augmentation: [], optimizer: {name: sgd, learning_rate: 0.1}}
"""


@pytest.fixture(scope="module")
def plan(make_plan):
    return make_plan(("  seed: 7\n", f"  seed: 7\n{PHASES}"))


@pytest.fixture(scope="module")
def data(plan):
    return prepare_data(plan)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FASHIONBATCH_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "features"


def converted(network):
    return to_graph(network.model, network.features)


@pytest.fixture
def fit(plugins):
    def fitted(plan, data, folder, *, export=None):
        lines = []
        network = start.make_network(plan, len(data.class_names))
        reporter = Reporter(lines.append, bars=False)
        loop = Loop(plan, network, data, RunDirectory(folder), reporter, registry=plugins.registry, export=export)
        return loop.run(None), lines

    return fitted


def test_training_on_features_is_training_on_images(fit, plan, data, tmp_path, monkeypatch):
    kept, lines = fit(plan, data, tmp_path / "kept")
    assert any(line.startswith("features of train: 36 computed") for line in lines)
    monkeypatch.setattr(loop, "can_be_kept", lambda network, phase: False)
    plain, _ = fit(plan, data, tmp_path / "plain")
    for one, other in zip(kept, plain, strict=True):
        assert one.loss == pytest.approx(other.loss, rel=1e-4)
        assert one.val_loss == pytest.approx(other.val_loss, rel=1e-4)


def test_the_best_weights_are_the_heads_and_come_back_in_a_resumed_run(make_plan, data, plugins, tmp_path):
    # Training ends with the first epoch that gets no more of a few images right.
    stopping = PHASES.replace("0.1}}", "0.1}, early_stopping: {monitor: val_accuracy, patience: 1}}")
    plan = make_plan(("  seed: 7\n", f"  seed: 7\n{stopping.replace('epochs: 2', 'epochs: 8')}"))
    folder = RunDirectory(tmp_path / "run")

    def fitted(state):
        network = start.make_network(plan, len(data.class_names))
        fitting = loop.Loop(
            plan, network, data, folder, Reporter(lambda line: None, bars=False), registry=plugins.registry
        )
        history = fitting.run(state)
        return history, [np.array(variable) for variable in network.model.variables]

    history, weights = fitted(None)
    best = max(history, key=lambda epoch: epoch.val_accuracy)
    assert best.epoch < len(history)
    state = folder.checkpoints.load()
    assert state.progress.best_file == f"best-{best.epoch:05}.head.weights.h5"
    changed = [np.array_equal(one, last) for one, last in zip(weights, state.network, strict=True)]
    assert not all(changed), "the last epoch's are others"
    _, again = fitted(state)
    for one, other in zip(weights, again, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("damage", ["truncated", "one bit", "without its seal"])
def test_features_are_computed_once_and_damaged_ones_again(fit, plan, data, tmp_path, *, cache, damage):
    first, _ = fit(plan, data, tmp_path / "first")
    second, lines = fit(plan, data, tmp_path / "second")
    assert "features of train: 36, from the cache" in lines
    assert [epoch.loss for epoch in first] == [epoch.loss for epoch in second]

    [file] = cache.glob("*/train.npy")
    whole = file.read_bytes()
    flipped = bytes([whole[-100] ^ 1])
    damaged = {
        "truncated": whole[:-100],
        "one bit": whole[:-100] + flipped + whole[-99:],
        "without its seal": whole[:-32],
    }
    file.write_bytes(damaged[damage])
    third, lines = fit(plan, data, tmp_path / "third")
    assert "features of train: those in the cache are damaged, and are computed anew" in lines
    assert file.read_bytes() == whole
    assert any(line.startswith("features of train: 36 computed") for line in lines)
    assert [epoch.loss for epoch in first] == [epoch.loss for epoch in third]


def test_what_a_killed_run_left_in_the_cache_is_removed_and_what_another_run_writes_is_not(
    fit, plan, data, tmp_path, cache
):
    fit(plan, data, tmp_path / "first")
    [file] = cache.glob("*/train.npy")
    file.unlink()
    file.with_name(".train.npy.0123abcd.tmp").write_bytes(b"a part")
    with disk.StagedFile(file) as written_by_another_run:
        fit(plan, data, tmp_path / "second")
        assert list(file.parent.glob(".*")) == [written_by_another_run.temporary]


def test_the_bar_of_an_epoch_ends_at_its_last_batch_where_several_are_taken_at_once(
    fit, plan, data, tmp_path, monkeypatch
):
    epochs = []

    @contextmanager
    def bar(_self, title, total, _unit):
        done = []
        yield lambda number, _figures=None: done.append(number)
        if title.startswith("epoch"):
            epochs.append((total, done[-1]))

    monkeypatch.setattr(Reporter, "bar", bar)
    fit(plan, data, tmp_path / "run")
    assert len(epochs) == 2
    assert all(total == last for total, last in epochs)


def test_a_full_disk_under_temporary_files_stops_before_the_first_epoch(fit, plan, data, tmp_path, monkeypatch):
    def fill(*_, **__):
        raise RuntimeError("basic_ios::clear: iostream error")

    monkeypatch.setattr(openvino, "save_model", fill)
    with pytest.raises(ScratchError, match=r"temporary files cannot be written into .*: basic_ios") as raised:
        fit(plan, data, tmp_path / "run")
    assert "TMPDIR" in raised.value.hint
    assert not list((tmp_path / "run").glob("**/*.npz"))


def test_other_weights_have_other_features(data, make_plan, plugins):
    places = set()
    for seed in (7, 7, 8):
        other = make_plan(("  seed: 7\n", f"  seed: {seed}\n{PHASES}"))
        network = start.make_network(other, 3)
        source = FeatureSource(
            other, network, data, plugins.registry, Reporter(lambda line: None, bars=False), partial(converted, network)
        )
        places.add(source.of(["validation"])["validation"].filename)
    assert len(places) == 2


def test_features_are_left_in_file_order_with_labels_on_request(fit, plan, data, tmp_path):
    fit(plan, data, tmp_path / "run", export=tmp_path / "features")
    for split in ("train", "validation", "test"):
        array = np.load(tmp_path / "features" / f"{split}.npy")
        with open(tmp_path / "features" / f"{split}.csv", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert array.shape == (len(data.splits[split]), 8)
        assert array.dtype == np.float32
        assert [row["name"] for row in rows] == sorted(data.splits[split].names)
        labels = dict(zip(data.splits[split].names, data.splits[split].labels, strict=True))
        assert all((row["labels"],) == labels[row["name"]] for row in rows)


def test_features_cannot_be_kept_where_none_stay_the_same(make_plan, plugins, tmp_path):
    with pytest.raises(TrainingError, match="no phase trains the head alone without augmentation"):
        train(make_plan(), tmp_path / "run", plugins=plugins, keep_features=True, show=lambda line: None)


def test_they_are_what_the_bundle_gives_beside_its_labels(plan, plugins, tmp_path):
    """So an image's features are the same bits whether training kept them or `classify --embeddings` wrote them."""
    report = train(plan, tmp_path / "run", plugins=plugins, keep_features=True, show=lambda line: None)
    bundle = open_bundle(report.bundle)
    split = prepare_data(plan).splits["test"]
    with open_session(
        bundle, registry=plugins.registry, precision="float32", features=bundle.manifest.features.tensor
    ) as session:
        rows = session.predict(split.images)
    kept = np.load(tmp_path / "run" / "features" / "test.npy")
    order = sorted(range(len(split)), key=split.names.__getitem__)
    np.testing.assert_array_equal(kept, rows[order, bundle.manifest.outputs :])


def test_what_does_not_convert_is_computed_by_keras_and_told(fit, plan, data, tmp_path, monkeypatch):
    by_runtime, _ = fit(plan, data, tmp_path / "by runtime")

    def refuse(*_):
        raise BundleError("OpenVINO has no Conv9D")

    monkeypatch.setattr(loop, "to_graph", refuse)
    monkeypatch.setattr(features, "cache_directory", lambda: tmp_path / "another cache")
    by_keras, lines = fit(plan, data, tmp_path / "by Keras")
    assert "features are computed by Keras, not by the runtime: OpenVINO has no Conv9D" in lines
    assert any(line.startswith("features of train: 36 computed by Keras") for line in lines)
    for one, other in zip(by_runtime, by_keras, strict=True):
        assert one.loss == pytest.approx(other.loss, rel=1e-4)

    _, lines = fit(plan, data, tmp_path / "again")
    assert "features of train: 36, from the cache" in lines


def test_those_that_keras_computed_do_not_judge_a_bundle(plan, data, plugins):
    def refuse(*_):
        raise BundleError("OpenVINO has no Conv9D")

    network = start.make_network(plan, 3)
    source = FeatureSource(plan, network, data, plugins.registry, Reporter(lambda line: None, bars=False), refuse)
    assert list(source.of(data.splits)) == list(data.splits)
    assert source.kept(data.splits) == {}
