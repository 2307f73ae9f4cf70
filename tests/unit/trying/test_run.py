"""A whole try of coloured squares by an architecture that has learnt nothing."""

from __future__ import annotations

import json
import signal
from dataclasses import replace

import pytest
from PIL import Image

from fashionbatch.bundle.open import open_bundle
from fashionbatch.errors import DataError, InterruptedRunError, WeightsError
from fashionbatch.plan import load_plan
from fashionbatch.training.epochs.interrupt import Stopped
from fashionbatch.trying import search
from fashionbatch.trying.folder import look_at_folder
from fashionbatch.trying.heads import HeadSetting
from fashionbatch.trying.results import RECIPE
from fashionbatch.trying.run import try_folder

LONG = 10_000.0


class Clock:
    """Stands still, unless a test moves it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module", autouse=True)
def _short():
    """Two heads, and two epochs of fine-tuning at most."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "HEADS", (HeadSetting(weight_decay=0.004), HeadSetting(weight_decay=1.0)))
        patch.setattr(search, "START_SHARES", (0.6,))
        patch.setattr(search, "MOST_EPOCHS", 2)
        patch.setattr(search, "_MOST_EPOCHS_FROM_NOTHING", 2)
        patch.setattr(search, "head_epochs", lambda images: 3)
        yield


@pytest.fixture(scope="module")
def attempt(plugins, tmp_path_factory):
    """`attempt(photos)` -> the report and the lines that were shown."""

    def run(photos, out=None, *, clock=None, on_line=None, changed=None):
        lines = []

        def show(line):
            lines.append(line)
            if on_line is not None:
                on_line(line)

        out = out or tmp_path_factory.mktemp("tries") / "out"
        folder = look_at_folder(photos, out / RECIPE, plugins.registry)
        report = try_folder(
            replace(folder, **(changed or {})),
            out,
            budget_s=LONG,
            plugins=plugins,
            show=show,
            clock=clock or Clock(),
        )
        return report, lines

    return run


@pytest.fixture(scope="module")
def finished(make_photos, attempt):
    photos = make_photos(train=8, validation=3, test=3)
    (photos / "train" / "red" / "broken.png").write_bytes(b"no image")
    return photos, *attempt(photos)


def after_a_head(do):
    def look(line):
        if line.startswith("Tiny, head"):
            do()

    return look


def test_a_try_leaves_a_table_a_picture_a_recipe_and_a_bundle(finished, plugins):
    _, report, lines = finished
    out = report.directory
    assert {path.name for path in out.iterdir()} >= {"best", "best.yaml", "try.csv", "try.json", "try.png"}
    assert [one.kind for one in report.tried].count("head") == 2
    assert sorted(one.setting for one in report.tried if one.kind == "fine-tuned")[-1].endswith("2 epochs")
    assert any(
        "Tiny fine-tuned from second goes on: 3 epochs of its head, then 2 of fine-tuning" in line for line in lines
    )
    assert not (out / "finalist").exists()
    assert open_bundle(report.bundle).manifest.labels.class_names == ("blue", "green", "red")
    assert report.summary["figures"]["test"]["images"] == 9
    assert report.milliseconds["float32"] > 0
    test = json.loads(json.dumps(report.plain()))["test"]
    assert test["interval"][0] < test["accuracy"] + 1e-9


def test_the_recipe_of_the_best_is_that_of_its_run(finished, plugins):
    _, report, _ = finished
    written = load_plan(str(report.recipe), plugins.registry).resolved()
    trained = load_plan(str(report.directory / "best" / "recipe.yaml"), plugins.registry).resolved()
    assert written["training"]["phases"] == trained["training"]["phases"]
    assert (written["head"], written["loss"]) == (trained["head"], trained["loss"])


def test_a_broken_photo_is_left_out_and_told(finished):
    _, report, _ = finished
    assert any("cannot be decoded" in note and "broken.png" in note for note in report.notes)
    assert report.summary["data"]["left_out"] == 1


def test_a_second_call_finds_out_nothing_again(finished, attempt):
    photos, first, _ = finished
    second, lines = attempt(photos, first.directory)
    assert [line for line in lines if line.startswith(("Tiny, ", "epoch "))] == []
    assert {one.key for one in second.tried} == {one.key for one in first.tried}
    assert second.summary == first.summary


