"""What is decided about one image, for people to look at."""

from __future__ import annotations

import numpy as np

from fashionbatch.decisions import Reading, rule_for


def test_a_reading_says_of_one_image_what_was_decided_among_others() -> None:
    rule = rule_for("several_of_many", ["red", "blue", "dress"], groups={"colour": ["red", "blue"]}).with_minimum(0.4)
    outputs = np.array([[0.1, 0.2, 0.9], [0.3, 0.6, 0.7]], np.float32)
    first, second = (Reading.of(rule.decide(outputs), image, rule=rule, names=["R", "B", "D"]) for image in range(2))
    assert (first.names, first.has_many, first.thresholds) == (("R", "B", "D"), True, (0.4, 0.4, 0.4))
    assert (first.chosen, second.chosen) == ((2,), (2, 1))
    assert (first.groups, second.groups) == ({"colour": None}, {"colour": 1})
    np.testing.assert_array_equal(second.probabilities, outputs[1])
