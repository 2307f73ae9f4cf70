"""What an epoch's figures count."""

from __future__ import annotations

import numpy as np
import pytest

from fashionbatch.decisions import rule_for
from fashionbatch.specs import Decoding
from fashionbatch.training.epochs.fitting import accuracy_metric

ONE_HALF_AND_NEIGHBOURS = [float(np.nextafter(np.float32(0.5), np.float32(way))) for way in (0, 1)] + [0.5, 0.1, 0.9]


@pytest.mark.parametrize("decoding", ["one_of_many", "yes_or_no", "several_of_many"])
def test_an_epochs_accuracy_counts_the_decisions_of_the_rule(decoding: Decoding) -> None:
    rule = rule_for(decoding, ["cat", "dog"])
    first = np.array(ONE_HALF_AND_NEIGHBOURS, np.float32)
    outputs = np.stack([first, np.full_like(first, 0.5)], axis=1)[:, : rule.outputs]
    decided = rule.decide(outputs).as_array()
    for targets in (np.zeros_like(outputs), np.ones_like(outputs)):
        metric = accuracy_metric(rule)
        metric.update_state(targets, outputs)
        assert float(metric.result()) == pytest.approx(float((rule.truth(targets) == decided).mean()))
