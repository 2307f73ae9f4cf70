"""Scheduling, retries, splitting and stopping, without Ray."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from fashionbatch.errors import FashionBatchError, InterruptedRunError, OutputError, RuntimeUnavailableError
from fashionbatch_plugins.on_ray.dispatch import Dispatcher, Limits
from fashionbatch_plugins.on_ray.work import Died, Done, Event, Failed, IsReady, Place, Refused, Told, Work

ROWS = 16
"""Of each shard."""


HERE = Place("here", "this process", 0, 2, is_here=True)


class FakeCrew:
    """Actors that live in a test: they do at once what they are given, unless the test wants something else of them.

    Args:
        nodes: their names -> how many actors there is room for.
        answer: what becomes of a work: None for done, `dies`, `silent` for one that is never done,
            `until told` for one that is done when it is told to stop, or an error.
        refusing: the nodes whose actors cannot open the job, and why.
        stillborn: the nodes whose actors die before they are ready.
        has_here: whether there is the process of the run, too.
        connected_after: looks for places, until which there is none elsewhere.
    """

    def __init__(
        self,
        nodes: dict[str, int],
        answer: Callable[[Place, Work], str | BaseException | None] = lambda place, work: None,
        *,
        refusing: dict[str, str] | None = None,
        stillborn: Sequence[str] = (),
        has_here: bool = False,
        connected_after: int = 0,
    ) -> None:
        self.nodes = nodes
        self.has_here, self.connected_after, self._looks = has_here, connected_after, 0
        self.refusing = refusing or {}
        self.answer, self.stillborn = answer, stillborn
        self.given: list[tuple[str, Work]] = []
        self.ahead: list[tuple[str, int, int | None]] = []
        self.living: dict[int, Place] = {}
        self.busy: set[int] = set()
        self.most_at_once = 0
        self.stops: list[int] = []
        self.obedient: list[int] = []
        self._started = 0
        self._events: list[Event] = []

    def places(self) -> Sequence[Place]:
        self._looks += 1
        here = [HERE] if self.has_here else []
        nodes = self.nodes if self._looks > self.connected_after else {}
        return [*here, *(Place(node, node, index, 1) for node, count in nodes.items() for index in range(count))]

    def start(self, place: Place) -> int:
        assert place not in self.living.values(), "two actors in one place"
        number, self._started = self._started, self._started + 1
        if place.node in self.stillborn:
            self._events.append(Died(number, "no memory"))
            return number
        self.living[number] = place
        self.most_at_once = max(self.most_at_once, len(self.living))
        reason = self.refusing.get(place.node)
        self._events.append(Refused(number, reason) if reason else IsReady(number))
        return number

    def give(self, actor: int, work: Work, ahead: int | None = None) -> None:
        assert actor not in self.busy, "two works at a time"
        place = self.living[actor]
        self.given.append((place.node, work))
        self.ahead.append((place.node, work.shard, ahead))
        outcome = self.answer(place, work)
        if outcome == "silent":
            self.busy.add(actor)
        elif outcome == "until told":
            self.obedient.append(actor)
        elif outcome == "dies":
            del self.living[actor]
            self._events += [Told(actor, ROWS // 2, 1), Died(actor, "killed")]
        elif isinstance(outcome, BaseException):
            self._events.append(Failed(actor, outcome))
        else:
            self._events += [Told(actor, ROWS // 2, 1), Told(actor, ROWS, 1), Done(actor)]

    def events(self, timeout_s: float, stop: int) -> Sequence[Event]:
        self.stops.append(stop)
        if stop and self.obedient:
            actor = self.obedient.pop()
            self._events += [Told(actor, ROWS, 0), Failed(actor, InterruptedRunError("stopped", signal_number=stop))]
        events, self._events = self._events, []
        return events

    def kill(self, actor: int) -> None:
        del self.living[actor]

    def by(self, node: str) -> list[int]:
        """The shards that a node's actors were given."""
        return [work.shard for name, work in self.given if name == node]

    @property
    def committed(self) -> list[Work]:
        """What was given, without trials."""
        return [work for _, work in self.given if work.trial is None]


