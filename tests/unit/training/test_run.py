"""What a run directory holds, and what becomes of one that is there already."""

from __future__ import annotations

import csv
import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fashionbatch.bundle.open import open_bundle
from fashionbatch.bundle.reference import read_reference
from fashionbatch.data.prepare import prepare_data
from fashionbatch.errors import BundleError, InterruptedRunError, OutputError, RecipeError
from fashionbatch.inference.rebuild import keras_model_of
from fashionbatch.inference.session import open_session
from fashionbatch.training import directory as run_directory
from fashionbatch.training import start
from fashionbatch.training.directory import RunDirectory
from fashionbatch.training.epochs.interrupt import Stopped
from fashionbatch.training.run import TrainingWarning, train


@pytest.fixture(scope="module")
def finished(make_plan, plugins, tmp_path_factory):
    """A finished run, its plan, and what it said."""
    folder, lines = tmp_path_factory.mktemp("runs") / "bars", []
    plan = make_plan()
    report = train(plan, folder, plugins=plugins, show=lines.append)
    return report, plan, lines


def test_a_run_directory_is_whole(finished):
    report, _, _ = finished
    names = {path.name for path in report.run_directory.iterdir()}
    assert names >= {
        "architecture.txt",
        "bundle",
        "checkpoints",
        "classes.png",
        "confusion_matrix.csv",
        "confusion_matrix.png",
        "curves.png",
        "data.json",
        "history.csv",
        "misclassified.png",
        "predictions.png",
        "recipe.yaml",
        "report.json",
        "report.txt",
        "summary.json",
    }
    assert all((report.run_directory / name).stat().st_size for name in report.summary["pictures"])


def test_what_the_recipe_says_in_vain_is_told_before_training(make_plan, plugins, tmp_path):
    phases = "  seed: 7\n  class_weight: {none: 2}\n  phases: [{train: all, optimizer: sgd}]"
    plan, lines = make_plan(("batch_size: 8", "batch_size: 80"), ("  seed: 7", phases)), []
    with pytest.raises(RecipeError, match="the data have no class 'none'"):
        train(plan, tmp_path / "run", plugins=plugins, show=lines.append)
    notes = [line for line in lines if line.startswith("note: ")]
    assert any("a batch may have 80 images, but there are 36 to train on" in note for note in notes)
    assert any(
        "training.optimizer: is used by no phase: 'phase1' has an optimizer of its own" in note for note in notes
    )


def test_each_epoch_is_told_in_one_line(finished):
    _, _, lines = finished
    epochs = [line for line in lines if line.startswith("epoch ")]
    assert len(epochs) == 4
    for figure in (" s  loss ", "  accuracy ", "  val_loss ", "  val_accuracy "):
        assert figure in epochs[0]


