"""Long work is told of: by a bar on a terminal, by a line every ten seconds elsewhere."""

from __future__ import annotations

import sys
import threading
from types import ModuleType

import pytest
import tqdm

from fashionbatch import progress
from fashionbatch.progress import Reporter, bar_class, how_far, no_bar

LINE_EVERY_S = progress.LINE_EVERY_S
"""As users have it; the suite sees no such lines otherwise."""


class Clock:
    """Time that goes on when it is told to."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(progress, "time", made)
    monkeypatch.setattr(progress, "LINE_EVERY_S", LINE_EVERY_S)
    return made


@pytest.fixture
def lines():
    return []


def test_what_is_over_soon_says_nothing(clock, lines):
    with Reporter(lines.append, bars=False).bar("features of train", 100, "image") as advance:
        for done in range(100):
            clock.now = done * 0.09
            advance(done)
    assert lines == []


def test_a_line_every_ten_seconds_says_how_far_it_is_and_how_long_it_takes_yet(clock, lines):
    with Reporter(lines.append, bars=False).bar("features of train", 1000, "image") as advance:
        for done in range(0, 250, 5):
            clock.now = done / 10
            advance(done)
    assert lines == [
        "features of train: 100 of 1,000 images (10/s, 90 s left)",
        "features of train: 200 of 1,000 images (10/s, 80 s left)",
    ]


def test_figures_so_far_stand_at_the_end_of_the_line(clock, lines):
    with Reporter(lines.append, bars=False).bar("epoch 2/5", 40, "batch") as advance:
        clock.now = 20
        advance(10, {"loss": 0.25})
    assert lines == ["epoch 2/5: 10 of 40 batches (0.5/s, 60 s left), loss 0.2500"]


def test_what_has_no_steps_is_told_of_while_it_lasts(clock, lines, monkeypatch):
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.001)
    told = threading.Event()

    def show(line):
        lines.append(line)
        told.set()

    with Reporter(show, bars=False).waiting("converting the network"):
        clock.now = 12
        assert told.wait(60)
    assert set(lines) <= {"converting the network: 0.0 s so far", "converting the network: 12 s so far"}


def test_an_error_ends_the_telling_too(lines):
    before = threading.active_count()
    with pytest.raises(ValueError, match="in the block"), Reporter(lines.append, bars=False).waiting("converting"):
        raise ValueError("in the block")
    assert threading.active_count() == before


def test_bars_are_drawn_on_standard_error_and_leave_no_line(capsys, lines):
    reporter = Reporter(lines.append, bars=True)
    with reporter.bar("labeling test", 3, "image") as advance:
        advance(3, {"loss": 0.5})
    with reporter.waiting("converting the network"):
        pass
    shown = capsys.readouterr()
    assert "labeling test" in shown.err
    assert "converting the network" in shown.err
    assert not shown.out
    assert lines == []


def test_the_bar_that_shows_nothing_takes_what_others_take(capsys):
    with no_bar("reading", 2, "image") as advance:
        advance(1)
        advance(2, {"loss": 0.1})
    assert capsys.readouterr() == ("", "")


def test_what_was_done_before_does_not_count_for_the_rate():
    assert (
        how_far(150, 200, 10, before=50, more=", 3 without label") == "150 of 200 (10/s, 5.0 s left, 3 without label)"
    )
    assert how_far(50, 200, 10, before=50) == "50 of 200 (0.0/s, unknown left)"


def test_a_notebook_gets_bars_of_its_own_kind_and_no_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    on_terminal = bar_class()
    assert issubclass(on_terminal, tqdm.std.tqdm)
    monkeypatch.setitem(sys.modules, "ipykernel", ModuleType("ipykernel"))
    in_notebook = bar_class()
    assert issubclass(in_notebook, tqdm.std.tqdm)
    assert in_notebook is not on_terminal
