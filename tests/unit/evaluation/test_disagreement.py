"""How much of the difference between two networks is chance."""

from __future__ import annotations

import pytest

from fashionbatch.evaluation.disagreement import mcnemar


@pytest.mark.parametrize(
    ("only_first", "only_second", "expected"),
    # Two-sided tails of the binomial distribution with 1/2: of 1 of 8 by hand, the others as SciPy's `binomtest` gives.
    [(0, 0, 1.0), (3, 3, 1.0), (1, 7, 2 * (1 + 8) / 256), (7, 1, 2 * (1 + 8) / 256), (12, 48, 3.183628737933597e-06)],
)
def test_chance_goes_by_the_photos_that_one_network_alone_gets_right(
    only_first: int, only_second: int, expected: float
) -> None:
    assert mcnemar(only_first, only_second) == pytest.approx(expected, rel=1e-9)


def test_many_photos_do_not_overflow() -> None:
    assert 0.0 < mcnemar(10_000, 10_400) < 0.01