NODES = {"a": 1, "b": 2}


class Heard:
    """What the user is told."""

    def __init__(self) -> None:
        self.rows = self.failed = 0
        self.lines: list[str] = []

    def progress(self, rows: int, failed: int) -> None:
        self.rows += rows
        self.failed += failed


def dispatch(
    crew: FakeCrew, shards: Sequence[int], *, stop_signal: Callable[[], int] = lambda: 0, **limits: Any
) -> Heard:
    """Run shards; each look at the clock is three seconds after the one before."""
    heard = Heard()
    Dispatcher(
        crew,
        shards,
        rows=lambda _: ROWS,
        progress=heard.progress,
        stop_signal=stop_signal,
        say=heard.lines.append,
        limits=Limits(**limits),
        clock=itertools.count(0.0, 3.0).__next__,
    ).run()
    return heard


def test_each_shard_is_done_once_and_each_row_told_of_once() -> None:
    crew = FakeCrew(NODES)
    heard = dispatch(crew, range(3, 20))
    assert sorted(work.shard for work in crew.committed) == list(range(3, 20))
    assert (heard.rows, heard.failed) == (17 * ROWS, 17)
    assert crew.most_at_once == 3


def test_no_more_actors_are_started_than_are_wanted_or_have_work() -> None:
    few, short = FakeCrew(NODES), FakeCrew(NODES)
    dispatch(few, range(9), most=2)
    dispatch(short, [7])
    assert (few.most_at_once, short.most_at_once) == (2, 1)


def test_an_actor_that_dies_is_replaced_and_its_shard_is_done_elsewhere() -> None:
    deaths = iter(["dies"])

    def answer(place: Place, work: Work) -> str | None:
        return next(deaths, None) if work.shard == 2 else None

    crew = FakeCrew(NODES, answer)
    heard = dispatch(crew, range(5))
    tried = [node for node, work in crew.given if work.shard == 2]
    assert len(tried) == 2
    assert tried[0] != tried[1]
    assert heard.rows == 5 * ROWS, "rows that are labeled again are told of once"
    assert len(crew.living) == 3


def test_a_node_that_joins_is_used_and_one_that_leaves_is_not_waited_for() -> None:
    def answer(place: Place, work: Work) -> str | None:
        if place.node == "old":
            crew.nodes = {"new": 1}
            return "dies"
        return None

    crew = FakeCrew({"old": 1}, answer)
    dispatch(crew, range(4))
    assert [node for node, _ in crew.given] == ["old", "new", "new", "new", "new"]


@pytest.mark.parametrize("bad", [{0}, {ROWS - 1}, {5}, {5, 6}, {0, 7, 15}])
def test_a_shard_that_kills_every_actor_is_split_and_only_its_bad_files_are_given_up(bad: set[int]) -> None:
    def answer(place: Place, work: Work) -> str | None:
        looked_at = set(work.trial or range(ROWS)) - work.crashed
        return "dies" if work.shard == 1 and looked_at & bad else None

    crew = FakeCrew(NODES, answer)
    heard = dispatch(crew, range(3))
    done = {work.shard: work.crashed for work in crew.committed}
    assert done == {0: frozenset(), 1: frozenset(bad), 2: frozenset()}
    assert heard.rows == 3 * ROWS
    *deaths, searched = [line for line in heard.lines if line.startswith("note: ")]
    assert searched == "note: shard 1 has ended 3 actors; looking for the file that does it"
    assert {line.partition("; ")[2] for line in deaths} == {"what it was labeling is labeled again"}
    assert 1 <= len(deaths) == len(set(deaths)), "of each node it is said once"


def test_a_shard_of_which_no_file_is_to_blame_ends_the_run_in_the_end() -> None:
    crew = FakeCrew(NODES, lambda place, work: "dies" if work.trial is None else None)
    with pytest.raises(FashionBatchError, match=r"shard 4 has ended 9 actors, the last one by: killed"):
        dispatch(crew, [4])


