"""Which actor gets which shard, and what follows when one fails, dies or cannot do the job. Knows nothing of Ray."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from fashionbatch.errors import FashionBatchError, InterruptedRunError, RuntimeUnavailableError
from fashionbatch.specs import ShardProgress, StopSignal
from fashionbatch_plugins.on_ray.search import Search
from fashionbatch_plugins.on_ray.work import Crew, Died, Done, Event, Failed, IsReady, Place, Refused, Told, Work

_TICK_S = 0.25
_LOOK_FOR_PLACES_S = 2.0
_START_TRIES = 3
_SEARCHES = 2


@dataclass(frozen=True)
class Limits:
    """What a run may do.

    Attributes:
        least: actors there must be room for before it begins.
        most: actors that work at a time; None for as many as there is room for.
        tries: how often a shard is tried, whether it fails or its actor dies, before it is given up or searched.
        wait_s: seconds to wait for room for actors.
        patience_s: seconds without a row, after a request to stop, until actors are killed.
    """

    least: int = 1
    most: int | None = None
    tries: int = 3
    wait_s: float = 60.0
    patience_s: float = 30.0


@dataclass
class _Actor:
    place: Place
    is_ready: bool = False
    work: Work | None = None
    ahead: int | None = None
    since: float = 0.0
    busy_s: float = 0.0
    rows: int = 0
    rows_of_work: int = 0


@dataclass
class _Shard:
    """What has happened to a shard so far.

    Attributes:
        rows: how many of its rows the user was told of.
        failed: and how many of those have no label.
        deaths: of actors that had it.
        errors: how often it raised one.
        error: the first of those; what comes later may be but a consequence.
        searches: how often it was searched.
        search: the one that is under way.
        died_on: nodes.
        is_suspect: whether it has ended an actor or failed, or was being begun when an actor died. Then it is labeled
            alone, so that one knows what is to blame.
    """

    rows: int = 0
    failed: int = 0
    deaths: int = 0
    errors: int = 0
    error: BaseException | None = None
    searches: int = 0
    search: Search | None = None
    died_on: set[str] = field(default_factory=set)
    is_suspect: bool = False


class Dispatcher:
    """Runs shards on a crew.

    Args:
        crew: that does them.
        shards: their numbers.
        rows: says how many rows a shard has.
        progress: is told of each row once, however often it is labeled.
        stop_signal: as `EngineSpec.run` gets it.
        say: shows the user a line.
        limits: what it may do.
        clock: seconds.
    """

    def __init__(
        self,
        crew: Crew,
        shards: Sequence[int],
        *,
        rows: Callable[[int], int],
        progress: ShardProgress,
        stop_signal: StopSignal,
        say: Callable[[str], None],
        limits: Limits,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._crew = crew
        self._rows = rows
        self._progress = progress
        self._stop_signal = stop_signal
        self._say = say
        self._limits = limits
        self._clock = clock
        self._waiting = deque(Work(shard) for shard in shards)
        self._shards = {shard: _Shard() for shard in shards}
        self._left = set(shards)
        self._actors: dict[int, _Actor] = {}
        self._left_out: dict[str, str] = {}
        self._failed_starts: Counter[str] = Counter()
        self._lost_one: set[str] = set()
        self._has_begun = False
        self._looked = -_LOOK_FOR_PLACES_S
        self._moved = self._had_room = clock()

    def run(self) -> None:
        """Return when every shard is done.

        Raises:
            InterruptedRunError: there was a signal.
            RuntimeUnavailableError: nowhere can the job be done.
            FashionBatchError: a shard ends actors, and no few files of it are to blame.
            BaseException: what a shard raised, the first time that it was tried.
        """
        self._moved = self._had_room = self._clock()
        while self._left:
            stop = self._stop_signal()
            if stop:
                self._end_soon(stop)
            else:
                self._hire()
                self._hand_out()
            for event in self._crew.events(_TICK_S, stop):
                self._heed(event)
        self._say_how_fast()

    # --------------------------------------------------------------------------------------------------- actors

    def _hire(self) -> None:
        """Start actors where there is room for them."""
        now = self._clock()
        if now - self._looked < _LOOK_FOR_PLACES_S:
            return
        self._looked = now
        found = self._crew.places()
        self._start(place for place in found if place.is_here)
        elsewhere = [place for place in found if not place.is_here]
        places = [place for place in elsewhere if place.node not in self._left_out]
        if self._left_out and elsewhere and not places and not self._hired:
            raise RuntimeUnavailableError(f"no node can do this job: {'; '.join(self._left_out.values())}")
        if not self._has_begun:
            self._has_begun = len(places) >= self._limits.least
        if self._hired or (self._has_begun and places):
            self._had_room = now
        elif now - self._had_room > self._limits.wait_s:
            raise RuntimeUnavailableError(
                f"Ray has room for {len(places)} actors, and {self._limits.least} are needed",
                hint="`--engine-set cores=1` makes actors smaller, `least_actors` says how many are needed",
            )
        if not elsewhere or not self._has_begun:
            # As soon as it is known what there is.
            self._looked = -_LOOK_FOR_PLACES_S
            return
        # No more than have something to do: a shard that is searched needs one as well.
        done_here = sum(actor.work is not None for actor in self._actors.values() if actor.place.is_here)
        self._start(places, min(self._limits.most or len(places), len(self._left) - done_here))

    def _start(self, places: Iterable[Place], most: int | None = None) -> None:
        taken = {actor.place for actor in self._actors.values()}
        for place in places:
            if most is not None and len(self._hired) >= most:
                break
            if place not in taken:
                self._actors[self._crew.start(place)] = _Actor(place)

    @property
    def _hired(self) -> list[_Actor]:
        """The actors that are not this process."""
        return [actor for actor in self._actors.values() if not actor.place.is_here]

    def _hand_out(self) -> None:
        idle = {number: actor for number, actor in self._actors.items() if actor.is_ready and actor.work is None}
        here = [number for number, actor in idle.items() if actor.place.is_here]
        for number in here:
            del idle[number]
        while idle and self._waiting:
            work = self._next()
            died_on = self._shards[work.shard].died_on
            # What has killed an actor is tried elsewhere, where there is an elsewhere.
            number = min(idle, key=lambda each: (idle[each].place.node in died_on, idle[each].ahead != work.shard))
            self._give(number, idle.pop(number), work)
        for number in here:
            self._help(number)

    def _next(self) -> Work:
        """Take what is to be done next: what a busy actor is about to begin only where there is nothing else."""
        begun = {actor.ahead for actor in self._hired if actor.work is not None}
        work = next((each for each in self._waiting if each.shard not in begun), self._waiting[0])
        self._waiting.remove(work)
        return work

    def _help(self, number: int) -> None:
        """Have this process label a shard while nobody else can, or so late that an actor would be done last."""
        ready = sum(actor.is_ready for actor in self._hired)
        if ready and len(self._waiting) >= ready:
            return
        # What ends actors is not for the process that all depends on.
        harmless = (each for each in self._waiting if not self._shards[each.shard].is_suspect)
        work = next(harmless, None)
        if work is not None:
            self._waiting.remove(work)
            self._give(number, self._actors[number], work)

    def _give(self, number: int, actor: _Actor, work: Work) -> None:
        actor.ahead = self._next_but_one(actor) if not self._shards[work.shard].is_suspect else None
        actor.work, actor.since, actor.rows_of_work = work, self._clock(), 0
        self._crew.give(number, work, actor.ahead)

    def _next_but_one(self, actor: _Actor) -> int | None:
        """What an actor is likely to get after what it gets now; None where nobody can say."""
        others_idle = sum(other.is_ready and other.work is None for other in self._hired if other is not actor)
        # At the end, when there is not one for each, whoever is free first gets what is left.
        if actor.place.is_here or len(self._waiting) - others_idle < len(self._hired):
            return None
        begun = {other.ahead for other in self._hired if other is not actor}
        waiting = (each.shard for each in self._waiting if not self._shards[each.shard].is_suspect)
        return next((shard for shard in waiting if shard not in begun), None)

    def _end_soon(self, stop: int) -> None:
        """Let actors finish what they have in hand, as far as they move."""
        busy = [number for number, actor in self._actors.items() if actor.work is not None]
        if busy and self._clock() - self._moved < self._limits.patience_s:
            return
        raise InterruptedRunError("interrupted", signal_number=stop)

    # --------------------------------------------------------------------------------------------------- events

    def _heed(self, event: Event) -> None:
        actor = self._actors.get(event.actor)
        if actor is None:
            return  # It was killed with its node, a moment ago.
        match event:
            case IsReady():
                actor.is_ready = True
            case Refused():
                self._leave_out(actor.place, event.reason)
            case Told():
                self._count(actor, event.rows, event.failed)
            case Done():
                self._done(actor)
            case Failed():
                self._failed(actor, event.error)
            case Died():
                self._died(event.actor, event.why)

    def _leave_out(self, place: Place, reason: str) -> None:
        """No actor is started on a node any more, and those that are there end."""
        if place.node not in self._left_out:
            self._left_out[place.node] = f"{place.name}: {reason}"
            self._say(f"warning: node {place.name} is left out: {reason}")
        for number, actor in list(self._actors.items()):
            if actor.place.node == place.node and actor.work is None:
                self._crew.kill(number)
                del self._actors[number]
        self._looked = -_LOOK_FOR_PLACES_S

    def _count(self, actor: _Actor, rows: int, failed: int) -> None:
        assert actor.work is not None
        self._moved = self._clock()
        actor.rows += rows - actor.rows_of_work
        actor.rows_of_work = rows
        if actor.work.trial is None:
            self._tell(self._shards[actor.work.shard], rows, failed)

    def _tell(self, shard: _Shard, rows: int, failed: int) -> None:
        """Tell the user of what was not told before: of what is labeled again, nothing until it is further on."""
        more, more_failed = max(0, rows - shard.rows), max(0, failed - shard.failed)
        if more or more_failed:
            shard.rows, shard.failed = shard.rows + more, shard.failed + more_failed
            self._progress(more, more_failed)

    def _done(self, actor: _Actor) -> None:
        work = self._released(actor)
        shard = self._shards[work.shard]
        if shard.search is not None and work.trial is not None:
            shard.search.survived()
            self._search_on(work.shard, shard)
            return
        # If it was on the disk already, nobody told of its rows.
        self._tell(shard, self._rows(work.shard), shard.failed)
        self._left.discard(work.shard)

    def _failed(self, actor: _Actor, error: BaseException) -> None:
        work = self._released(actor)
        shard = self._shards[work.shard]
        if isinstance(error, InterruptedRunError) and self._stop_signal():
            return  # It has heard of the signal; the others are still to end what they have in hand.
        shard.errors += 1
        shard.error = shard.error or error
        if isinstance(error, InterruptedRunError) or not isinstance(error, Exception):
            raise error
        if shard.errors >= self._limits.tries:
            raise shard.error
        shard.died_on.add(actor.place.node)
        shard.is_suspect = True
        self._waiting.append(work)

    def _died(self, number: int, why: str) -> None:
        actor = self._actors.pop(number)
        self._looked = -_LOOK_FOR_PLACES_S
        if not actor.is_ready:
            self._failed_starts[actor.place.node] += 1
            if self._failed_starts[actor.place.node] >= _START_TRIES:
                self._leave_out(actor.place, f"no actor starts there: {why}")
            return
        if actor.work is None:
            return
        work = self._released(actor)
        shard = self._shards[work.shard]
        shard.died_on.add(actor.place.node)
        shard.is_suspect = True
        if actor.place.node not in self._lost_one:
            self._lost_one.add(actor.place.node)
            self._say(f"note: an actor on {actor.place.name} has died; what it was labeling is labeled again")
        if actor.ahead is not None:
            # Either may be to blame: from now on each is labeled alone.
            self._shards[actor.ahead].is_suspect = True
            self._waiting.append(work)
            return
        if shard.search is not None:
            shard.search.died()
            self._search_on(work.shard, shard)
            return
        shard.deaths += 1
        if shard.deaths % self._limits.tries:
            self._waiting.append(work)
            return
        if shard.searches >= _SEARCHES:
            raise FashionBatchError(
                f"shard {work.shard} has ended {shard.deaths} actors, the last one by: {why}; none of its files does "
                "that alone",
                hint="an actor may have too little memory: `--engine-set cores=N` with a larger N makes fewer of them",
            )
        shard.searches += 1
        shard.search = Search(work.shard, self._rows(work.shard))
        self._say(f"note: shard {work.shard} has ended {shard.deaths} actors; looking for the file that does it")
        self._search_on(work.shard, shard)

    def _search_on(self, number: int, shard: _Shard) -> None:
        """Try the next part of a shard; when all is known, label it without the files that were found."""
        assert shard.search is not None
        part = shard.search.next
        if part is not None:
            self._waiting.appendleft(Work(number, trial=part))
            return
        crashed = frozenset(shard.search.crashed)
        shard.search = None
        self._waiting.appendleft(Work(number, crashed))

    def _released(self, actor: _Actor) -> Work:
        """What an actor had to do; it has nothing to do now."""
        assert actor.work is not None
        work, actor.work = actor.work, None
        actor.busy_s += self._clock() - actor.since
        return work

    def _say_how_fast(self) -> None:
        worked = [actor for actor in self._hired if actor.busy_s]
        if len(worked) < 2:
            return
        rates = sorted((actor.rows / actor.busy_s, actor.place.name) for actor in worked)
        nodes = len({actor.place.node for actor in worked})
        where = "one node" if nodes == 1 else f"{nodes} nodes"
        (slowest, name), (fastest, _) = rates[0], rates[-1]
        self._say(
            f"ray: {len(rates)} actors on {where}; the slowest, on {name}, labeled {slowest:,.1f} photos/s, "
            f"the fastest {fastest:,.1f}"
        )
