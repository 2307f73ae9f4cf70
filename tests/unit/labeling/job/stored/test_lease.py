"""Leases: who holds one, who takes over that of a machine that was lost, and what its holder learns of that."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fashionbatch.errors import InterruptedRunError, OutputError
from fashionbatch.labeling.job.stored.folder import JobFolder
from fashionbatch.labeling.job.stored.lease import Lease, Leases, Times
from fashionbatch.stores.address import Url
from fashionbatch.stores.faults import StoreFaultError

JOB = Url("s3://bucket/jobs/1")
ONE, OTHER = "1" * 16, "2" * 16
# Renewed by hand only, unless a test wants the thread.
TIMES = Times(lease_s=60.0, renew_s=1000.0, poll_s=2.0, settle_s=0.0)


class Clock:
    """Time that passes when somebody waits, here and in the store alike."""

    def __init__(self, kept: Any) -> None:
        self.kept = kept
        self.meanwhile: Callable[[], None] = lambda: None

    def __call__(self) -> float:
        now: float = self.kept.now
        return now

    def wait(self, seconds: float) -> None:
        self.kept.now += seconds
        self.meanwhile()


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))
    return importlib.import_module("kept_store").Kept()


@pytest.fixture
def clock(kept: Any) -> Clock:
    return Clock(kept)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def leases_of(kept: Any, clock: Clock, said: list[str]) -> Callable[..., Leases]:
    """The leases as a machine sees them, given what stands for it."""

    def make(owner: str, stop_signal: Callable[[], int] = lambda: 0) -> Leases:
        folder = JobFolder(JOB, stop_signal, open_objects=kept.open, pause=clock.wait)
        return Leases(folder, owner, said.append, times=TIMES, clock=clock)

    return make


def content(kept: Any, name: str = "all") -> Any:
    return json.loads(kept.objects[f"{JOB}/locks/{name}"][0])


def test_a_lease_that_is_let_go_is_free_at_once(kept: Any, leases_of: Any, said: list[str]) -> None:
    leases_of(ONE).take("all").release()
    assert content(kept)["owner"] == ""
    leases_of(OTHER).take("all").release()
    assert said == []


def test_a_lease_that_is_renewed_while_it_is_watched_is_held(kept: Any, clock: Clock, leases_of: Any) -> None:
    held = leases_of(ONE).take("all")
    began = clock()
    clock.meanwhile = lambda: held.require() if clock() - began > 15 else None
    with pytest.raises(OutputError, match=r"is being worked on by another run \(process \d+ on .+\)"):
        leases_of(OTHER).take("all")
    assert clock() - began < 20
    held.require()
    held.end()


def test_a_lease_of_a_lost_machine_is_taken_over_after_its_time(
    kept: Any, clock: Clock, leases_of: Any, said: list[str]
) -> None:
    lost = leases_of(ONE).take("all")
    began = clock()
    leases_of(OTHER).take("all").end()
    assert 60 < clock() - began < 70
    assert content(kept)["owner"] == OTHER
    assert [line[:27] for line in said] == ["waiting for up to 60 s: pro"]
    with pytest.raises(OutputError, match="was taken over by another run"):
        lost.require()
    assert lost.is_lost
    lost.release()
    assert content(kept)["owner"] == OTHER, "what is lost is not let go of"


def test_a_lease_that_is_old_by_the_stores_clock_is_taken_over_at_once(
    kept: Any, clock: Clock, leases_of: Any, said: list[str]
) -> None:
    leases_of(ONE).take("all").end()
    kept.now += 61
    began = clock()
    leases_of(OTHER).take("all").end()
    assert clock() == began
    assert said == []


def test_where_the_store_tells_no_time_a_lease_is_watched(kept: Any, clock: Clock, leases_of: Any) -> None:
    kept.tells_time = False
    leases_of(ONE).take("all").end()
    kept.now += 1000
    began = clock()
    leases_of(OTHER).take("all").end()
    assert 60 < clock() - began < 70


def test_the_same_machine_need_not_wait_for_its_own_lease(kept: Any, clock: Clock, leases_of: Any) -> None:
    leases_of(ONE).take("all").end()
    began = clock()
    leases_of(ONE).take("all").end()
    assert clock() == began


def test_of_two_that_take_over_at_once_one_wins(kept: Any, clock: Clock, leases_of: Any) -> None:
    leases_of(ONE).take("all").end()
    found = JobFolder(JOB, open_objects=kept.open).find("locks/all")
    first, second = (Lease(JobFolder(JOB, open_objects=kept.open), "all", owner, TIMES) for owner in (ONE, OTHER))
    assert first.take(found)
    assert not second.take(found)
    assert content(kept)["owner"] == ONE
    first.end()


def test_a_renewal_whose_answer_was_lost_does_not_lose_the_lease(
    kept: Any, leases_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = leases_of(ONE).take("all")
    write = JobFolder.write

    def write_unheard(self: Any, path: str, content: bytes, over: Any, **asked: Any) -> Any:
        write(self, path, content, over, **asked)
        return write(self, path, content, over, **asked)

    monkeypatch.setattr(JobFolder, "write", write_unheard)
    held.require()
    held.require()
    assert not held.is_lost
    assert content(kept)["renewed"] == 2
    held.end()


def test_a_store_that_is_out_of_order_loses_no_lease(kept: Any, leases_of: Any) -> None:
    held = leases_of(ONE).take("all")
    kept.refuses = StoreFaultError("failed", "SlowDown: the store answered with status 503")
    with pytest.raises(OutputError, match="SlowDown"):
        held.require()
    held.release()
    kept.refuses = None
    assert not held.is_lost
    assert content(kept)["owner"] == ONE


def test_the_thread_renews_by_itself(kept: Any) -> None:
    folder = JobFolder(JOB, open_objects=kept.open)
    lease = Lease(folder, "all", ONE, Times(lease_s=60.0, renew_s=0.01, poll_s=0.01))
    lease.take(None)
    while content(kept)["renewed"] < 3:
        pass
    lease.release(remove=True)
    assert kept.names() == []


def test_whoever_makes_the_job_is_waited_for(kept: Any, clock: Clock, leases_of: Any, said: list[str]) -> None:
    first = leases_of(ONE).take("setup")
    began = clock()

    def go_on() -> None:
        if clock() - began < 200:
            first.require()
        else:
            first.release(remove=True)

    clock.meanwhile = go_on
    leases_of(OTHER).take("setup", in_turn=True).end()
    assert 200 < clock() - began < 210
    assert len(said) == 1
    assert "which makes the job in s3://bucket/jobs/1" in said[0]


def test_ctrl_c_ends_the_waiting(kept: Any, clock: Clock, leases_of: Any) -> None:
    leases_of(ONE).take("all").end()
    began = clock()
    with pytest.raises(InterruptedRunError, match="interrupted"):
        leases_of(OTHER, lambda: 2 if clock() - began > 3 else 0).take("all")
    assert clock() - began < 4


def test_lost_parts_do_not_keep_a_whole_run_away_and_those_at_work_do(kept: Any, clock: Clock, leases_of: Any) -> None:
    one, other = (leases_of(owner).take(name) for owner, name in ((ONE, "1-of-2"), (OTHER, "2-of-2")))
    third = leases_of("3" * 16)
    assert third.names() == ["1-of-2", "2-of-2"]
    began = clock()
    third.require_none(third.names())
    assert clock() - began < 70, "both are watched at one time"
    with pytest.raises(OutputError, match="was taken over"):
        one.require()
    other.end()
    held = leases_of(ONE).take("1-of-2")
    clock.meanwhile = held.require
    with pytest.raises(OutputError, match="is being worked on"):
        third.require_none(["1-of-2"])
    held.end()


@pytest.mark.parametrize("damaged", [b"", b"[]", b"\xff", b'{"format": 2}'])
def test_a_lease_that_nobody_understands_counts_as_held_for_its_time(
    kept: Any, clock: Clock, leases_of: Any, damaged: bytes
) -> None:
    kept.objects[f"{JOB}/locks/all"] = (damaged, "tag", kept.now)
    began = clock()
    leases_of(ONE).take("all").end()
    assert 60 < clock() - began < 70