def test_a_shard_all_of_whose_files_kill_is_no_matter_of_files() -> None:
    crew = FakeCrew(NODES, lambda place, work: "dies")
    with pytest.raises(FashionBatchError, match=r"more than 10 files of shard 4 have each ended"):
        dispatch(crew, [4])


def test_an_error_is_tried_again_so_often_and_then_raised() -> None:
    crew = FakeCrew(NODES, lambda place, work: OutputError("no space left"))
    with pytest.raises(OutputError, match="no space left"):
        dispatch(crew, [4], tries=2)
    assert len(crew.given) == 2
    errors = iter([OSError("once")])
    assert dispatch(FakeCrew(NODES, lambda place, work: next(errors, None)), [4]).rows == ROWS


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1)])
def test_what_ends_a_process_is_not_tried_again(error: BaseException) -> None:
    crew = FakeCrew(NODES, lambda place, work: error)
    with pytest.raises(type(error)):
        dispatch(crew, [4])
    assert len(crew.given) == 1


def test_a_node_that_cannot_do_the_job_is_left_out_by_name() -> None:
    crew = FakeCrew(NODES, refusing={"b": "another OpenVINO"})
    heard = dispatch(crew, range(6))
    assert {node for node, _ in crew.given} == {"a"}
    assert heard.lines == ["warning: node b is left out: another OpenVINO"]
    assert list(crew.living.values()) == [Place("a", "a", 0, 1)]


def test_where_every_node_is_left_out_one_error_says_why() -> None:
    crew = FakeCrew({"a": 1, "b": 1}, refusing={"a": "no AVX"}, stillborn=["b"])
    with pytest.raises(RuntimeUnavailableError) as caught:
        dispatch(crew, range(6))
    assert caught.value.message == "no node can do this job: a: no AVX; b: no actor starts there: no memory"


def test_a_run_begins_when_there_is_room_enough_or_not_at_all() -> None:
    crew = FakeCrew({"a": 1})
    with pytest.raises(RuntimeUnavailableError, match="room for 1 actors, and 2 are needed"):
        dispatch(crew, range(6), least=2)
    assert not crew.given


def test_a_request_to_stop_is_told_to_the_actors_and_waited_for_with_patience() -> None:
    crew = FakeCrew(NODES, lambda place, work: "silent")
    asked = itertools.count()
    with pytest.raises(InterruptedRunError) as caught:
        dispatch(crew, range(6), stop_signal=lambda: 15 if next(asked) > 4 else 0)
    assert caught.value.signal_number == 15
    assert crew.stops[-1] == 15
    assert len(crew.given) == 3, "nothing is begun after the signal"


def test_after_a_signal_every_actor_ends_what_it_has_in_hand() -> None:
    crew = FakeCrew(NODES, lambda place, work: "until told")
    heard = Heard()
    with pytest.raises(InterruptedRunError):
        Dispatcher(
            crew,
            range(6),
            rows=lambda _: ROWS,
            progress=heard.progress,
            stop_signal=lambda: 15 if len(crew.given) == 3 else 0,
            say=heard.lines.append,
            limits=Limits(),
        ).run()
    assert heard.rows == 3 * ROWS


def test_a_run_that_is_stopped_before_it_begins_does_nothing() -> None:
    crew = FakeCrew(NODES)
    with pytest.raises(InterruptedRunError):
        dispatch(crew, range(6), stop_signal=lambda: 2)
    assert not crew.given


def test_the_last_line_says_how_fast_actors_were() -> None:
    assert dispatch(FakeCrew(NODES), range(9)).lines[0].startswith("ray: 3 actors on 2 nodes; the slowest, on ")


def test_this_process_labels_until_actors_are_ready_and_then_leaves_it_to_them() -> None:
    crew = FakeCrew({"a": 1}, has_here=True, connected_after=3)
    heard = dispatch(crew, range(9))
    assert crew.by("here") == [0, 1, 2]
    assert crew.by("a") == [3, 4, 5, 6, 7, 8]
    assert heard.rows == 9 * ROWS
    assert heard.lines == [], "one actor is not compared with this process"


