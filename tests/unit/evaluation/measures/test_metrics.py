from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from fashionbatch.decisions import rule_for
from fashionbatch.errors import DataError
from fashionbatch.evaluation.documents import json_text
from fashionbatch.evaluation.measures.figures import FEWEST_POINTS, MATRIX_UP_TO
from fashionbatch.evaluation.measures.metrics import CURVE_POINTS, evaluate_decisions, evaluate_split
from fashionbatch.evaluation.report import confusion_csv

SEVEN = [f"c{number}" for number in range(7)]


def one_hot(numbers, classes):
    return np.eye(classes, dtype=np.float32)[numbers]


def random_probabilities(count, classes, seed=1):
    raw = np.random.default_rng(seed).random((count, classes), dtype=np.float32) ** 3
    return (raw / raw.sum(axis=1, keepdims=True)).astype(np.float32)


def test_one_of_many_counts_what_a_person_would_count():
    probabilities = np.array([[0.7, 0.2, 0.1], [0.4, 0.5, 0.1], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6]], np.float32)
    metrics = evaluate_split(one_hot([0, 0, 1, 2], 3), probabilities, rule_for("one_of_many", ["a", "b", "c"]))
    assert metrics.accuracy == 0.75
    assert metrics.confusion == ((1, 1, 0), (0, 1, 0), (0, 0, 1))
    a, b, c = metrics.classes
    assert (a.support, a.predicted, a.right, a.precision, a.recall) == (2, 1, 1, 1.0, 0.5)
    assert (b.precision, b.recall) == (0.5, 1.0)
    assert c.f1 == 1.0
    assert metrics.loss == pytest.approx(-np.log([0.7, 0.4, 0.8, 0.6]).mean(), rel=1e-6)
    assert metrics.means["micro"].precision == metrics.accuracy
    assert metrics.means["macro"].recall == pytest.approx((0.5 + 1 + 1) / 3)
    assert metrics.means["weighted"].recall == pytest.approx(0.75)
    assert metrics.top_k == {}


def test_every_class_with_images_gives_the_figures_of_scikit_learn():
    from sklearn.metrics import classification_report, log_loss

    numbers = np.arange(700) % 7
    probabilities = random_probabilities(700, 7)
    metrics = evaluate_split(one_hot(numbers, 7), probabilities, rule_for("one_of_many", SEVEN))
    report = classification_report(numbers, probabilities.argmax(axis=1), output_dict=True, zero_division=0)
    for number, figures in enumerate(metrics.classes):
        assert figures.precision == report[str(number)]["precision"]
        assert figures.recall == report[str(number)]["recall"]
        assert figures.support == report[str(number)]["support"]
    assert metrics.means["macro"].f1 == pytest.approx(report["macro avg"]["f1-score"])
    assert metrics.means["weighted"].precision == pytest.approx(report["weighted avg"]["precision"])
    clipped = np.clip(probabilities.astype(np.float64), 1e-7, None)
    assert metrics.loss == pytest.approx(log_loss(numbers, clipped / clipped.sum(axis=1, keepdims=True)), rel=1e-5)


def test_top_k_appears_over_five_classes_and_breaks_ties_by_the_earlier_class():
    even = np.full((2, 7), 1 / 7, np.float32)
    metrics = evaluate_split(one_hot([2, 4], 7), even, rule_for("one_of_many", SEVEN))
    assert metrics.top_k == {3: 0.5, 5: 1.0}
    assert metrics.classes[0].predicted == 2


def test_yes_or_no_has_areas_curves_and_both_classes():
    targets = np.array([[0], [0], [1], [1]], np.float32)
    probabilities = np.array([[0.1], [0.4], [0.35], [0.8]], np.float32)
    metrics = evaluate_split(targets, probabilities, rule_for("yes_or_no", ["cat", "dog"]))
    assert metrics.accuracy == 0.75
    assert metrics.confusion == ((2, 0), (1, 1))
    assert metrics.roc_auc == 0.75
    assert metrics.average_precision == pytest.approx(0.8333333)
    assert [figures.name for figures in metrics.classes] == ["cat", "dog"]
    assert metrics.classes[1].threshold is None
    assert metrics.classes[1].average_precision == metrics.average_precision
    (curve,) = metrics.curves
    assert (curve.name, curve.positive_share) == ("dog", 0.5)
    assert (curve.false_positive_rate[0], curve.true_positive_rate[-1]) == (0.0, 1.0)
    assert metrics.loss == pytest.approx(-np.log([0.9, 0.6, 0.35, 0.8]).mean(), rel=1e-6)