def test_the_history_has_a_row_an_epoch(finished):
    report, _, _ = finished
    with open(report.run_directory / "history.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    assert all(float(row["val_loss"]) > 0 for row in rows)


def test_the_summary_says_how_and_how_well(finished):
    report, _, _ = finished
    summary = json.loads((report.run_directory / "summary.json").read_text(encoding="utf-8"))
    assert summary == json.loads(json.dumps(report.summary))
    assert summary["seed"] == 7
    assert summary["data"]["images"] == {"train": 36, "validation": 12, "test": 12}
    assert set(summary["figures"]) == {"train", "validation", "test"}
    assert summary["judged_by"] == "test"
    assert summary["precision"]["training"] in {"float32", "bfloat16"}
    assert summary["phases"][0]["overfitting"]["text"]
    assert {"tensorflow", "keras", "fashionbatch", "python"} <= set(summary["versions"])
    seconds = summary["seconds"]
    assert {"data", "preparation", "conversion", "training", "evaluation", "pictures"} < set(seconds)
    assert seconds["total"] == pytest.approx(sum(spent for part, spent in seconds.items() if part != "total"), abs=1e-6)
    assert seconds["training"] >= sum(phase["seconds"] for phase in summary["phases"])


def test_the_loss_is_the_one_that_was_trained_and_cross_entropy_stands_beside_it(finished):
    report, _, _ = finished
    figures = report.summary["figures"]["validation"]
    assert report.summary["loss"] == "categorical_crossentropy"
    with open(report.run_directory / "history.csv", encoding="utf-8") as file:
        kept = [float(row["val_loss"]) for row in csv.DictReader(file) if row["best"] == "1"][-1]
    assert figures["loss"] == pytest.approx(kept, abs=1e-4)
    assert figures["cross_entropy"] == pytest.approx(kept, abs=1e-4)
    text = (report.run_directory / "report.txt").read_text(encoding="utf-8")
    assert f"loss (categorical_crossentropy)  {figures['loss']:.4f}" in text.replace("   ", "  ")
    assert "cross-entropy" in text


def test_another_loss_than_cross_entropy_is_reported_as_what_it_is(make_plan, plugins, tmp_path, undrawn):
    smoothed = "architecture:", "loss: {name: categorical_crossentropy, label_smoothing: 0.4}\narchitecture:"
    plan = make_plan(smoothed, ("epochs: 4", "epochs: 1"))
    report = train(plan, tmp_path / "run", plugins=plugins, show=lambda line: None)
    figures = report.summary["figures"]["validation"]
    with open(report.run_directory / "history.csv", encoding="utf-8") as file:
        [epoch] = csv.DictReader(file)
    assert figures["loss"] == pytest.approx(float(epoch["val_loss"]), abs=1e-4)
    assert abs(figures["loss"] - figures["cross_entropy"]) > 1e-3


def test_the_bundles_graph_and_its_keras_network_agree(finished, plugins, make_plan):
    report, plan, _ = finished
    bundle = open_bundle(report.bundle)
    images = prepare_data(plan, splits=("test",)).splits["test"].images
    with open_session(bundle, registry=plugins.registry, precision="float32") as session:
        labeled = session.predict(images)
    rebuilt = np.asarray(keras_model_of(bundle, plugins.registry)(images, training=False))
    np.testing.assert_allclose(labeled, rebuilt, atol=1e-5)
    right = prepare_data(plan, splits=("test",)).splits["test"].targets.argmax(axis=1)
    assert (labeled.argmax(axis=1) == right).mean() == report.summary["figures"]["test"]["accuracy"]


def test_the_bundle_knows_what_it_was_made_with(finished):
    report, _, _ = finished
    manifest = open_bundle(report.bundle).manifest
    assert manifest.labels.class_names == ("0", "1", "2")
    assert {(record.kind, record.name) for record in manifest.plugins} >= {
        ("architecture", "mini_vgg"),
        ("head", "multiclass"),
        ("augmentation", "random_flip"),
    }
    assert manifest.precision_parity["float32"].same_labels == 1.0
    made = manifest.graphs["float32"].made
    assert made is not None
    assert {"keras", "openvino", "tensorflow"} <= set(made.versions)
    assert manifest.features is not None


def test_the_bundle_is_checked_by_photos_of_the_validation_split(finished, plugins):
    report, plan, _ = finished
    bundle = open_bundle(report.bundle)
    reference = read_reference(bundle)
    assert reference.source == "validation"
    validation = prepare_data(plan, splits=("validation",)).splits["validation"].images
    for image in reference.images:
        assert (validation == image).all(axis=(1, 2, 3)).any()
    with open_session(bundle, registry=plugins.registry, precision="float32") as session:
        agreement = session.verify()
    assert (agreement.images, agreement.difference) == (len(reference.images), 0.0)


def test_a_run_that_exists_is_not_touched(finished, plugins):
    report, plan, _ = finished
    before = sorted(path.name for path in report.run_directory.iterdir())
    with pytest.raises(OutputError, match="holds a finished run") as caught:
        train(plan, report.run_directory, plugins=plugins, show=lambda line: None)
    assert "--overwrite" in caught.value.hint
    assert sorted(path.name for path in report.run_directory.iterdir()) == before


def test_resuming_a_finished_run_changes_nothing(finished, plugins):
    report, plan, _ = finished
    lines = []
    again = train(plan, report.run_directory, plugins=plugins, resume=True, show=lines.append)
    assert lines == [f"{report.run_directory} is finished already"]
    assert again.summary == json.loads(json.dumps(report.summary))


def test_features_that_are_asked_for_too_late_are_not_forgotten_silently(make_plan, plugins, tmp_path):
    plan = make_plan(("  seed: 7", "  seed: 7\n  phases: [{train: head, epochs: 1, augmentation: []}]"))
    train(plan, tmp_path / "run", plugins=plugins, show=lambda line: None)
    lines = []
    train(plan, tmp_path / "run", plugins=plugins, resume=True, keep_features=True, show=lines.append)
    assert lines[1].startswith("no features are kept")
    assert not (tmp_path / "run" / "features").exists()


def test_a_run_is_not_resumed_with_another_recipe(finished, plugins, make_plan):
    report, _, _ = finished
    other = make_plan(("batch_size: 8", "batch_size: 16"))
    with pytest.raises(OutputError, match=r"another recipe: training\.batch_size was 8, is 16"):
        train(other, report.run_directory, plugins=plugins, resume=True, show=lambda line: None)


def test_a_directory_of_somebody_elses_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious", encoding="utf-8")
    for options in ({"resume": False, "overwrite": True}, {"resume": True, "overwrite": False}):
        with pytest.raises(OutputError, match="holds files, but no run"):
            run_directory.require_usable(RunDirectory(tmp_path), **options)
    assert (tmp_path / "thesis.tex").exists()


def test_resuming_what_is_not_there_is_an_error(tmp_path):
    with pytest.raises(OutputError, match="there is no run to resume"):
        run_directory.require_usable(RunDirectory(tmp_path / "misspelt"), resume=True, overwrite=False)


def test_two_trainings_do_not_share_a_directory(tmp_path):
    directory = RunDirectory(tmp_path / "run")
    with (
        run_directory.locked(directory),
        pytest.raises(OutputError, match="another process"),
        run_directory.locked(directory),
    ):
        pass


def test_a_signal_says_what_is_kept_and_how_to_go_on(make_plan, plugins, tmp_path, finished):
    def interrupt(line):
        if line.startswith("epoch 2/"):
            raise Stopped(15)

    plan = make_plan()
    with pytest.raises(InterruptedRunError, match="2 finished epochs are kept in") as caught:
        train(plan, tmp_path / "run", plugins=plugins, show=interrupt)
    assert caught.value.exit_code == 143
    assert "--resume" in caught.value.hint
    with pytest.raises(OutputError, match="a run that is not finished"):
        train(plan, tmp_path / "run", plugins=plugins, show=lambda line: None)

    # Data that have changed since are noticed; so is everything else that would make it another run.
    marker = tmp_path / "run" / "run.json"
    document = json.loads(marker.read_text(encoding="utf-8"))
    marker.write_text(json.dumps({**document, "fingerprint": "0"}), encoding="utf-8")
    with pytest.raises(OutputError, match="begun with other data"):
        train(plan, tmp_path / "run", plugins=plugins, resume=True, show=lambda line: None)


def test_a_hook_that_fails_does_not_spoil_the_run(make_plan, plugins, tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(
        type(plugins), "notify", lambda self, hook, report: told.append((hook, report)) or ["it failed"]
    )
    plan = make_plan(
        ("epochs: 4", "epochs: 1"),
        ("test: 0.2", "test: 0.0"),
        ("validation: 0.2", "validation: 0.0"),
        ("monitor: val_loss", "monitor: loss"),
    )
    warned = []
    monkeypatch.setattr(warnings, "warn", lambda message, kind=None, **_: warned.append((message, kind)))
    report = train(plan, tmp_path / "run", plugins=plugins, show=lambda line: None)
    assert ("it failed", TrainingWarning) in warned
    assert told == [("training_finished", report)]
    # Nothing was held back: no thresholds, no parity, and the training images judge.
    assert report.summary["judged_by"] == "train"
    assert open_bundle(report.bundle).manifest.precision_parity == {}
    assert open_bundle(report.bundle).manifest.reference.source == "synthetic"


def test_a_group_of_unknown_labels_is_said_before_training(make_plan, plugins, tmp_path):
    plan = make_plan(("architecture:", "head: {name: multilabel, groups: {shape: ['0', round]}}\narchitecture:"))
    with pytest.raises(RecipeError, match=r":\d+:\d+: head\.groups\.shape\.1: the data have no label 'round'"):
        train(plan, tmp_path / "run", plugins=plugins, show=lambda line: None)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "  phases: [{train: head, name: top}, {train: {from: dens1}, name: fine}]",
            r":\d+:\d+: training\.phases\.1\.train\.from: .* no layer 'dens1' to train from; did you mean 'dense1'",
        ),
        ("  class_weight: {'5': 2.0}", r":\d+:\d+: training\.class_weight\.5: the data have no class '5'"),
    ],
)
def test_what_no_phase_can_do_is_said_before_an_earlier_run_is_replaced(make_plan, plugins, tmp_path, line, message):
    (tmp_path / "run.json").write_text("{}", encoding="utf-8")
    plan = make_plan(("  seed: 7", f"  seed: 7\n{line}"))
    with pytest.raises(RecipeError, match=message):
        train(plan, tmp_path, plugins=plugins, overwrite=True, show=lambda line: None)
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_a_network_that_cannot_be_labeled_with_fails_before_anything_is_written(
    make_plan, plugins, tmp_path, monkeypatch
):
    def refuse(model, features):
        raise BundleError("OpenVINO has no such operation")

    monkeypatch.setattr(start, "to_graph", refuse)
    with pytest.raises(BundleError, match="no such operation"):
        train(make_plan(), tmp_path / "run", plugins=plugins, show=lambda line: None)
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that even root cannot write to")
def test_a_place_that_cannot_be_written_is_said_at_once():
    with pytest.raises(OutputError, match="cannot write /proc/run"):
        run_directory.require_usable(RunDirectory(Path("/proc/run")), resume=False, overwrite=False)


