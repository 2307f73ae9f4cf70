from __future__ import annotations

import numpy as np
import pytest

from fashionbatch.evaluation.measures.overfitting import Gap, judge_overfitting

FALLING = [0.9, 0.7, 0.55, 0.45, 0.38, 0.33, 0.29, 0.26, 0.23, 0.2, 0.18, 0.16]


def test_a_clean_turn_is_named_with_its_epoch():
    verdict = judge_overfitting(FALLING, [0.8, 0.6, 0.5, 0.42, 0.38, 0.36, 0.38, 0.41, 0.44, 0.48, 0.53, 0.6])
    assert (verdict.kind, verdict.since_epoch) == ("overfitting", 7)
    assert verdict.text.startswith("validation loss rises since epoch 7 while training loss falls: ")
    assert "lowest (0.3600) in epoch 6 of 12" in verdict.text


def test_the_two_epochs_that_early_stopping_waits_for_are_enough():
    verdict = judge_overfitting(FALLING[:6], [0.5, 0.4, 0.35, 0.33, 0.36, 0.40])
    assert (verdict.kind, verdict.since_epoch) == ("overfitting", 5)


def test_a_rise_under_noise_is_found_near_its_turn():
    generator = np.random.default_rng(5)
    epochs = np.arange(40)
    validation = 0.3 + 0.5 * np.exp(-epochs / 4) + 0.01 * np.maximum(0, epochs - 15)
    verdict = judge_overfitting(1 / (1 + epochs), validation + generator.normal(0, 0.015, 40))
    assert verdict.kind == "overfitting"
    assert 13 <= verdict.since_epoch <= 21


def test_losses_that_fall_to_the_end_are_no_overfitting():
    verdict = judge_overfitting(FALLING, [loss + 0.05 for loss in FALLING])
    assert (verdict.kind, verdict.since_epoch) == ("none", None)
    assert verdict.text.startswith("no sign of overfitting")
    assert verdict.text.endswith("in epoch 12 of 12")


@pytest.mark.parametrize("epochs", [12, 25, 60])
def test_jitter_around_a_plateau_is_rarely_taken_for_a_rise(epochs):
    generator = np.random.default_rng(1)
    clean = 0.25 + 0.4 * np.exp(-np.arange(epochs) / 2)
    training = 1 / (1 + np.arange(epochs))
    kinds = [judge_overfitting(training, clean + generator.normal(0, 0.01, epochs)).kind for _ in range(40)]
    assert kinds.count("none") >= 34


def test_one_bad_last_epoch_is_no_rise():
    validation = [0.5, 0.45, 0.41, 0.38, 0.36, 0.35, 0.45]
    verdict = judge_overfitting(FALLING[:7], validation)
    assert verdict.kind == "none"
    assert verdict.text.endswith("has not clearly risen since")


def test_both_losses_rising_is_not_called_overfitting():
    verdict = judge_overfitting([0.5, 0.4, 0.3, 0.5, 0.7, 0.9], [0.6, 0.5, 0.4, 0.6, 0.8, 1.0])
    assert (verdict.kind, verdict.since_epoch) == ("unstable", 4)
    assert "learning rate" in verdict.text


def test_epochs_are_counted_from_where_the_phase_begins():
    verdict = judge_overfitting([0.5, 0.4, 0.3, 0.2, 0.1], [0.5, 0.4, 0.45, 0.5, 0.6], first_epoch=51)
    assert verdict.since_epoch == 53
    assert "epoch 52 of 55" in verdict.text


def test_a_loss_that_is_not_a_number_is_divergence():
    verdict = judge_overfitting([0.5, 0.4, float("nan")], [0.5, 0.4, 0.5])
    assert (verdict.kind, verdict.since_epoch) == ("diverged", 3)


@pytest.mark.parametrize(("losses", "words"), [([], "no validation"), ([0.5], "1 epoch is"), ([0.5, 0.4], "2 epochs")])
def test_what_cannot_be_judged_is_said(losses, words):
    verdict = judge_overfitting(losses, losses)
    assert verdict.kind == "unknown"
    assert words in verdict.text


def test_thousands_of_epochs_are_judged_too():
    epochs = np.arange(5000)
    verdict = judge_overfitting(1 / (1 + epochs), 0.3 + np.abs(epochs - 2000) / 5000)
    assert verdict.kind == "overfitting"
    assert 1950 <= verdict.since_epoch <= 2050


STEADY = [loss + 0.05 for loss in FALLING]


def gap(training, other, images=1000):
    return Gap(training=training, other=other, training_images=4 * images, other_images=images)


def test_a_gap_is_no_absence_of_overfitting_though_validation_loss_falls():
    verdict = judge_overfitting(FALLING, STEADY, gap=gap(0.99, 0.86))
    assert (verdict.kind, verdict.since_epoch) == ("gap", None)
    assert verdict.gap == pytest.approx(0.13)
    assert "no sign of overfitting" not in verdict.text
    assert "accuracy is 0.9900 on the training images and 0.8600 on validation, a gap of 13.0 points: " in verdict.text
    assert "expect the lower figure" in verdict.text
    assert "validation loss does not rise: it was lowest" in verdict.text


def test_a_gap_that_few_images_may_show_by_chance_is_no_verdict_either_way():
    verdict = judge_overfitting(FALLING, STEADY, gap=gap(0.99, 0.86, images=20))
    assert verdict.kind == "unknown"
    assert "which 20 images may show by chance" in verdict.text
    assert "no sign of overfitting" not in verdict.text


@pytest.mark.parametrize(("training", "other"), [(0.99, 0.985), (0.9, 0.93)])
def test_a_network_that_does_as_well_elsewhere_shows_no_sign_and_both_figures(training, other):
    verdict = judge_overfitting(FALLING, STEADY, gap=gap(training, other))
    assert verdict.kind == "none"
    assert verdict.text.startswith("no sign of overfitting: ")
    assert f"{training:.4f} on the training images and {other:.4f} on validation" in verdict.text


def test_a_rise_stays_a_rise_and_tells_the_gap():
    rising = [0.8, 0.6, 0.5, 0.42, 0.38, 0.36, 0.38, 0.41, 0.44, 0.48, 0.53, 0.6]
    verdict = judge_overfitting(FALLING, rising, gap=gap(0.99, 0.86))
    assert (verdict.kind, verdict.since_epoch) == ("overfitting", 7)
    assert verdict.text.startswith("validation loss rises since epoch 7")
    assert "a gap of 13.0 points" in verdict.text


def test_one_epoch_and_a_test_split_alone_are_enough_for_a_gap():
    wide = Gap(training=0.99, other=0.86, training_images=4000, other_images=1000, split="test")
    for verdict in (judge_overfitting([0.5], [0.6], gap=wide), judge_overfitting(FALLING, [], gap=wide)):
        assert verdict.kind == "gap"
        assert "0.8600 on test" in verdict.text