def test_yes_or_no_obeys_its_threshold_and_a_probability_at_it_is_a_yes():
    targets, probabilities = np.array([[1], [0]], np.float32), np.array([[0.25], [0.2]], np.float32)
    without, lower = (rule_for("yes_or_no", ["no", "yes"], thresholds=limits) for limits in ([], [0.25]))
    assert evaluate_split(targets, probabilities, without).accuracy == 0.5
    assert evaluate_split(targets, probabilities, lower).accuracy == 1.0


def test_yes_or_no_with_one_kind_of_image_says_why_there_is_no_curve():
    metrics = evaluate_split(
        np.ones((3, 1), np.float32), np.array([[0.9], [0.8], [0.2]], np.float32), rule_for("yes_or_no", ["no", "yes"])
    )
    assert metrics.roc_auc is None
    assert metrics.curves == ()
    assert metrics.classes[0].recall is None
    assert any("no ROC" in note for note in metrics.notes)


def test_several_of_many_tells_exact_match_from_single_decisions():
    targets = np.array([[1, 1, 0], [0, 1, 0], [1, 0, 0], [0, 1, 0]], np.float32)
    probabilities = np.array([[0.9, 0.8, 0.1], [0.6, 0.9, 0.2], [0.7, 0.1, 0.3], [0.2, 0.7, 0.1]], np.float32)
    metrics = evaluate_split(targets, probabilities, rule_for("several_of_many", ["red", "dress", "hat"]))
    assert metrics.accuracy == 0.75
    assert metrics.label_accuracy == pytest.approx(11 / 12)
    assert metrics.confusion == ()
    red, dress, hat = metrics.classes
    assert (red.precision, red.recall) == (pytest.approx(2 / 3), 1.0)
    assert dress.f1 == 1.0
    assert (hat.support, hat.precision, hat.recall, hat.f1, hat.average_precision) == (0, None, None, None, None)
    assert metrics.mean_average_precision == pytest.approx((red.average_precision + dress.average_precision) / 2)
    assert metrics.means["macro"].precision == pytest.approx((2 / 3 + 1) / 2)
    assert [curve.name for curve in metrics.curves] == ["red", "dress"]
    assert "hat" in metrics.notes[0]


def test_several_of_many_thresholds_are_one_a_label():
    targets = np.array([[1, 0], [0, 1]], np.float32)
    probabilities = np.array([[0.3, 0.6], [0.2, 0.9]], np.float32)
    plain, own = (rule_for("several_of_many", ["red", "dress"], thresholds=limits) for limits in ([], [0.25, 0.7]))
    assert evaluate_split(targets, probabilities, plain).accuracy == 0.5
    assert evaluate_split(targets, probabilities, own).accuracy == 1.0


def test_a_single_label_of_several_is_judged_by_its_yes():
    targets = np.array([[1], [0], [0], [1]], np.float32)
    probabilities = np.array([[0.9], [0.9], [0.1], [0.8]], np.float32)
    (figures,) = evaluate_split(targets, probabilities, rule_for("several_of_many", ["striped"])).classes
    assert (figures.support, figures.precision, figures.recall) == (2, pytest.approx(2 / 3), 1.0)


def test_a_class_that_is_never_given_has_precision_zero_and_a_note():
    metrics = evaluate_split(
        one_hot([0, 1], 3),
        np.array([[0.8, 0.1, 0.1], [0.8, 0.1, 0.1]], np.float32),
        rule_for("one_of_many", ["a", "b", "c"]),
    )
    assert metrics.classes[1].precision == 0.0
    assert metrics.classes[2].precision is None
    assert any("never given" in note and "b" in note for note in metrics.notes)
    assert any("without images" in note and "c" in note for note in metrics.notes)


def test_undecided_images_count_as_wrong_and_stand_in_no_column():
    right, decided = np.array([0, 1, 1]), np.array([0, -1, 1])
    rule = rule_for("one_of_many", ["a", "b"])
    metrics = evaluate_decisions(right, decided, rule)
    assert metrics.accuracy == pytest.approx(2 / 3)
    assert metrics.undecided == 1
    assert metrics.confusion == ((1, 0), (0, 1))
    assert metrics.classes[1].recall == 0.5
    assert metrics.loss is None
    assert evaluate_decisions(np.array([0]), np.array([-1]), rule).confusion == ((0, 0), (0, 0))