def test_what_is_left_out_or_twice_there_is_told_once_and_in_one_line_each(make_plan, plugins, tmp_path):
    generator = np.random.default_rng(0)
    for kind in ("lying", "standing"):
        (tmp_path / kind).mkdir()
        for number in range(20):
            image = generator.integers(0, 255, (12, 12), dtype=np.uint8)
            Image.fromarray(image).save(tmp_path / kind / f"{number}.png")
    for number in range(20):
        shutil.copy(tmp_path / "lying" / "0.png", tmp_path / "lying" / f"again\n{number}.png")
    (tmp_path / "lying" / "cut\nshort.png").write_bytes(b"no image")
    plan = make_plan(("{name: npz, path: bars.npz}", f"{{name: image_folder, path: {tmp_path}}}"))
    lines: list[str] = []

    def stop_before_the_network(line: str) -> None:
        lines.append(line)
        if line.startswith("precision"):
            raise KeyboardInterrupt

    with pytest.raises(InterruptedRunError, match="before the first epoch"):
        train(plan, tmp_path / "run", plugins=plugins, show=stop_before_the_network)
    assert not [line for line in lines if "\n" in line]
    assert len([line for line in lines if "left out" in line]) == 1
    assert len([line for line in lines if "more than one split" in line]) == 1
    assert len(lines) == 4


def test_a_directory_is_held_before_the_network_is_made_and_a_refusal_leaves_nothing(
    make_plan, plugins, tmp_path, monkeypatch
):
    place = tmp_path / "runs" / "bars"

    def refuse(plan, classes):
        with pytest.raises(OutputError, match="another process is training into it"):
            run_directory.require_usable(RunDirectory(place), resume=False, overwrite=False)
        raise BundleError("there is no such network")

    monkeypatch.setattr("fashionbatch.training.run.make_network", refuse)
    with pytest.raises(BundleError, match="no such network"):
        train(make_plan(), place, plugins=plugins, show=lambda line: None)
    assert not (tmp_path / "runs").exists()
