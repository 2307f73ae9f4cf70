from __future__ import annotations

import pytest

from fashionbatch.trying.budget import Budget, parse_budget


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("10m", 600), ("1.5h", 5400), (" 2 M ", 120)])
def test_a_budget_is_seconds_minutes_or_hours(text, seconds):
    assert parse_budget(text) == seconds


@pytest.mark.parametrize("text", ["", "10", "m", "0s", "-1m", "1d", "nan s", "1e3s", "9999h", "1m30s"])
def test_what_is_no_budget_is_refused_with_examples(text):
    with pytest.raises(ValueError, match=r"is no budget; write 90s, 10m or 1h"):
        parse_budget(text)


def test_a_budget_is_spent_by_its_clock():
    clock = Clock()
    budget = Budget(60, clock)
    clock.now += 45
    assert (budget.spent, budget.left) == (45, 15)
    assert budget.text() == "45 s of 60 s gone"
    clock.now += 20
    assert budget.left == -5
    assert budget.text() == "65 s of 60 s gone"


def test_until_something_is_judged_a_budget_may_be_exceeded_twice_over():
    clock = Clock()
    budget = Budget(60, clock)
    clock.now += 170
    assert (budget.left, budget.allowed) == (-110, 10)
    budget.answered()
    assert (budget.allowed, budget.first_answer_s) == (-110, 170)
    clock.now += 5
    budget.answered()
    assert budget.first_answer_s == 170
