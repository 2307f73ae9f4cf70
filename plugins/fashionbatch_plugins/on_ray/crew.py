"""Actors of a Ray cluster."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from fashionbatch.specs import RunShard
from fashionbatch_plugins.on_ray.actor import LabelingActor, Result
from fashionbatch_plugins.on_ray.connection import Connection
from fashionbatch_plugins.on_ray.here import Here
from fashionbatch_plugins.on_ray.work import Died, Done, Event, Failed, IsReady, Place, Refused, Told, Work

_LEAVE_S = 5.0


class RayCrew:
    """Actors, each placed on a node by name, and perhaps the process of the run itself.

    Args:
        run_shard: what labels a shard.
        connection: to the cluster. Until it is there, there is no room for actors.
        cores: of an actor; None for `usual_cores`, or fewer on smaller nodes.
        usual_cores: what the run itself would use.
        gpus: of an actor.
        here: this process, where it is to label, too.
    """

    def __init__(
        self,
        run_shard: RunShard,
        connection: Connection,
        *,
        cores: int | None,
        usual_cores: int,
        gpus: float,
        here: Here | None,
    ) -> None:
        self._connection = connection
        self._here = here
        self._cores = cores
        self._usual_cores = usual_cores
        self._gpus = gpus
        self._run_shard = run_shard
        self._numbers = itertools.count()
        self._actors: dict[int, Any] = {}
        self._calls: dict[Any, tuple[int, Callable[[int, Result], list[Event]]]] = {}
        self._looks: dict[Any, int] = {}
        self._turns = itertools.count(1)
        self._busy: dict[int, int] = {}
        self._waiting_events: list[Event] = []
        self._last_death = 0.0
        self._stop = 0

    def places(self) -> Sequence[Place]:
        """All room for actors that there is now, taken or not, each node's first place before any second one."""
        here = [] if self._here is None else [Place("", "this process", 0, self._usual_cores, is_here=True)]
        nodes = self._connection.nodes(since=self._last_death)
        found = [place for node in nodes if node["Alive"] for place in self._places_on(node)]
        return [*here, *sorted(found, key=lambda place: place.index)]

    @property
    def _ray(self) -> Any:
        return self._connection.ray

    def _places_on(self, node: Mapping[str, Any]) -> list[Place]:
        has = node["Resources"]
        all_cores = int(has.get("CPU", 0))
        cores = self._cores or max(1, min(self._usual_cores, all_cores))
        count = all_cores // cores
        if self._gpus:
            count = min(count, int(has.get("GPU", 0) / self._gpus))
        # Several nodes may run on one machine.
        address, number = node["NodeManagerAddress"], str(node["NodeID"])
        name = f"{node['NodeManagerHostname']} ({address}, {number[:6]})"
        return [Place(number, name, index, cores) for index in range(count)]

    def start(self, place: Place) -> int:
        """Start an actor, which opens the job; gives its number."""
        if place.is_here:
            assert self._here is not None
            self._waiting_events.append(IsReady(self._here.number))
            return self._here.number
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        number = next(self._numbers)
        actor = (
            self._ray.remote(LabelingActor)
            .options(
                num_cpus=place.cores,
                num_gpus=self._gpus,
                max_restarts=0,
                max_task_retries=0,
                max_concurrency=2,
                scheduling_strategy=NodeAffinitySchedulingStrategy(node_id=place.node, soft=False),
            )
            .remote(self._run_shard, [self._connection.shared], place.cores)
        )
        self._actors[number] = actor
        self._calls[actor.prepare.remote()] = (number, _prepared)
        return number

    def give(self, actor: int, work: Work, ahead: int | None = None) -> None:
        """Have an actor that has nothing to do do something."""
        if self._here is not None and actor == self._here.number:
            self._here.give(work)
            return
        turn = self._busy[actor] = next(self._turns)
        self._calls[self._actors[actor].work.remote(work, ahead, self._stop, turn)] = (actor, _worked)

    def events(self, timeout_s: float, stop: int) -> Sequence[Event]:
        """What has happened; waits for it, but no longer than told."""
        self._stop = stop
        for number in self._busy.keys() - set(self._looks.values()):
            self._looks[self._actors[number].look.remote(stop, self._busy[number])] = number
        if self._here is not None:
            self._waiting_events += self._here.events(stop)
        if self._waiting_events:
            timeout_s = 0.0
        ended = self._ended(timeout_s)
        looked, _ = self._ray.wait([*self._looks], num_returns=len(self._looks), timeout=0) if self._looks else ([], [])
        events, self._waiting_events = self._waiting_events, []
        for call in looked:
            events += self._look(call)
        for call in ended:
            events += self._end(call)
        return events

    def _ended(self, timeout_s: float) -> Sequence[Any]:
        calls = [*self._calls]
        if not calls:
            time.sleep(timeout_s)
            return ()
        ended, _ = self._ray.wait(calls, num_returns=1, timeout=timeout_s)
        return cast(Sequence[Any], ended)

    def _look(self, call: Any) -> list[Event]:
        number = self._looks.pop(call)
        try:
            result = self._ray.get(call)
        except self._ray.exceptions.RayError:
            return []  # The call that it was about tells of it.
        return [Told(number, result.rows, result.failed)] if number in self._busy and result.rows else []

    def _end(self, call: Any) -> list[Event]:
        if call not in self._calls:
            return []
        number, events_of = self._calls.pop(call)
        self._busy.pop(number, None)
        self._looks = {look: actor for look, actor in self._looks.items() if actor != number}
        try:
            result = self._ray.get(call)
        except self._ray.exceptions.RayError as error:
            self._last_death = time.monotonic()
            self.kill(number)
            return [Died(number, _first_line(error))]
        return events_of(number, result)

    def kill(self, actor: int) -> None:
        """End an actor at once; no event tells of it."""
        self._busy.pop(actor, None)
        self._calls = {call: told for call, told in self._calls.items() if told[0] != actor}
        self._looks = {look: number for look, number in self._looks.items() if number != actor}
        self._ray.kill(self._actors.pop(actor), no_restart=True)

    def close(self) -> None:
        """End all actors: those that have nothing to do in an orderly way, and the others at once."""
        if self._here is not None:
            self._here.leave()
        busy = {number for number, _ in self._calls.values()}
        leaving = [actor.__ray_terminate__.remote() for number, actor in self._actors.items() if number not in busy]
        if leaving:
            self._ray.wait(leaving, num_returns=len(leaving), timeout=_LEAVE_S)
        for actor in self._actors.values():
            self._ray.kill(actor, no_restart=True)
        self._actors.clear()


def _prepared(actor: int, result: Result) -> list[Event]:
    return [IsReady(actor)] if result.error is None else [Refused(actor, _first_line(result.error))]


def _worked(actor: int, result: Result) -> list[Event]:
    told = [Told(actor, result.rows, result.failed)]
    return [*told, Done(actor) if result.error is None else Failed(actor, result.error)]


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].strip() if lines else type(error).__name__
