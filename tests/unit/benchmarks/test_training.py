"""What the benchmark of training makes of its turns."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture
def training(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import training

    yield training
    for name in ("training", "training_variants"):
        del sys.modules[name]


def turn(train: float, validate: float, cpu: float) -> dict[str, float]:
    return {"train_wall": train, "train_cpu": cpu, "validate_wall": validate, "validate_cpu": 1.0}


def test_a_variant_is_told_by_its_medians_and_as_times_faster_than_what_is_shipped(training: Any) -> None:
    turns = {
        "shipped": [turn(3, 1, 5), turn(30, 1, 5), turn(2, 1, 5)],
        "eigen": [turn(7, 1, 11), turn(6, 1, 11), turn(7, 1, 11)],
    }
    compared = training.compared(turns)
    assert compared["shipped"]["train_wall"] == 3
    assert (compared["shipped"]["times_wall"], compared["eigen"]["times_wall"]) == (1.0, 0.5)
    assert compared["eigen"]["times_cpu"] == 0.5
    report = {"machine": "2 cores", "date": "today", "command": "python it", "variants": compared}
    assert "| `eigen`: without oneDNN | 7.00 | 11.00 | 1.00 | 1.00 | 0.50 | 0.50 |" in training.as_markdown(report)


def test_nothing_is_compared_where_what_is_shipped_was_not_measured(training: Any) -> None:
    compared = training.compared({"eigen": [turn(7, 1, 11)]})
    assert "times_wall" not in compared["eigen"]