def test_this_process_takes_a_shard_of_the_last_where_actors_would_be_done_at_different_times() -> None:
    crew = FakeCrew(
        {"a": 1, "b": 1},
        lambda place, work: None if place.is_here else "silent",
        has_here=True,
        connected_after=1,
    )
    stop = iter([0] * 6)
    with pytest.raises(InterruptedRunError):
        dispatch(crew, range(4), stop_signal=lambda: next(stop, 15))
    assert crew.by("here") == [0, 3], "the first before there are actors; the last one since two are at work"


def test_this_process_never_gets_what_has_ended_an_actor() -> None:
    crew = FakeCrew({"a": 1, "b": 1}, lambda place, work: "dies" if work.shard == 5 else None, has_here=True)
    with pytest.raises(FashionBatchError, match="more than 10 files of shard 5"):
        dispatch(crew, range(6))
    assert 5 not in crew.by("here")


def test_no_actor_is_started_for_a_shard_that_this_process_is_at() -> None:
    crew = FakeCrew({"a": 1}, lambda place, work: "silent", has_here=True, connected_after=2)
    stop = iter([0] * 6)
    with pytest.raises(InterruptedRunError):
        dispatch(crew, [7], stop_signal=lambda: next(stop, 15))
    assert list(crew.living.values()) == [HERE]


def test_room_that_never_comes_ends_the_run_though_this_process_labels() -> None:
    crew = FakeCrew({}, has_here=True)
    with pytest.raises(RuntimeUnavailableError, match="room for 0 actors, and 1 are needed"):
        dispatch(crew, range(500))
    assert crew.by("here")


def test_each_actor_is_told_what_it_gets_next_and_gets_it() -> None:
    crew = FakeCrew({"a": 1, "b": 1})
    dispatch(crew, range(8))
    expected: dict[str, int] = {}
    for node, shard, ahead in crew.ahead:
        assert expected.pop(node, shard) == shard
        if ahead is not None:
            assert ahead not in expected.values(), "begun by two"
            expected[node] = ahead
    assert sum(ahead is not None for _, _, ahead in crew.ahead) >= 4
    assert all(ahead is None for _, _, ahead in crew.ahead[-2:])


def test_what_a_lost_actor_was_to_get_next_goes_to_another() -> None:
    deaths = iter(["dies"])
    crew = FakeCrew({"a": 1, "b": 1}, lambda place, work: next(deaths, None) if place.node == "a" else None)
    heard = dispatch(crew, range(8))
    assert sorted({work.shard for work in crew.committed}) == list(range(8))
    assert heard.rows == 8 * ROWS


@pytest.mark.parametrize("tries", [1, 3])
def test_a_shard_that_kills_before_its_turn_is_found_and_no_other_is_blamed(tries: int) -> None:
    bad = 5

    class Eager(FakeCrew):
        """Its actors look at all of the next shard, too."""

        def give(self, actor: int, work: Work, ahead: int | None = None) -> None:
            self.also = ahead
            super().give(actor, work, ahead)

    def answer(place: Place, work: Work) -> str | None:
        looked_at = set(work.trial or range(ROWS)) - work.crashed
        return "dies" if (work.shard == 4 and bad in looked_at) or crew.also == 4 else None

    crew = Eager({"a": 1, "b": 2}, answer)
    heard = dispatch(crew, range(9), tries=tries)
    assert {work.shard for work in crew.committed if work.crashed} == {4}
    assert heard.rows == 9 * ROWS
    notes = [line for line in heard.lines if line.startswith("note: shard ")]
    assert len(notes) == 1
    assert notes[0].startswith("note: shard 4 has ended ")


def test_nothing_is_begun_ahead_of_a_search() -> None:
    crew = FakeCrew({"a": 1}, lambda place, work: "dies" if work.shard == 0 and not work.crashed else None)
    with pytest.raises(FashionBatchError):
        dispatch(crew, range(3))
    trials = [ahead for (_, work), (_, _, ahead) in zip(crew.given, crew.ahead, strict=True) if work.trial]
    assert trials
    assert set(trials) == {None}
