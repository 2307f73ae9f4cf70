"""Best weights are on disk whole, or there is one clear error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

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


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_best_weights_on_a_full_disk_are_one_clear_error(model, tmp_path):
    (tmp_path / ".best-00001.weights.h5").symlink_to("/dev/full")
    with pytest.raises(
        OutputError, match=r"best-00001\.weights\.h5: cannot be written: No space left on device\n.*free"
    ):
        Checkpoints(tmp_path).save_best(model, 1)
    assert not list(tmp_path.iterdir())
