"""Best weights are on disk whole, or there is one clear error."""

from __future__ import annotations

import errno
import os

import numpy as np
import pytest

from fashionbatch.disk import steps
from fashionbatch.errors import OutputError
from fashionbatch.training.checkpoint import Checkpoints


@pytest.fixture
def model():
    import keras

    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.BatchNormalization()])


def test_best_weights_are_loaded_as_they_were(model, tmp_path):
    checkpoints = Checkpoints(tmp_path)
    before = [weight.copy() for weight in model.get_weights()]
    name = checkpoints.save_best(model, 1)
    model.set_weights([weight + 1 for weight in before])
    model.load_weights(checkpoints.best_weights(name))
    for found, expected in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(found, expected)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_best_weights_on_a_full_disk_are_one_clear_error(model, tmp_path, monkeypatch):
    def fail(name, path):
        if name == "sync":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(steps, "step", fail)
    with pytest.raises(OutputError, match=r"best-00001\.weights\.h5: No space left on device\n.*free some space"):
        Checkpoints(tmp_path).save_best(model, 1)
    assert not list(tmp_path.iterdir())
