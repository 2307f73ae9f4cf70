"""The parts of a run's time add up to all of it."""

from __future__ import annotations

import pytest

from fashionbatch.training import clock as module
from fashionbatch.training.clock import Clock


class Time:
    def __init__(self):
        self.now = 100.0

    def perf_counter(self):
        return self.now


@pytest.fixture
def time(monkeypatch):
    made = Time()
    monkeypatch.setattr(module, "time", made)
    return made


def test_what_lies_within_a_part_does_not_count_for_it(time):
    clock = Clock()
    time.now += 1
    with clock.measure("training"):
        time.now += 10
        with clock.measure("features"):
            time.now += 100
        time.now += 20
    time.now += 2
    assert clock.summary() == {"preparation": 3.0, "training": 30.0, "features": 100.0, "total": 133.0}


def test_a_part_under_way_counts_as_far_as_it_is(time):
    clock = Clock()
    with clock.measure("training"):
        time.now += 5
        assert clock.parts()["training"] == 5.0
        time.now += 5
    assert clock.parts() == {"preparation": 0.0, "training": 10.0}


def test_a_part_that_fails_is_over(time):
    clock = Clock()

    def stopped():
        with clock.measure("training"):
            time.now += 5
            raise ValueError("stopped")

    with pytest.raises(ValueError, match="stopped"):
        stopped()
    time.now += 1
    assert clock.summary() == {"preparation": 1.0, "training": 5.0, "total": 6.0}


def test_what_earlier_processes_spent_is_added(time):
    clock = Clock()
    clock.add({"training": 40.0, "data": 2.0})
    with clock.measure("training"):
        time.now += 2
    assert clock.summary() == {"preparation": 0.0, "training": 42.0, "data": 2.0, "total": 44.0}


def test_the_total_is_the_sum_of_what_is_shown(time):
    clock = Clock()
    for part in ("a", "b", "c"):
        with clock.measure(part):
            time.now += 0.33349
    shown = clock.summary()
    assert shown["total"] == pytest.approx(sum(spent for part, spent in shown.items() if part != "total"), abs=1e-9)
