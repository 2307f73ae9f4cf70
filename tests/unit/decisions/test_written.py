"""Probabilities as a table writes them."""

from __future__ import annotations

import numpy as np
import pytest

from fashionbatch.decisions import as_written
from fashionbatch.decisions.written import least_that_reaches


@pytest.mark.parametrize("minimum", [1e-9, 0.1, 0.123456, 0.1234565, 0.5, 0.9, 0.99999949, 0.9999996, 1.0])
def test_the_least_number_that_reaches_a_minimum_has_none_below_it(minimum: float) -> None:
    least = least_that_reaches(minimum)
    assert as_written(float(least)) >= minimum
    assert as_written(float(np.nextafter(least, np.float32(0)))) < minimum


def test_everything_reaches_nothing() -> None:
    assert least_that_reaches(0.0) == 0
