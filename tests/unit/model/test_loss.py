"""A plugin's loss is tried before training begins with it."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from fashionbatch.errors import PluginError
from fashionbatch.model.loss import build_loss
from fashionbatch.plan import Resolved
from fashionbatch.plugins import load_plugins
from fashionbatch.registry import BUILT_IN, Provider
from fashionbatch.specs import LossSpec, Parameters


def loss(call):
    class Odd(keras.losses.Loss):
        def call(self, targets, probabilities):
            return call(targets, probabilities)

    spec = LossSpec(name="odd", summary="Odd.", decodings=("one_of_many",), build=lambda *_: Odd())
    return Resolved(spec, Parameters(), Provider("shoes", "1.2"))


@pytest.mark.parametrize(
    ("call", "weighed", "said"),
    [
        (lambda targets, probabilities: None, False, "call failed: ValueError"),
        (lambda targets, probabilities: "x", False, "call failed: "),
        (lambda targets, probabilities: probabilities, True, "call failed: "),
        (lambda targets, probabilities: keras.ops.sum(targets, axis=-1), False, "call has no gradient"),
    ],
)
def test_a_loss_that_nothing_can_be_learnt_by_is_named(call, weighed, said):
    with pytest.raises(PluginError) as caught:
        build_loss(loss(call), None, outputs=3, weighed=weighed)
    assert caught.value.message.startswith(f"plugin shoes 1.2 (loss 'odd'): {said}")


@pytest.mark.parametrize("entry", list(load_plugins().registry.entries("loss")), ids=lambda entry: entry.spec.name)
def test_each_built_in_loss_is_one_that_can_be_learnt_by(entry):
    for decoding in entry.spec.decodings:
        several = decoding == "several_of_many"
        component = Resolved(entry.spec, entry.spec.parameters(), Provider(BUILT_IN, "1.0"))
        weights = np.ones(3, np.float32) if several else None
        built = build_loss(component, weights, outputs=1 if decoding == "yes_or_no" else 3, weighed=not several)
        assert isinstance(built, keras.losses.Loss)
