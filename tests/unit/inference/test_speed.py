"""Rates come from turns by an injected clock; nothing here is really timed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from fashionbatch.inference import speed
from fashionbatch.inference.speed import machine_clock, time_in_turns
from fashionbatch.specs import Precision

BATCH = np.zeros((8, 2, 2, 3), np.uint8)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class PacedRuntime:
    """Takes `seconds` for a batch, then gives it back; notes each batch in `log`."""

    slots, version = 4, "paced"

    def __init__(self, name: str, clock: Clock, seconds: Callable[[int], float], log: list[str]) -> None:
        self.name, self.clock, self.seconds, self.log = name, clock, seconds, log
        self.count = 0
        self.under_way: list[int] = []

    def submit(self, key: int, batch: NDArray[np.uint8]) -> None:
        assert len(self.under_way) < self.slots
        self.clock.now += self.seconds(self.count)
        self.count += 1
        self.log.append(self.name)
        self.under_way.append(key)

    def collect(self, *, wait: bool) -> list[tuple[int, NDArray[np.float32]]]:
        if not wait and len(self.under_way) < 2:
            return []
        done, self.under_way = self.under_way, []
        return [(key, np.zeros((8, 3), np.float32)) for key in done]

    def close(self) -> None:
        pass


def timed(
    seconds: dict[Precision, Callable[[int], float]], budget_s: float = 0.25
) -> tuple[dict[Precision, float], list[str], Clock]:
    clock, log = Clock(), list[str]()
    runtimes = {precision: PacedRuntime(precision, clock, pace, log) for precision, pace in seconds.items()}
    rates = time_in_turns(runtimes, BATCH, streams=2, clock=clock, budget_s=budget_s)
    assert all(not runtime.under_way for runtime in runtimes.values())
    return rates, log, clock


def turns(log: Sequence[str], size: int) -> str:
    return "".join(log[begin][0] for begin in range(0, len(log), size))


def test_rates_are_images_a_second_of_batches_that_take_turns_there_and_back() -> None:
    rates, log, _ = timed({"float32": lambda _: 0.08, "int8": lambda _: 0.02})
    assert rates == pytest.approx({"float32": 100, "int8": 400})
    assert turns(log[2:], 2) == "fi" + "if" + "fi"  # after one batch each that is not counted


def test_one_slow_turn_changes_nothing() -> None:
    """As where another program takes the machine for a moment; the first turn warms up and does not count."""
    rates, _, _ = timed({"float32": lambda n: 5.0 if n in {0, 4} else 0.08, "int8": lambda n: 0.5 if n < 1 else 0.02})
    assert rates == pytest.approx({"float32": 100, "int8": 400})


def test_a_drift_meets_all_alike() -> None:
    clock, log = Clock(), list[str]()
    drifting = lambda _: 0.05 * (1 + 0.1 * (clock.now - 100.0))  # noqa: E731 - each batch is slower than the one before
    runtimes: dict[Precision, PacedRuntime] = {
        "float32": PacedRuntime("float32", clock, drifting, log),
        "int8": PacedRuntime("int8", clock, drifting, log),
    }
    rates = time_in_turns(runtimes, BATCH, streams=2, clock=clock)
    assert rates["int8"] == pytest.approx(rates["float32"], rel=0.05)


def test_quick_networks_have_longer_turns_and_more_of_them_within_the_budget() -> None:
    rates, log, clock = timed({"float32": lambda _: 0.001, "int8": lambda _: 0.0005}, budget_s=0.1)
    assert rates == pytest.approx({"float32": 8_000, "int8": 16_000})
    assert len(log) > 60
    assert 0.1 <= clock.now - 100.0 < 0.2


def test_a_slow_network_is_not_timed_longer_than_it_must(monkeypatch: pytest.MonkeyPatch) -> None:
    _, log, _ = timed({"float32": lambda _: 2.0, "int8": lambda _: 1.0}, budget_s=0.0)
    assert len(log) == 2 * (1 + 2 * speed.LEAST_ROUNDS)


def test_a_clock_that_stands_still_gives_a_rate_all_the_same() -> None:
    rates, _, _ = timed({"float32": lambda _: 0.0})
    assert rates["float32"] > 0


def test_on_a_cpu_only_the_work_of_this_process_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed.time, "process_time", lambda: 8.0)
    monkeypatch.setattr(speed.time, "monotonic", lambda: 70.0)
    assert machine_clock("cpu", 4)() == 2.0
    assert machine_clock("gpu", 4)() == 70.0
