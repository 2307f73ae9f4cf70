"""What several runs say together."""

from __future__ import annotations

import pytest

from fashionbatch.studies.statistics import spread_of, student_t, wilson


def test_mean_deviation_and_interval_are_those_of_the_textbook():
    found = spread_of([0.71, 0.74, 0.77, 0.78])
    assert found.mean == pytest.approx(0.75)
    assert found.deviation == pytest.approx(0.0316228, abs=1e-6)
    # 3.1824 is the quantile for three degrees of freedom in every table.
    assert (found.low, found.high) == pytest.approx((0.75 - 3.18245 * 0.0158114, 0.75 + 3.18245 * 0.0158114), abs=1e-5)


def test_one_run_has_a_mean_and_nothing_else():
    found = spread_of([0.5])
    assert (found.mean, found.deviation, found.low, found.high) == (0.5, None, None, None)


def test_the_interval_of_a_share_stays_a_share():
    found = spread_of([0.9, 1.0], is_share=True)
    assert found.high == 1.0
    assert found.low is not None
    assert found.low >= 0.0
    assert spread_of([0.9, 1.0]).high > 1.0


@pytest.mark.parametrize(("freedom", "quantile"), [(1, 12.7062), (4, 2.7764), (9, 2.2622)])
def test_quantiles_are_those_of_the_tables(freedom, quantile):
    assert student_t(freedom) == pytest.approx(quantile, abs=1e-4)


def test_wilsons_interval_is_that_of_other_programs():
    # statsmodels.stats.proportion.proportion_confint(325, 372, method="wilson")
    assert wilson(325 / 372, 372) == pytest.approx((0.836, 0.904), abs=1e-3)
    low, high = wilson(1.0, 20)
    assert high == 1.0
    assert low == pytest.approx(0.8389, abs=1e-4)
