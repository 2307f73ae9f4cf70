"""A search: seeded, resumable, and nothing is drawn twice."""

from __future__ import annotations

import re

import pytest

from fashionbatch.errors import FashionBatchError, OutputError
from fashionbatch.studies import sweep as sweep_module
from fashionbatch.studies.search import Searcher
from fashionbatch.studies.settings import parse_setting
from fashionbatch.studies.sweep import make_sweep, train_sweep

AXES = [parse_setting("rate=1e-5..1e-1"), parse_setting("size=2..9"), parse_setting("kind=adam,sgd")]


@pytest.fixture(autouse=True)
def optuna():
    return pytest.importorskip("optuna", reason="Optuna is not installed: pip install 'fashionbatch[search]'")


def search(kept, count, make_result, axes=AXES, seed=3):
    searcher = Searcher(kept, axes, seed)
    drawn = []
    for number in range(count):
        settings = searcher.draw(number)
        if settings is None:
            break
        drawn.append(settings)
        worth = 1 - abs(float(settings.get("rate", 0)) - 0.01)
        searcher.tell(settings, [make_result(str(number), validation={"accuracy": worth})])
    return drawn


def test_what_is_drawn_lies_within_the_ranges_and_choices(tmp_path, make_result):
    drawn = search(tmp_path / "trials.jsonl", 12, make_result)
    assert len(drawn) == 12
    assert all(1e-5 <= float(one["rate"]) <= 1e-1 for one in drawn)
    assert all(one["size"] in "23456789" for one in drawn)
    assert {one["kind"] for one in drawn} == {"adam", "sgd"}
    assert any(float(one["rate"]) < 1e-3 for one in drawn)  # by magnitude


def test_a_search_that_was_stopped_draws_what_an_undisturbed_one_draws(tmp_path, make_result):
    whole = search(tmp_path / "whole.jsonl", 13, make_result)
    search(tmp_path / "stopped.jsonl", 11, make_result)
    with (tmp_path / "stopped.jsonl").open("ab") as file:
        file.write(b'{"rate": "0.1')  # killed while it wrote
    assert search(tmp_path / "stopped.jsonl", 13, make_result) == whole


def test_another_seed_draws_something_else(tmp_path, make_result):
    assert search(tmp_path / "a", 3, make_result, seed=1) != search(tmp_path / "b", 3, make_result, seed=2)


def test_nothing_is_drawn_twice_and_few_combinations_end_the_search(tmp_path, make_result):
    axes = [parse_setting("kind=adam,sgd"), parse_setting("size=1,2")]
    drawn = search(tmp_path / "trials.jsonl", 50, make_result, axes=axes)
    assert len(drawn) == len({tuple(one.items()) for one in drawn}) <= 4


def test_what_another_search_drew_is_refused(tmp_path, make_result):
    search(tmp_path / "trials.jsonl", 1, make_result)
    with pytest.raises(OutputError, match="it is of another search"):
        search(tmp_path / "trials.jsonl", 1, make_result, axes=AXES[:1])


def test_without_optuna_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(FashionBatchError, match="--search needs Optuna") as told:
        Searcher(tmp_path / "trials.jsonl", AXES, 1)
    assert "fashionbatch[search]" in told.value.hint


def test_a_search_trains_what_it_draws_and_goes_on(plugins, recipe, tmp_path):
    def run(trials, *, resume):
        lines = []
        sweep = make_sweep(
            str(recipe), ["training.optimizer.learning_rate=1e-4..1e-1", "training.epochs=1"], trials=trials
        )
        report = train_sweep(sweep, tmp_path / "study", plugins=plugins, resume=resume, show=lines.append)
        return report, [line for line in lines if re.match(r"epoch \d+/\d+ ", line)]

    report, trained = run(2, resume=False)
    assert len(trained) == len(report.rows) == 2
    report, trained = run(3, resume=True)
    assert (len(trained), len(report.rows)) == (1, 3)
    other = make_sweep(str(recipe), ["training.optimizer.learning_rate=1e-3..1e-1"], trials=3)
    with pytest.raises(OutputError, match="other settings"):
        train_sweep(other, tmp_path / "study", plugins=plugins, resume=True)


def test_values_that_do_not_go_together_are_a_failed_trial(plugins, recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(sweep_module, "check_search", sweep_module.first_plan)
    lines = []
    sweep = make_sweep(str(recipe), ["architecture.dense=[4],[none]", "training.epochs=1"], trials=2)
    report = train_sweep(sweep, tmp_path / "study", plugins=plugins, show=lines.append)
    assert [result.state for result in report.results].count("failed") == 1
    assert len(report.rows) == 1
