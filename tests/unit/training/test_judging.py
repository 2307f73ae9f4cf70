"""What judges a network: known features give the bundle's own answers, or the whole network is asked."""

from __future__ import annotations

import json

import numpy as np
import pytest

from fashionbatch.bundle.open import open_bundle
from fashionbatch.cli.train import command, summary_lines
from fashionbatch.data.prepare import prepare_data
from fashionbatch.data.prepared import TakenImages
from fashionbatch.errors import BundleError
from fashionbatch.inference.head import probabilities_of_features
from fashionbatch.inference.session import open_session
from fashionbatch.training import judging
from fashionbatch.training.judging import answers_of, judged_splits
from fashionbatch.training.report import Reporter
from fashionbatch.training.run import train

pytestmark = pytest.mark.usefixtures("undrawn")

HEAD = """  phases:
    - {train: head, epochs: 2, augmentation: [], optimizer: {name: sgd, learning_rate: 0.1}}
"""
THEN_ALL = """  phases:
    - {train: head, name: top, epochs: 1, augmentation: [], optimizer: {name: sgd, learning_rate: 0.1}}
    - {train: all, name: fine, epochs: 1, augmentation: [], optimizer: {name: sgd, learning_rate: 0.1}}
"""


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(autouse=True)
def with_cache(cache, monkeypatch):
    monkeypatch.setenv("FASHIONBATCH_CACHE_DIR", cache)


@pytest.fixture(scope="module")
def plan(make_plan):
    return make_plan(("  seed: 7\n", f"  seed: 7\n{HEAD}"))


@pytest.fixture(scope="module")
def data(plan):
    return prepare_data(plan)


@pytest.fixture(scope="module")
def trained(plan, plugins, cache, tmp_path_factory):
    """A run of a head on features, and what it said."""
    lines = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FASHIONBATCH_CACHE_DIR", cache)
        patch.setattr("fashionbatch.training.run.draw_pictures", lambda folder, **_: [])
        report = train(plan, tmp_path_factory.mktemp("trained") / "run", plugins=plugins, show=lines.append)
    return report, lines


@pytest.fixture(scope="module")
def features(trained, data, plugins):
    """Of each split, and the probabilities beside them, as the bundle's own session gives them."""
    bundle = open_bundle(trained[0].bundle)
    tensor, outputs = bundle.manifest.features.tensor, bundle.manifest.outputs
    with open_session(bundle, registry=plugins.registry, precision="float32", features=tensor) as session:
        rows = {name: session.predict(split.images) for name, split in data.splits.items()}
    return {name: (one[:, outputs:].copy(), one[:, :outputs]) for name, one in rows.items()}


def answers(trained, data, given, plugins, whole=("train", "validation", "test")):
    lines = []
    bundle = open_bundle(trained[0].bundle)
    judged = judged_splits(data, whole, seed=7)
    reporter = Reporter(lines.append, bars=False)
    return answers_of(bundle, judged, given, registry=plugins.registry, reporter=reporter), lines


def test_a_run_of_a_head_is_judged_by_its_features(trained, data, plugins):
    report, lines = trained
    assert any(line.startswith("judged by known features") for line in lines)
    bundle = open_bundle(report.bundle)
    with open_session(bundle, registry=plugins.registry, precision="float32") as session:
        for name, split in data.splits.items():
            right = (session.predict(split.images).argmax(axis=1) == split.targets.argmax(axis=1)).mean()
            assert report.summary["figures"][name]["accuracy"] == pytest.approx(right)


def test_a_network_that_was_tuned_afterwards_is_judged_wholly(make_plan, plugins, data, tmp_path):
    lines = []
    plan = make_plan(("  seed: 7\n", f"  seed: 7\n{THEN_ALL}"))
    report = train(plan, tmp_path / "run", plugins=plugins, show=lines.append)
    assert any(line.startswith("features of train: 36") for line in lines)
    assert not any(line.startswith("features of test") for line in lines)
    assert not any(line.startswith("judged by known features") for line in lines)
    bundle = open_bundle(report.bundle)
    split = data.splits["test"]
    with open_session(bundle, registry=plugins.registry, precision="float32") as session:
        right = (session.predict(split.images).argmax(axis=1) == split.targets.argmax(axis=1)).mean()
    assert report.summary["figures"]["test"]["accuracy"] == pytest.approx(right)


def test_the_head_gives_what_the_whole_network_gives(trained, features):
    bundle = open_bundle(trained[0].bundle)
    for known, whole in features.values():
        seen = []
        np.testing.assert_allclose(
            probabilities_of_features(bundle, known, progress=seen.append), whole, atol=judging.CLOSE, rtol=0
        )
        assert seen[-1] == len(known)
    assert probabilities_of_features(bundle, np.empty((0, 8), np.float32)).shape == (0, 3)
    with pytest.raises(BundleError, match=r"has no features of the shape \(2, 7\)"):
        probabilities_of_features(bundle, np.zeros((2, 7), np.float32))