def test_a_budget_that_is_spent_still_gives_the_bundle_of_the_best_so_far(make_photos, attempt):
    clock = Clock()

    def spend():
        clock.now += 2 * LONG

    report, _ = attempt(make_photos(train=8), clock=clock, on_line=after_a_head(spend))
    assert [one.kind for one in report.tried] == ["head"]
    assert open_bundle(report.bundle)
    assert any("longer than the budget" in note for note in report.notes)


def test_ctrl_c_keeps_what_is_finished_and_the_next_call_goes_on(make_photos, attempt):
    def press():
        raise Stopped(signal.SIGINT)

    photos = make_photos(train=8)
    report, _ = attempt(photos, on_line=after_a_head(press))
    assert report.stopped_by == signal.SIGINT
    assert report.summary is None
    assert len(report.tried) == 1
    assert (report.directory / "best.yaml").is_file()
    assert (report.directory / "try.png").is_file()
    longer, lines = attempt(photos, report.directory)
    assert report.tried[0].key in {one.key for one in longer.tried}
    assert len([line for line in lines if line.startswith("Tiny, head")]) == 1


def test_a_budget_that_allows_nothing_is_one_clear_error(make_photos, attempt):
    clock = Clock()

    def spend(line):
        clock.now += 2 * LONG

    with pytest.raises(DataError, match="were over before anything was judged"):
        attempt(make_photos(train=8), clock=clock, on_line=spend)


def test_ctrl_c_before_anything_is_judged_says_so(make_photos, attempt):
    def press(line):
        raise Stopped(signal.SIGTERM)

    with pytest.raises(InterruptedRunError, match="stopped before anything was judged"):
        attempt(make_photos(train=8), on_line=press)


def test_without_weights_it_says_where_to_put_some(make_photos, attempt, plugins, monkeypatch):
    left = {key: claims for key, claims in plugins.registry._entries.items() if key != ("architecture", "tiny")}
    monkeypatch.setattr(plugins.registry, "_entries", left)
    with pytest.raises(WeightsError, match="no pretrained weights are on this machine") as raised:
        attempt(make_photos(train=8))
    assert "FASHIONBATCH_DATA_DIR/weights" in raised.value.hint


def test_one_class_is_nothing_to_tell_apart(make_photos, attempt):
    with pytest.raises(DataError):
        attempt(make_photos(colours=("red",), train=8))


def test_few_photos_of_a_class_are_judged_in_fewer_folds(make_photos, attempt):
    def press():
        raise Stopped(signal.SIGINT)

    report, _ = attempt(make_photos(train=2, validation=1), on_line=after_a_head(press))
    assert any("judged in 3 folds" in note for note in report.notes)


def test_several_labels_are_judged_by_all_of_them(make_photos, attempt):
    photos = make_photos(train=8)
    for colour in ("blue", "green", "red"):
        (photos / "train" / colour).rename(photos / "train" / f"{colour}_square")
    source = {"name": "multilabel_folder", "path": str(photos / "train")}
    report, _ = attempt(photos, changed={"source": source, "head": {"name": "multilabel"}, "split": {}})
    assert open_bundle(report.bundle).manifest.labels.class_names == ("blue", "green", "red", "square")
    assert {one.kind for one in report.tried} == {"head", "fine-tuned"}


def test_tiny_photos_are_tried_by_a_network_from_nothing(make_photos, attempt, plugins, monkeypatch):
    left = {key: claims for key, claims in plugins.registry._entries.items() if key != ("architecture", "tiny")}
    monkeypatch.setattr(plugins.registry, "_entries", left)
    photos = make_photos(train=8)
    for path in photos.rglob("*.png"):
        with Image.open(path) as image:
            smaller = image.resize((20, 20))
        smaller.save(path)
    report, _ = attempt(photos)
    assert {(one.candidate, one.kind) for one in report.tried} == {("mini_vgg", "from nothing")}
    assert open_bundle(report.bundle).manifest.image.size == (20, 20)
