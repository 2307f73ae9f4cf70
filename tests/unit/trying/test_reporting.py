"""What of many trainings in a row is told."""

from __future__ import annotations

import pytest

from fashionbatch.trying.budget import Budget
from fashionbatch.trying.reporting import BudgetedReporter, OutOfTimeError, Sparse


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def told(clock):
    """The lines, and what prints them."""
    lines = []
    return lines, Sparse(lines.append, Budget(60, clock))


@pytest.mark.parametrize(
    "line",
    [
        "10 classes, images: train 3,068, validation 341, test 372",
        "precision float32: TensorFlow was already imported with it",
        "pretrained: 2,270,794 parameters",
        "features of train: 3,068, from the cache",
        "features of train: 3,068 computed by OpenVINO 2026.4.1, and kept in /cache/features/8b5a",
        "phase head: 1 layer learns: head_output",
    ],
)
def test_what_every_training_says_of_itself_is_not_repeated(told, line):
    lines, sparse = told
    sparse(line)
    assert lines == []


@pytest.mark.parametrize(
    "line",
    [
        "features of train (9.0 s of 60 s gone): 2,312 of 3,068 images (230/s, 3.3 s left)",
        "MobileNetV2: 4.5 ms a photo, 9 MB, 224 pixels",
        "warning: the disk is slow",
        "MobileNetV2, head, decay 1, dropout 0, smoothing 0: accuracy 0.8482 by cross-validation, 1 s",
    ],
)
def test_what_is_new_is_told(told, line):
    lines, sparse = told
    sparse(line)
    assert lines == [line]


def test_a_note_is_told_once(told):
    lines, sparse = told
    for line in ("note: one photo is there twice", "note: another", "note: one photo is there twice"):
        sparse(line)
    assert lines == ["note: one photo is there twice", "note: another"]


def test_epochs_that_take_no_time_are_told_every_ten_seconds_and_long_ones_always(told, clock):
    lines, sparse = told
    for number in range(1, 101):
        clock.now += 0.2
        sparse(f"epoch {number:>3}/102     0.2 s  loss 1.2158  accuracy 0.6985")
    assert [line.split()[1] for line in lines] == ["51/102"]
    assert lines[0].endswith("  (10 s of 60 s gone)")
    sparse("epoch 101/102    64.2 s  loss 0.9025  accuracy 0.8422")
    sparse("epoch 102/102    54.6 s  loss 0.9025  accuracy 0.8422")
    assert [line.split()[1] for line in lines[1:]] == ["101/102", "102/102"]


def test_a_bar_ends_what_goes_over_the_budget(clock):
    budget = Budget(60, clock)
    budget.answered()
    reporter = BudgetedReporter(lambda line: None, bars=False, budget=budget)
    with reporter.bar("features of train", 3, "image") as advance:
        advance(1)
        clock.now = 61
        with pytest.raises(OutOfTimeError):
            advance(2)