def test_only_splits_with_known_features_are_judged_by_them(trained, data, features, plugins, monkeypatch):
    asked = []
    of_features = judging.probabilities_of_features
    monkeypatch.setattr(
        judging,
        "probabilities_of_features",
        lambda bundle, known, **more: [asked.append(len(known)), of_features(bundle, known, **more)][1],
    )
    found, _ = answers(trained, data, {"train": features["train"][0]}, plugins)
    assert asked == [36]
    assert list(found) == ["train", "validation", "test"]
    for name, (_, whole) in features.items():
        np.testing.assert_allclose(found[name], whole, atol=judging.CLOSE, rtol=0)


def test_features_that_give_other_answers_are_not_believed(trained, data, features, plugins):
    wrong = {name: known + 0.5 for name, (known, _) in features.items()}
    found, lines = answers(trained, data, wrong, plugins)
    [line] = [line for line in lines if "whole network" in line]
    assert "gives other answers (largest difference" in line
    for name, (_, whole) in features.items():
        np.testing.assert_array_equal(found[name], whole)


def test_features_of_another_size_are_not_believed(trained, data, features, plugins):
    found, lines = answers(trained, data, {"test": features["test"][0][:, :5]}, plugins)
    assert any("has no features of the shape (12, 5)" in line for line in lines)
    np.testing.assert_array_equal(found["test"], features["test"][1])


# ----------------------------------------------------------------------------------------------------------- samples


@pytest.fixture
def small_sample(monkeypatch):
    monkeypatch.setattr(judging, "SAMPLE", 10)


def test_what_is_not_asked_for_wholly_is_judged_by_a_sample(data, small_sample):
    judged = judged_splits(data, ("validation", "test"), seed=7)
    assert {name: (len(one.data), one.sampled_from) for name, one in judged.items()} == {
        "train": (10, 36),
        "validation": (12, None),
        "test": (12, None),
    }
    rows = judged["train"].rows
    assert sorted(set(rows)) == list(rows)
    split = data.splits["train"]
    assert judged["train"].data.names == [split.names[row] for row in rows]
    np.testing.assert_array_equal(np.concatenate(list(judged["train"].images())), split.images[rows])
    np.testing.assert_array_equal(judged["train"].data.targets, split.targets[rows])
    np.testing.assert_array_equal(judged_splits(data, (), seed=7)["train"].rows, rows)
    assert not np.array_equal(judged_splits(data, (), seed=8)["train"].rows, rows)


def test_validation_is_always_judged_wholly_since_thresholds_come_from_it(data, small_sample):
    judged = judged_splits(data, ("train",), seed=7)
    assert {name: one.sampled_from for name, one in judged.items()} == {"train": None, "validation": None, "test": 12}


def test_a_sample_is_answered_by_its_own_features(trained, data, features, plugins, small_sample):
    found, lines = answers(trained, data, {"train": features["train"][0]}, plugins, whole=())
    rows = judged_splits(data, (), seed=7)["train"].rows
    assert any(line.startswith("judged by known features") for line in lines)
    np.testing.assert_allclose(found["train"], features["train"][1][rows], atol=judging.CLOSE, rtol=0)


def test_reports_say_that_figures_are_those_of_a_sample(make_plan, plugins, tmp_path, small_sample):
    plan = make_plan(("epochs: 4", "epochs: 1"))
    report = train(plan, tmp_path / "run", plugins=plugins, show=lambda line: None)
    figures = report.summary["figures"]
    assert (figures["train"]["images"], figures["train"]["sampled_from"]) == (10, 36)
    assert "sampled_from" not in figures["test"]
    assert report.summary["data"]["images"]["train"] == 36
    document = json.loads((report.run_directory / "report.json").read_text(encoding="utf-8"))["splits"]
    assert (document["train"]["images"], document["train"]["sampled_from"]) == (10, 36)
    assert document["test"]["sampled_from"] is None
    assert "10, a sample of 36" in (report.run_directory / "report.txt").read_text(encoding="utf-8")
    assert "on a sample of 10 of the training images" in report.summary["phases"][0]["overfitting"]["text"]
    [line] = [line for line in summary_lines(report) if line.startswith("train ")]
    assert line.endswith("10 of 36")


def test_everything_is_judged_on_request(make_plan, plugins, tmp_path, small_sample):
    plan = make_plan(("epochs: 4", "epochs: 1"))
    everything = ("train", "validation", "test")
    report = train(plan, tmp_path / "run", plugins=plugins, evaluate=everything, show=lambda line: None)
    assert {name: one["images"] for name, one in report.summary["figures"].items()} == {
        "train": 36,
        "validation": 12,
        "test": 12,
    }


def test_the_command_says_what_the_library_does():
    [option] = [one for one in command.params if one.name == "evaluate"]
    assert option.default == ",".join(judging.OTHERS)
    assert f"a sample of {judging.SAMPLE:,}" in option.help


def test_taken_images_are_read_as_the_array_of_them_would_be(data):
    images, rows = data.splits["train"].images, np.array([3, 5, 30])
    taken = TakenImages(images, rows)
    assert (len(taken), taken.shape, taken.dtype) == (3, (3, *images.shape[1:]), np.uint8)
    np.testing.assert_array_equal(taken[1], images[5])
    np.testing.assert_array_equal(taken[1:], images[[5, 30]])
    np.testing.assert_array_equal(taken[np.array([2, 0])], images[[30, 3]])
