"""pytest turns warnings into errors, so each test here also says that no glyph is missing and nothing is cut off."""

from __future__ import annotations

import math

import matplotlib as mpl
import numpy as np
import pytest

from fashionbatch.decisions import Reading, rule_for
from fashionbatch.errors import OutputError
from fashionbatch.evaluation.measures.metrics import evaluate_split
from fashionbatch.pictures.annotated import draw_annotated
from fashionbatch.pictures.classes import draw_classes
from fashionbatch.pictures.confusion import draw_confusion
from fashionbatch.pictures.curves import PhaseBand, draw_curves
from fashionbatch.pictures.drawing.style import DPI, SIZE_LIMIT
from fashionbatch.pictures.report import draw_evaluation
from fashionbatch.pictures.runs import RunPicture, draw_runs
from fashionbatch.pictures.trade_offs import draw_trade_offs
from fashionbatch.pictures.tries import TryPicture, draw_tries

HISTORY = {
    "loss": [0.9, 0.5, 0.3, 0.2],
    "val_loss": [0.8, 0.5, 0.45, 0.5],
    "accuracy": [0.6, 0.8, 0.9, 0.93],
    "val_accuracy": [0.65, 0.8, 0.85, 0.84],
}
LATIN = ["$5 shirts & $10 ones", "_underscored_", "a very long name of a class that will not fit anywhere"]


def metrics_of(classes, images=400):
    generator = np.random.default_rng(classes)
    targets = np.eye(classes, dtype=np.float32)[generator.integers(0, classes, images)]
    raw = generator.random((images, classes), dtype=np.float32) + 2 * targets
    names = [f"class {number}" for number in range(classes)]
    return evaluate_split(targets, raw / raw.sum(axis=1, keepdims=True), rule_for("one_of_many", names))


def test_curves_are_two_panels_side_by_side(tmp_path, pixels):
    phases = [PhaseBand("head", 1, 2), PhaseBand("from a_layer_with_a_long_name", 3, 4)]
    path = draw_curves(HISTORY, tmp_path / "curves.png", title="shoes", best_epoch=3, phases=phases)
    image = pixels(path)
    assert image.shape[1] > 2 * image.shape[0]
    assert path.stat().st_size < SIZE_LIMIT


@pytest.mark.parametrize(
    "history",
    [
        {"loss": [0.5], "accuracy": [0.9]},
        {"loss": [0.5, math.nan, math.inf]},
        {"loss": [100.0, 0.01], "val_loss": [90.0, 0.02]},
        {},
    ],
)
def test_curves_cope_with_what_trainings_leave(history, tmp_path):
    assert draw_curves(history, tmp_path / "curves.png", best_epoch=1).is_file()


@pytest.mark.parametrize("classes", [2, 10, 40, 130])
def test_a_confusion_matrix_of_any_size_stays_readable_and_small(classes, tmp_path, pixels):
    metrics = metrics_of(classes)
    path = draw_confusion(metrics.confusion, [f"class {number}" for number in range(classes)], tmp_path / "matrix.png")
    image = pixels(path)
    assert path.stat().st_size < SIZE_LIMIT
    assert 2 < image.shape[0] / DPI < 22  # inches
    # A row and a column for each class: ten pixels are enough to tell them apart.
    assert image.shape[1] > 10 * classes


def test_a_confusion_matrix_without_images_is_drawn_too(tmp_path):
    assert draw_confusion(((0, 0), (0, 0)), ["a", "b"], tmp_path / "matrix.png").is_file()


@pytest.mark.parametrize("classes", [2, 60])
def test_bars_of_classes(classes, tmp_path):
    metrics = metrics_of(classes, images=classes + 1)
    path = draw_classes(metrics.classes, [f"class {number}" for number in range(classes)], tmp_path / "classes.png")
    assert path.stat().st_size < SIZE_LIMIT


def test_names_with_dollars_and_underscores_are_names(tmp_path):
    draw_confusion(((3, 1, 0), (0, 2, 0), (1, 0, 4)), LATIN, tmp_path / "matrix.png", title="$x_1$")
    draw_runs([RunPicture(name, HISTORY, {"accuracy": 0.9}) for name in LATIN], tmp_path / "runs.png")


@pytest.mark.parametrize("labels", [1, 9])
def test_trade_offs(labels, tmp_path):
    generator = np.random.default_rng(labels)
    targets = (generator.random((200, labels)) < 0.4).astype(np.float32)
    scores = np.clip(generator.random((200, labels)) * 0.6 + 0.3 * targets, 0, 1).astype(np.float32)
    names = [f"label {number}" for number in range(labels)]
    metrics = evaluate_split(targets, scores, rule_for("several_of_many", names))
    assert draw_trade_offs(metrics.curves, names, tmp_path / "trade_offs.png", title="test").stat().st_size < SIZE_LIMIT


def test_runs_may_lack_curves_or_figures(tmp_path):
    runs = [RunPicture("a", HISTORY, {"accuracy": 0.9}), RunPicture("b", {}, {"seconds": 1234.5}), RunPicture("c")]
    assert draw_runs(runs, tmp_path / "runs.png").is_file()
    assert draw_runs([RunPicture("alone", HISTORY)], tmp_path / "one.png").is_file()


def test_curves_of_runs_are_told_apart_without_colours(monkeypatch, tmp_path):
    lines = []

    def keep(figure, path):
        lines.extend((line.get_linestyle(), line.get_color()) for line in figure.axes[0].get_lines())
        return path

    monkeypatch.setattr("fashionbatch.pictures.runs.save_figure", keep)
    draw_runs([RunPicture(str(number), HISTORY) for number in range(24)], tmp_path / "runs.png")
    assert len({style for style, _ in lines[:4]}) == 4
    assert len(set(lines)) == 24


