"""The three kinds of head, from training to bundle; and a training that starts from another's weights."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import replace

import numpy as np
import pytest

from fashionbatch.bundle.open import open_bundle
from fashionbatch.bundle.pack import pack_bundle
from fashionbatch.data.prepare import prepare_data
from fashionbatch.errors import DataError, WeightsError
from fashionbatch.model.network import build_network
from fashionbatch.plan import plan_from_text
from fashionbatch.testing.bundles import make_tiny_bundle
from fashionbatch.training import start
from fashionbatch.training.directory import RunDirectory
from fashionbatch.training.epochs.loop import Loop
from fashionbatch.training.report import Reporter
from fashionbatch.training.run import train

RECIPE = """
version: 1
name: several
data:
  source: {name: npz, path: SOURCE.npz}
  image: {size: [12, 12], channels: 1}
  split: {validation: 0.25, test: 0.0, seed: 1, stratify: false}
architecture: {name: mlp, dense: [8]}
head: HEAD
training:
  epochs: 1
  batch_size: 16
  optimizer: {name: adam, learning_rate: 0.01}
  class_weight: balanced
  seed: 3
"""
GROUPS = "{name: multilabel, groups: {shape: [lying, standing], ground: [dark, light]}}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("heads")
    generator = np.random.default_rng(0)
    standing, light = np.arange(48) % 2, np.arange(48) // 2 % 2
    images = generator.integers(0, 40, (48, 12, 12), dtype=np.uint8) + (light * 120).astype(np.uint8)[:, None, None]
    for image, upright in zip(images, standing, strict=True):
        place = (slice(None), slice(4, 7)) if upright else (slice(4, 7), slice(None))
        image[place] += 90
    rows = np.stack([1 - standing, standing, 1 - light, light], axis=1)
    names = np.array(["lying", "standing", "dark", "light"])
    np.savez(folder / "several.npz", x_train=images, y_train=rows, class_names=names)
    np.savez(folder / "two.npz", x_train=images, y_train=standing, class_names=names[:2])
    return folder


@pytest.fixture(scope="module")
def plan_of(plugins, folder):
    def plan(source, head, *more):
        text = RECIPE.replace("SOURCE", source).replace("HEAD", head) + "\n".join(more)
        return plan_from_text(text, plugins.registry, folder)

    return plan


@pytest.fixture(scope="module")
def several(plan_of, plugins, folder):
    lines = []
    return train(plan_of("several", GROUPS), folder / "run", plugins=plugins, show=lines.append)


def test_a_multilabel_bundle_has_groups_and_thresholds_tuned_on_validation(several):
    head = open_bundle(several.bundle).manifest.head
    assert head.decoding == "several_of_many"
    assert head.groups == {"shape": ("lying", "standing"), "ground": ("dark", "light")}
    assert len(head.thresholds) == 4
    assert list(head.thresholds) == several.summary["thresholds"]


def test_groups_come_from_the_source_where_the_head_names_none(plan_of):
    plan = plan_of("several", "multilabel")
    groups = {"shape": ("lying", "standing")}
    data = replace(prepare_data(plan), label_groups=groups)
    assert start.groups_of(plan, data) == groups
    own = {"shape": ("lying", "standing"), "ground": ("dark", "light")}
    assert start.groups_of(plan_of("several", GROUPS), data) == own
    with pytest.raises(DataError, match="attribute 'status' is called like another column of the label table"):
        start.groups_of(plan, replace(data, label_groups={"status": ("dark", "light")}))


def test_a_multilabel_run_reports_labels_and_the_plain_threshold_too(several):
    figures = several.summary["figures"]["validation"]
    assert 0 <= figures["accuracy"] <= figures["label_accuracy"] <= 1
    report = (several.run_directory / "report.json").read_text(encoding="utf-8")
    assert '"splits_at_0.5"' in report
    table = (several.run_directory / "confusion_matrix.csv").read_text(encoding="utf-8").splitlines()
    assert table[0] == "label,right_yes,wrong_yes,wrong_no,right_no"
    assert sum(int(cell) for cell in table[1].split(",")[1:]) == 12
    assert "thresholds, chosen on the validation split" in (several.run_directory / "report.txt").read_text("utf-8")


def test_groups_are_judged_wherever_a_run_is(several):
    report = json.loads((several.run_directory / "report.json").read_text(encoding="utf-8"))
    colour = report["splits"]["validation"]["groups"]["shape"]
    assert colour["images"] == 12
    assert sum(map(sum, colour["confusion"])) == 12
    summary = several.summary["figures"]["validation"]["groups"]
    assert summary["shape"]["accuracy"] == colour["accuracy"]
    text = (several.run_directory / "report.txt").read_text(encoding="utf-8")
    assert "accuracy of shape" in text
    table = (several.run_directory / "groups.csv").read_text(encoding="utf-8").splitlines()
    assert table[0] == "group,right,given,images"
    assert sum(int(row.rsplit(",", 1)[1]) for row in table if row.startswith("ground,")) == 12


def test_a_binary_head_learns_with_balanced_classes(plan_of, plugins, tmp_path):
    plan = plan_of("two", "binary")
    data = prepare_data(plan)
    network = start.make_network(plan, 2)
    loop = Loop(
        plan, network, data, RunDirectory(tmp_path), Reporter(lambda line: None, bars=False), registry=plugins.registry
    )
    [epoch] = loop.run(None)
    assert 0 < epoch.loss < 5
    assert network.model.output_shape == (None, 1)


@pytest.mark.parametrize("place", ["run", "run/bundle", "packed.fbz"])
def test_training_starts_from_the_weights_of_a_run_or_a_bundle(several, plan_of, plugins, folder, place):
    pack_bundle(open_bundle(several.bundle), folder / "packed.fbz", overwrite=True)
    plan = plan_of("two", "binary", f"initialize_from: {place}")
    network = build_network(plan, 2)
    report = start.initialize(plan, network, plugins.registry)
    assert report.fitted == ("dense1",)
    assert "head_output has 8x1 and 1, the weights have 8x4 and 4" in report.text()
    import h5py

    with h5py.File(several.bundle / "model.weights.h5") as file:
        trained = np.asarray(file["layers/dense/vars/0"])
    np.testing.assert_array_equal(network.model.get_layer("dense1").get_weights()[0], trained)


def test_what_does_not_fit_begins_with_the_architectures_own_weights(several, plan_of, plugins, monkeypatch):
    def pretrained(backbone, parameters, context):
        layer = backbone.get_layer("dense1")
        layer.set_weights([np.full_like(weight, 0.5) for weight in layer.get_weights()])

    monkeypatch.setitem(globals(), "RECIPE", RECIPE.replace("[12, 12]", "[6, 6]"))
    plan = plan_of("several", GROUPS, "initialize_from: run")
    spec = dataclasses.replace(plan.architecture.spec, initialize=pretrained)
    plan = dataclasses.replace(plan, architecture=dataclasses.replace(plan.architecture, spec=spec))
    network = build_network(plan, 4)
    report = start.initialize(plan, network, plugins.registry)
    assert report.fitted == ("head_output",)
    assert report.misfits == ("dense1 has 36x8 and 8, the weights have 144x8 and 8",)
    assert (network.model.get_layer("dense1").get_weights()[0] == 0.5).all()


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("nowhere", "does not exist"),
        ("empty", "neither a run nor a bundle"),
        ("unfinished", "is not finished"),
        ("imported", "was imported; a graph has no layers"),
    ],
)
def test_what_training_cannot_start_from_is_said(plan_of, plugins, folder, place, message):
    make_tiny_bundle(folder / "imported")
    (folder / "empty").mkdir(exist_ok=True)
    (folder / "unfinished").mkdir(exist_ok=True)
    (folder / "unfinished" / "run.json").write_text("{}", encoding="utf-8")
    plan = plan_of("two", "binary", f"initialize_from: {place}")
    with pytest.raises(WeightsError, match=message):
        start.initialize(plan, build_network(plan, 2), plugins.registry)
