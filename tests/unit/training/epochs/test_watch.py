"""What is decided between epochs follows Keras's callbacks, which recipe writers know."""

from __future__ import annotations

from fashionbatch.training.epochs.watch import Watch


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