def test_long_curves_are_thinned_but_areas_are_not():
    from sklearn.metrics import roc_auc_score

    generator = np.random.default_rng(3)
    targets = (generator.random((20_000, 1)) < 0.3).astype(np.float32)
    probabilities = np.clip(generator.normal(0.4 + 0.1 * targets, 0.2), 0, 1).astype(np.float32)
    metrics = evaluate_split(targets, probabilities, rule_for("yes_or_no", ["no", "yes"]))
    (curve,) = metrics.curves
    assert 100 < len(curve.false_positive_rate) <= CURVE_POINTS + 2
    assert 100 < len(curve.recall) <= CURVE_POINTS + 2
    assert (curve.recall[0], curve.recall[-1]) == (1.0, 0.0)
    assert metrics.roc_auc == pytest.approx(roc_auc_score(targets, probabilities))
    assert np.trapezoid(curve.true_positive_rate, curve.false_positive_rate) == pytest.approx(metrics.roc_auc, abs=0.01)


@pytest.mark.parametrize(
    ("decoding", "classes", "outputs"),
    [("one_of_many", 7, 7), ("yes_or_no", 2, 1), ("several_of_many", 3, 3)],
)
def test_as_dict_survives_json(decoding, classes, outputs):
    probabilities = random_probabilities(50, max(outputs, 2))[:, :outputs]
    targets = one_hot(np.arange(50) % outputs, outputs) if outputs > 1 else (np.arange(50) % 2)[:, None]
    metrics = evaluate_split(targets.astype(np.float32), probabilities, rule_for(decoding, SEVEN[:classes]))
    plain = metrics.as_dict()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["images"] == 50


def test_a_network_that_gives_nan_is_not_given_labels():
    probabilities = np.array([[np.nan, 0.5], [0.5, 0.5]], np.float32)
    with pytest.raises(DataError, match="not a number for 1 of 2"):
        evaluate_split(one_hot([0, 1], 2), probabilities, rule_for("one_of_many", ["a", "b"]))


def test_no_images_is_an_error_and_so_are_shapes_that_do_not_fit():
    with pytest.raises(DataError, match="no images"):
        evaluate_split(np.zeros((0, 2), np.float32), np.zeros((0, 2), np.float32), rule_for("one_of_many", ["a", "b"]))
    with pytest.raises(ValueError, match=r"\(n, 2\)"):
        evaluate_split(np.zeros((1, 3), np.float32), np.zeros((1, 3), np.float32), rule_for("one_of_many", ["a", "b"]))


def test_a_report_of_a_thousand_classes_grows_with_them_and_not_with_their_square():
    classes = 1_300
    numbers = np.arange(2 * classes) % classes
    probabilities = one_hot(np.where(numbers % 100, numbers, (numbers + 1) % classes), classes) * 0.9
    names = [f"class {number}" for number in range(classes)]
    metrics = evaluate_split(one_hot(numbers, classes), probabilities, rule_for("one_of_many", names))
    text = json_text(metrics.as_dict())
    assert len(text) < 400 * classes
    plain = json.loads(text)
    assert plain["confusion"] == []
    assert plain["mistakes"] == [[f"class {number}", f"class {number + 1}", 2] for number in range(0, classes, 100)]
    table = confusion_csv(metrics).splitlines()
    assert table[:3] == ["right,given,images", "class 0,class 1,2", "class 1,class 1,2"]
    assert len(table) == 1 + classes


def test_up_to_a_hundred_classes_the_whole_matrix_is_in_the_report():
    numbers = np.arange(MATRIX_UP_TO)
    names = [f"class {number}" for number in numbers]
    targets = one_hot(numbers, MATRIX_UP_TO)
    metrics = evaluate_split(targets, targets, rule_for("one_of_many", names))
    assert metrics.as_dict()["confusion"] == np.eye(MATRIX_UP_TO, dtype=int).tolist()
    assert len(confusion_csv(metrics).splitlines()) == 1 + MATRIX_UP_TO


def test_curves_of_many_labels_share_the_points_that_one_would_have():
    generator = np.random.default_rng(0)
    targets = (generator.random((300, 2)) < 0.3).astype(np.float32)
    rule = rule_for("several_of_many", ["red", "dress"])
    few = evaluate_split(targets, generator.random((300, 2), dtype=np.float32), rule)
    whole = few.curves[0]
    assert few.as_dict()["curves"][0]["recall"] == list(whole.recall)
    curve, *others = dataclasses.replace(few, curves=few.curves * 300).as_dict()["curves"]
    assert len(others) == 599
    assert len(curve["recall"]) == len(curve["precision"]) == FEWEST_POINTS < len(whole.recall)
    assert (curve["recall"][0], curve["recall"][-1]) == (whole.recall[0], whole.recall[-1])
    assert curve["average_precision"] == whole.average_precision
