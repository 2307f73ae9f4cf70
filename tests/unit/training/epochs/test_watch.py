"""What is decided between epochs follows Keras's callbacks, which recipe writers know."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fashionbatch.training.epochs.history import Epoch
from fashionbatch.training.epochs.watch import Watch, still_improving


def stopped_after(watch, values):
    for epoch, value in enumerate(values, start=1):
        watch.see(epoch, value)
        if watch.stands_still:
            return epoch
    return None


def test_training_stops_when_the_loss_has_not_fallen_for_as_long_as_patience_says():
    watch = Watch("val_loss", patience=2)
    assert stopped_after(watch, [1.0, 0.8, 0.9, 0.8, 0.7]) == 4
    assert (watch.best, watch.best_epoch) == (0.8, 2)


def test_an_accuracy_must_rise():
    assert stopped_after(Watch("val_accuracy", rising=True, patience=1), [0.5, 0.6, 0.6]) == 3


def test_a_change_below_min_delta_is_no_improvement():
    watch = Watch("loss", min_delta=0.1, patience=1)
    assert stopped_after(watch, [1.0, 0.95]) == 2
    assert watch.best == 1.0


def test_without_patience_training_never_stops_early_but_knows_its_best_epoch():
    watch = Watch("loss")
    assert stopped_after(watch, [1.0, 2.0, 3.0]) is None
    assert watch.best_epoch == 1


def history(values):
    """Epochs of one phase with these validation losses."""
    watch = Watch("val_loss")
    return [
        Epoch(
            epoch=number,
            phase="training",
            seconds=1.0,
            learning_rate=0.1,
            loss=0.0,
            accuracy=1.0,
            val_loss=value,
            val_accuracy=0.5,
            best=watch.see(number, value),
        )
        for number, value in enumerate(values, start=1)
    ]


@pytest.mark.parametrize(
    ("values", "figure"),
    [
        ([1.0, 0.9, 0.8, 0.7], "val_loss"),
        ([1.0, 0.9, 0.8, 0.795], None),  # by less than 1%
        ([1.0, 0.7, 0.8, 0.9], None),
        ([1.0, 0.9], "val_loss"),
        ([1.0], None),
        ([1 - number / 100 for number in range(20)] + [0.9], "val_loss"),  # the last but one of 21
        ([1 - number / 100 for number in range(20)] + [0.9, 0.9], None),
    ],
    ids=str,
)
def test_more_epochs_may_help_where_the_last_ones_were_the_best_by_a_margin(make_plan, values, figure):
    plan = make_plan()
    phase = replace(plan.phases[0], epochs=len(values), early_stopping=None, schedule=None)
    assert still_improving(phase, history(values), plan.rising_figures) == figure
    # It was stopped before the end.
    assert still_improving(replace(phase, epochs=len(values) + 1), history(values), plan.rising_figures) is None


def test_a_rate_that_falls_to_the_planned_end_says_nothing_about_more_epochs(make_plan):
    plan = make_plan(("schedule: inverse_time", "schedule: {name: cosine}"))
    [phase] = plan.phases
    assert still_improving(replace(phase, epochs=4), history([1.0, 0.9, 0.8, 0.7]), plan.rising_figures) is None
