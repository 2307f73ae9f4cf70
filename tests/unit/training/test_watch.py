"""What is decided between epochs follows Keras's callbacks, which recipe writers know."""

from __future__ import annotations

import pytest

from fashionbatch.recipe.schedules import ReduceOnPlateau
from fashionbatch.training.watch import Plateau, Watch


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
    assert stopped_after(Watch("val_accuracy", patience=1), [0.5, 0.6, 0.6]) == 3


def test_a_change_below_min_delta_is_no_improvement():
    watch = Watch("loss", min_delta=0.1, patience=1)
    assert stopped_after(watch, [1.0, 0.95]) == 2
    assert watch.best == 1.0


def test_without_patience_training_never_stops_early_but_knows_its_best_epoch():
    watch = Watch("loss")
    assert stopped_after(watch, [1.0, 2.0, 3.0]) is None
    assert watch.best_epoch == 1


@pytest.mark.parametrize("values", [[1.0, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9], [1.0, 1.1, 0.5, 0.6, 0.7, 0.8, 0.4, 0.3]])
@pytest.mark.parametrize("cooldown", [0, 1])
def test_the_rate_falls_when_keras_would_let_it_fall(values, cooldown):
    import keras

    schedule = ReduceOnPlateau(monitor="val_loss", factor=0.5, patience=2, cooldown=cooldown, min_learning_rate=0.01)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    callback = keras.callbacks.ReduceLROnPlateau("val_loss", 0.5, 2, cooldown=cooldown, min_lr=0.01)
    callback.set_model(model)
    callback.on_train_begin()
    plateau, rate, ours, theirs = Plateau(), 0.1, [], []
    for epoch, value in enumerate(values):
        callback.on_epoch_end(epoch, {"val_loss": value})
        theirs.append(float(model.optimizer.learning_rate))
        rate = plateau.rate_after(schedule, value, rate)
        ours.append(rate)
    assert ours == pytest.approx(theirs)


def test_a_rate_below_the_least_one_does_not_rise():
    schedule = ReduceOnPlateau(monitor="val_loss", patience=1, min_learning_rate=0.01)
    assert Plateau(best=1.0).rate_after(schedule, 2.0, 0.001) == 0.001
