"""What a plugin's metric gives is looked at before training begins."""

from __future__ import annotations

import dataclasses

import keras
import pytest

from fashionbatch.errors import PluginError
from fashionbatch.model.metrics import build_metrics
from fashionbatch.plan import Resolved, plan_from_text
from fashionbatch.plugins import load_plugins
from fashionbatch.registry import Provider
from fashionbatch.specs import MetricSpec, Parameters

RECIPE = """
version: 1
name: measured
data: {source: {name: npz, path: x.npz}, image: {size: [4, 4], channels: 1}}
architecture: mlp
"""


class Giving(keras.metrics.Metric):
    """A metric whose result is what a function gives."""

    def __init__(self, given):
        super().__init__()
        self.given = given

    def update_state(self, targets, probabilities, sample_weight=None):
        pass

    def result(self):
        return self.given()


def metric(given):
    spec = MetricSpec(name="odd", summary="Odd.", decodings=("one_of_many",), build=lambda *_: Giving(lambda: given))
    return Resolved(spec, Parameters(), Provider("shoes", "1.2"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"a": 0.5}, "dict"),
        ("0.5", "str"),
        (None, "NoneType"),
        (keras.ops.ones(3), "an array of shape (3,)"),
    ],
)
def test_a_metric_that_gives_something_else_than_a_number_is_named(given, said, tmp_path):
    plan = dataclasses.replace(plan_from_text(RECIPE, load_plugins().registry, tmp_path), metrics=(metric(given),))
    with pytest.raises(PluginError) as caught:
        build_metrics(plan, 3)
    assert caught.value.message == f"metric 'odd' of shoes 1.2 must give one number, got {said}"


@pytest.mark.parametrize("given", [1, 0.5, keras.ops.convert_to_tensor(0.5)])
def test_a_metric_may_give_a_plain_number_or_a_tensor(given, tmp_path):
    plan = dataclasses.replace(plan_from_text(RECIPE, load_plugins().registry, tmp_path), metrics=(metric(given),))
    assert [built.name for built in build_metrics(plan, 3)] == ["odd"]