def test_an_annotated_photo_has_bars_beside_it(tmp_path, pixels):
    photo = np.full((300, 200, 3), (200, 40, 40), np.uint8)
    reading = Reading(tuple(LATIN), np.array([0.1, 0.7, 0.2], np.float32), (1,))
    image = pixels(draw_annotated(photo, reading, tmp_path / "one.png", title="photos/a.jpg"))
    left, right = np.split(image, [image.shape[1] // 2], axis=1)
    reddish = (left[..., 0] > 150) & (left[..., 1] < 90)
    bluish = (right[..., 2] > 150) & (right[..., 0] < 90)
    assert reddish.sum() > 20_000
    assert bluish.sum() > 2_000


@pytest.mark.parametrize("shape", [(900, 60, 3), (40, 900, 3), (300, 300, 3)])
def test_the_labels_stay_within_the_frame_of_a_photo_of_any_shape(shape, tmp_path, pixels):
    names = ("a label with a name that is cut", "another label with a long name", "c")
    reading = Reading(names, np.array([0.5, 0.4, 0.1], np.float32), (0,))
    image = pixels(draw_annotated(np.full(shape, 255, np.uint8), reading, tmp_path / "one.png")).astype(int)
    frame = np.argwhere((np.abs(image[:, : image.shape[1] // 2] - 0xDD) <= 2).all(axis=-1))
    # Black that lets a little of white or of the frame's ground through: more of it in a line than letters have.
    box = (image.max(axis=-1) - image.min(axis=-1) < 3) & (abs(image.mean(axis=-1) - 70) < 4)
    rows, columns = (np.flatnonzero(box.sum(axis=axis) > 25) for axis in (1, 0))
    assert len(columns) > 100
    assert frame[:, 0].min() < rows.min() < rows.max() < frame[:, 0].max()
    assert frame[:, 1].min() < columns.min() < columns.max() < frame[:, 1].max()


def test_several_labels_show_their_thresholds_and_may_be_none(tmp_path):
    photo, probabilities = np.zeros((28, 28, 1), np.uint8), np.array([0.1, 0.2, 0.3], np.float32)
    groups = {"$kind$": 2, "종류": None}
    reading = Reading(tuple(LATIN), probabilities, (), has_many=True, thresholds=(0.5, 0.4, 0.6), groups=groups)
    assert draw_annotated(photo, reading, tmp_path / "one.png").is_file()


def test_the_classes_that_are_shown_first_are_the_likeliest_and_every_chosen_one():
    probabilities = np.array([0.5, 0.1, 0.6, 0.5], np.float32)
    assert Reading(("a", "b", "c", "d"), probabilities, (2,)).first(3) == [2, 0, 3]
    assert Reading(("a", "b", "c", "d"), probabilities, (1,)).first(2) == [2, 1]


def test_a_thousand_classes_are_drawn_as_ten_bars(tmp_path, pixels):
    probabilities = np.full(1000, 0.0005, np.float32)
    probabilities[7] = 0.5
    reading = Reading(tuple(f"class {number}" for number in range(1000)), probabilities, (7,))
    photo = np.zeros((20, 20, 3), np.uint8)
    ten = pixels(draw_annotated(photo, reading, tmp_path / "ten.png"))
    five = pixels(draw_annotated(photo, reading, tmp_path / "five.png", count=5))
    assert 5 * DPI > ten.shape[0] > five.shape[0]


@pytest.mark.parametrize(
    ("probability", "shown"),
    [(0.0, "0.0%"), (0.0004, "<0.1%"), (0.0006, "0.1%"), (0.5, "50.0%"), (0.9996, ">99.9%"), (1.0, "100.0%")],
)
def test_percentages(probability, shown):
    assert Reading(("a",), np.array([probability], np.float32), ()).percentage(0) == shown


def test_a_whole_evaluation_is_drawn_with_korean_names(tmp_path, photos, predictions):
    metrics = metrics_of(3)
    drawn = draw_evaluation(metrics, predictions, photos, predictions.names, tmp_path, title="시험")
    assert [path.name for path in drawn] == ["classes.png", "confusion_matrix.png", "misclassified.png", "montage.png"]


def test_drawing_leaves_matplotlib_as_it_was(tmp_path):
    # Asking for the backend would choose one.
    def settings():
        return {name: mpl.rcParams[name] for name in mpl.rcParams if name != "backend"}

    before = settings()
    draw_curves(HISTORY, tmp_path / "curves.png")
    assert settings() == before


def test_the_same_picture_is_the_same_file(tmp_path):
    one, two = (draw_curves(HISTORY, tmp_path / name).read_bytes() for name in ("a.png", "b.png"))
    assert one == two


def test_a_place_that_cannot_be_written_is_the_users_error_and_leaves_nothing_behind(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        draw_curves(HISTORY, tmp_path / "file" / "curves.png")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_folders_are_made_and_no_temporary_file_stays(tmp_path):
    draw_curves(HISTORY, tmp_path / "a" / "b" / "curves.png")
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["curves.png"]


def test_tries_are_drawn_however_many_and_however_they_are_called(tmp_path):
    tries = [
        TryPicture(f"{name} {number}", name, 0.8 + number / 100, 0.75, 0.9, 5.0 + 9 * len(name), 9.1)
        for name in (*LATIN, "드레스")
        for number in range(4)
    ]
    for count in (1, len(tries)):
        path = draw_tries(tries[:count], tmp_path / f"{count}.png", title="shoes: what was tried")
        assert 0 < path.stat().st_size < SIZE_LIMIT
