from __future__ import annotations

import pytest

from fashionbatch.trying.budget import Budget, parse_budget
from fashionbatch.trying.reporting import BudgetedReporter, OutOfTimeError, Sparse


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
    assert budget.text() == "15 s left"
    clock.now += 20
    assert budget.left == -5
    assert budget.text() == "0.0 s left"


def test_a_bar_ends_what_goes_over_the_budget():
    clock, lines = Clock(), []
    reporter = BudgetedReporter(lines.append, bars=False, budget=Budget(60, clock))
    with reporter.bar("features", 10, "image") as advance:
        advance(1)
        clock.now += 61
        with pytest.raises(OutOfTimeError):
            advance(2)


def test_of_many_epochs_one_line_every_ten_seconds_is_told():
    clock, lines = Clock(), []
    show = Sparse(lines.append, Budget(60, clock))
    for number in range(1, 31):
        show(f"epoch {number}/30  loss 0.1")
        clock.now += 1
    show("weights of epoch 12 restored")
    assert [line.split("/")[0] for line in lines] == ["epoch 1", "epoch 11", "epoch 21", "weights of epoch 12 restored"]
    assert lines[1].endswith("(50 s left)")
