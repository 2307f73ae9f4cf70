"""What a reader of a picture relies on: every text in full, none over another, and nothing that colour alone says."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from PIL import Image

from fashionbatch.decisions import Reading, rule_for
from fashionbatch.evaluation.measures.metrics import evaluate_split
from fashionbatch.pictures.annotated import draw_annotated
from fashionbatch.pictures.classes import MOST, ROWS, draw_classes
from fashionbatch.pictures.confusion import draw_confusion
from fashionbatch.pictures.curves import PhaseBand, draw_curves
from fashionbatch.pictures.drawing.fonts import find_fonts
from fashionbatch.pictures.drawing.style import DPI
from fashionbatch.pictures.runs import RunPicture, draw_runs
from fashionbatch.pictures.trade_offs import draw_trade_offs

NAMES = [
    "가죽 부츠",
    "حقيبة جلدية",
    "$x_1^2$ 50% off",
    "a\nnewline",
    "_under_^%",
    "{brace}\\frac",
    "a very long name " * 4,
]
FALLING = {"loss": [0.9, 0.1, 0.015], "val_loss": [0.8, 0.3, 0.1], "accuracy": [0.6, 0.9, 1], "val_accuracy": [0.7] * 3}


def metrics_of(names, images=200):
    generator = np.random.default_rng(len(names))
    targets = np.eye(len(names), dtype=np.float32)[generator.integers(0, len(names), images)]
    raw = generator.random(targets.shape, dtype=np.float32) + targets
    return evaluate_split(targets, raw / raw.sum(axis=1, keepdims=True), rule_for("one_of_many", names))


def overlapping(boxes):
    """Pairs of texts that share more than a hairline of ground."""
    shrunk = [(text, box.padded(-1)) for text, box in boxes]
    return [(one, two) for (one, a), (two, b) in itertools.combinations(shrunk, 2) if a.overlaps(b)]


def written(texts):
    return [text for text, _ in texts()]


@pytest.mark.parametrize("lowest", [0.3, 0.015, 0.0001])
def test_the_numbers_on_an_axis_are_plain(lowest, texts, tmp_path):
    draw_curves(FALLING | {"loss": [0.9, 0.1, lowest]}, tmp_path / "curves.png")
    assert not [text for text in written(texts) if "$" in text or "\\" in text or "e−" in text]
    assert any("logarithmic" in text for text in written(texts)) == (lowest < 0.1)


def test_accuracies_that_hardly_differ_are_not_written_as_offsets(texts, tmp_path):
    draw_curves({"accuracy": [1.0, 1.0], "val_accuracy": [0.9999, 0.9999]}, tmp_path / "curves.png")
    assert not [text for text in written(texts) if text.startswith("+")]


@pytest.mark.parametrize("best_epoch", [1, 2, 3])
def test_the_kept_epoch_stands_in_the_legend_where_it_hides_no_curve(best_epoch, figure, texts, tmp_path):
    draw_curves(FALLING, tmp_path / "curves.png", best_epoch=best_epoch)
    axes = figure().axes[0]
    kept = f"epoch {best_epoch}, kept: {FALLING['val_loss'][best_epoch - 1]:.4f}"
    assert kept in [text.get_text() for text in axes.get_legend().get_texts()]
    assert not axes.get_legend().get_window_extent().overlaps(axes.get_window_extent())
    assert not overlapping(texts())


def test_training_and_validation_differ_without_their_colours(figure, tmp_path):
    draw_curves(FALLING, tmp_path / "curves.png")
    training, validation = figure().axes[0].get_lines()[:2]
    assert training.get_marker() != validation.get_marker()
    assert training.get_linestyle() != validation.get_linestyle()


def test_a_curve_that_is_not_a_number_is_said_to_be_none(texts, tmp_path):
    draw_curves(FALLING | {"val_loss": [math.nan] * 3}, tmp_path / "curves.png", best_epoch=2)
    assert "validation: no number" in written(texts)


@pytest.mark.parametrize("lengths", [(1, 1, 200, 1), (1, 2, 60, 3, 1), (30, 30), (1,) * 12, (300, 1, 1, 1, 1)])
def test_the_numbers_of_phases_do_not_meet(lengths, figure, texts, tmp_path):
    last = list(itertools.accumulate(lengths))
    bands = [
        PhaseBand(f"block{end}_with_a_long_name_of_a_layer", end - own + 1, end)
        for own, end in zip(lengths, last, strict=True)
    ]
    values = list(np.linspace(1, 0.5, last[-1]))
    draw_curves({"loss": values, "accuracy": values}, tmp_path / "curves.png", phases=bands)
    assert not overlapping(texts())
    right = figure().get_window_extent().x1
    assert all(box.x1 <= right for _, box in texts())


def test_metrics_have_panels_of_their_own_after_loss_and_accuracy(figure, texts, tmp_path):
    metrics = {"auc": [0.5, 0.6, 0.7], "val_auc": [0.4, math.nan, 0.6], "top_k_accuracy_3": [0.8, 0.9, 0.9]}
    phases = [PhaseBand("head", 1, 1), PhaseBand("all", 2, 3)]
    draw_curves(metrics | FALLING, tmp_path / "curves.png", best_epoch=3, phases=phases)
    panels = [axes.get_ylabel() for axes in figure().axes]
    assert panels == ["loss (logarithmic scale)", "accuracy", "auc", "top_k_accuracy_3"]
    assert "epoch 3, kept: 0.6000" in written(texts)
    assert not overlapping(texts())


def test_a_single_epoch_of_a_phase_is_not_a_range(texts, tmp_path):
    draw_curves(FALLING, tmp_path / "c.png", phases=[PhaseBand("head", 1, 1), PhaseBand("all", 2, 3)])
    assert any("head (epoch 1)" in text and "all (epochs 2 to 3)" in text for text in written(texts))


@pytest.mark.parametrize("title", ["cats-dogs-bottleneck: validation, accuracy 0.9712", "W" * 300, "ㅎ wide " * 30])
def test_a_title_is_as_wide_as_its_figure_at_most(title, figure, tmp_path):
    draw_confusion(((391, 9), (14, 386)), ["cats", "dogs"], tmp_path / "matrix.png", title=title)
    heading = figure()._suptitle
    assert heading.get_window_extent().width <= figure().get_window_extent().width
    assert heading.get_text().replace("\n", " ")[:9] == title[:9]


def test_nothing_is_cut_off_and_little_is_left_around(tmp_path):
    with Image.open(draw_confusion(((391, 9), (14, 386)), ["cats", "dogs"], tmp_path / "matrix.png")) as image:
        inked = np.argwhere(np.asarray(image.convert("L")) < 200)
        (top, left), (bottom, right) = inked.min(axis=0), inked.max(axis=0) + 1
        margins = [top, left, image.height - bottom, image.width - right]
    assert all(0.05 * DPI < margin < 0.2 * DPI for margin in margins)


def test_figures_say_how_large_they_are_in_print(tmp_path):
    with Image.open(draw_curves(FALLING, tmp_path / "curves.png")) as image:
        assert image.info["dpi"] == pytest.approx((DPI, DPI), abs=1)
        assert image.width / DPI == pytest.approx(9.2, abs=0.3)


@pytest.mark.parametrize("classes", [3, 12, 25])
def test_counts_stay_within_their_cells(classes, figure, tmp_path):
    counts = np.full((classes, classes), 12345) + np.eye(classes, dtype=int) * 1_234_567
    draw_confusion(counts.tolist(), [f"class {number}" for number in range(classes)], tmp_path / "matrix.png")
    [axes] = figure().axes
    cell = axes.get_window_extent().width / classes
    assert len(axes.texts) == classes**2
    assert all(text.get_window_extent().width < cell for text in axes.texts)


def test_the_axes_of_a_matrix_say_what_they_are_and_almost_all_is_not_all(texts, tmp_path):
    draw_confusion(((99_999, 1), (0, 5)), ["a", "b"], tmp_path / "matrix.png")
    assert {"right label", "predicted label", "99999\n>99%", "1\n<1%", "5\n100%"} <= set(written(texts))


def test_names_of_any_kind_are_written_as_they_are_and_apart(texts, tmp_path):
    metrics = metrics_of(NAMES)
    draw_confusion(metrics.confusion, NAMES, tmp_path / "matrix.png")
    assert not overlapping(texts())
    assert {"$x_1^2$ 50% off", "a<A>newline", "_under_^%", "{brace}\\frac"} <= set(written(texts))
    draw_classes(metrics.classes, NAMES, tmp_path / "classes.png")
    assert not overlapping(texts())


@pytest.mark.parametrize("classes", [2, 26])
def test_bars_of_classes_and_their_legend_do_not_meet(classes, texts, tmp_path):
    names = [f"category {number:03d} with a long name" for number in range(classes)]
    title = "cats-dogs-bottleneck: validation"
    draw_classes(metrics_of(names).classes, names, tmp_path / "classes.png", title=title)
    assert not overlapping(texts())
    assert "precision and recall" in written(texts)


def test_columns_of_classes_are_about_as_long(figure, tmp_path):
    names = [f"class {number}" for number in range(2 * ROWS + 20)]
    draw_classes(metrics_of(names).classes, names, tmp_path / "classes.png")
    assert [len(axes.get_yticks()) for axes in figure().axes] == [40, 40, 40]


def test_runs_with_long_names_are_told_apart(texts, tmp_path):
    names = [f"runs/experiment_with_a_long_name_{number}_of_the_final_version" for number in range(12)]
    draw_runs([RunPicture(name, FALLING, {"accuracy": 0.9}) for name in names], tmp_path / "runs.png")
    assert not overlapping(texts())
    shown = [text for text in written(texts) if "final" in text]
    assert len(set(shown)) == 12


def test_a_figure_that_is_not_a_number_is_said_to_be_none(texts, tmp_path):
    figures = {"test accuracy": math.nan, "training seconds": 0.0}
    draw_runs([RunPicture("a", {"val_loss": [math.nan]}, figures)], tmp_path / "runs.png")
    assert {"no number", "0"} <= {text.strip() for text in written(texts)}


def draw_labels(labels, path, *, spread):
    generator = np.random.default_rng(0)
    targets = (generator.random((100, labels)) < 0.5).astype(np.float32)
    scores = ((1 - spread) * targets + spread * generator.random(targets.shape)).astype(np.float32)
    names = [f"label {number}" for number in range(labels)]
    draw_trade_offs(evaluate_split(targets, scores, rule_for("several_of_many", names)).curves, names, path)


@pytest.mark.parametrize("labels", [1, 2, 6])
def test_curves_of_labels_differ_without_their_colours_and_the_lowest_is_solid(labels, figure, texts, tmp_path):
    draw_labels(labels, tmp_path / "trade_offs.png", spread=0.7)
    *handles, chance = figure().axes[0].get_legend().legend_handles
    assert len({str(handle._dash_pattern) for handle in handles}) == labels
    assert handles[0].get_linestyle() == "-"
    assert chance.get_color() not in {handle.get_color() for handle in handles}
    assert not overlapping(texts())


@pytest.mark.parametrize(("spread", "panels"), [(0.52, 4), (0.9, 2)])
def test_curves_that_turn_in_a_corner_are_shown_closer_in_panels_of_their_own(spread, panels, figure, texts, tmp_path):
    draw_labels(2, tmp_path / "trade_offs.png", spread=spread)
    axes = figure().axes
    assert len(axes) == panels
    assert not any(one.child_axes for one in axes)
    if panels == 4:
        assert axes[0].get_xlim() == (-0.01, 1.01)
        (left, right), (bottom, top) = axes[2].get_xlim(), axes[2].get_ylim()
        assert left < 0 < right < 0.25
        assert 0.75 < bottom < 1 < top
        # All that is drawn large is as large as the whole.
        assert axes[2].get_position().width == pytest.approx(axes[0].get_position().width, rel=0.05)
    assert not overlapping(texts())


def test_the_legend_of_bars_stands_at_their_axis(figure, tmp_path):
    names = [f"class {number}" for number in range(7)]
    draw_classes(metrics_of(names).classes, names, tmp_path / "classes.png")
    [axes] = figure().axes
    legend, bars = axes.get_legend().get_window_extent(), axes.get_window_extent()
    assert abs(legend.x0 - bars.x0) < 0.05 * bars.width
    assert 0 <= legend.y0 - bars.y1 < 0.1 * DPI


def test_of_a_thousand_classes_the_worst_are_drawn(figure, tmp_path):
    names = [f"class {number}" for number in range(MOST + 1)]
    draw_classes(metrics_of(names, 3 * len(names)).classes, names, tmp_path / "classes.png")
    assert sum(len(axes.get_yticks()) for axes in figure().axes) == MOST
    assert f"the {MOST} lowest F1 of {MOST + 1} classes" in figure().axes[0].get_legend().get_title().get_text()


def test_the_bars_of_a_photo_say_that_they_are_probabilities(texts, tmp_path):
    reading = Reading(("a", "b"), np.array([0.7, 0.3], np.float32), (0,), thresholds=(0.5, 0.5))
    draw_annotated(np.zeros((20, 20, 3), np.uint8), reading, tmp_path / "one.png", title="W" * 200)
    assert "probability; black lines: thresholds" in written(texts)


def test_arabic_words_keep_what_follows_them_on_their_right():
    fonts = find_fonts(["حقيبة جلدية"])
    mark = "\N{LEFT-TO-RIGHT MARK}"
    assert fonts.readable("3 × حقيبة جلدية → a (6%)") == f"3 × {mark}حقيبة جلدية{mark} → a (6%)"
    assert fonts.readable("red, حقيبة, جلدية") == f"red, {mark}حقيبة{mark}, {mark}جلدية{mark}"
