from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fashionbatch.bundle.manifest import BundleManifest
from fashionbatch.decisions.decide import decode
from fashionbatch.evaluation.decisions import decide
from fashionbatch.images import POLICY

# Few distinct values, so that ties and probabilities at their threshold are common.
PROBABILITIES = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0, float(np.float32(0.3))])


def manifest(decoding, classes, thresholds):
    names = [f"c{number}" for number in range(classes)]
    return BundleManifest(
        format_version=1,
        name="test",
        labels={"class_names": names, "display_names": names},
        head={"name": "any", "decoding": decoding, "thresholds": thresholds},
        image={"size": (2, 2), "channels": 1},
        decoding_policy=POLICY,
        files={name: {"sha256": "0" * 64, "size": 1} for name in ("model.xml", "model.bin")},
    )


@pytest.mark.parametrize("thresholds", [(), (0.3, 0.5, 0.75)])
@given(probabilities=arrays(np.float32, (4, 3), elements=PROBABILITIES))
def test_what_is_counted_is_what_labeling_decides(thresholds, probabilities):
    if not thresholds:  # one of many has none
        decoded = decode(probabilities, manifest("one_of_many", 3, ()))
        assert (decide(probabilities, "one_of_many") == decoded.winner.classes).all()
    decoded = decode(probabilities, manifest("several_of_many", 3, thresholds))
    assert (decide(probabilities, "several_of_many", thresholds) == decoded.chosen).all()
    for limit in thresholds or ((),):
        limits = (limit,) if thresholds else ()
        decoded = decode(probabilities[:, :1], manifest("yes_or_no", 2, limits))
        assert (decide(probabilities[:, :1], "yes_or_no", limits) == decoded.winner.classes).all()


def test_a_wrong_number_of_thresholds_is_refused():
    with pytest.raises(ValueError, match="expected 3 thresholds, got 2"):
        decide(np.zeros((1, 3), np.float32), "several_of_many", (0.5, 0.5))
