"""Actors of a Ray cluster."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fashionbatch.specs import RunShard
from fashionbatch_plugins.on_ray.actor import LabelingActor, Result
from fashionbatch_plugins.on_ray.work import Died, Done, Event, Failed, IsReady, Place, Refused, Told, Work

_LEAVE_S = 5.0


class RayCrew:
    """Actors, each placed on a node by name. The cluster is connected.

    Args:
        run_shard: what labels a shard.
        cores: of an actor; None for `usual_cores`, or fewer on smaller nodes.
        usual_cores: what the run itself would use.
        gpus: of an actor.
    """

    def __init__(self, run_shard: RunShard, *, cores: int | None, usual_cores: int, gpus: float) -> None:
        import ray

        self._ray = ray
        self._cores = cores
        self._usual_cores = usual_cores
        self._gpus = gpus
        self._run_shard = run_shard
        self._bundles = [ray.put(run_shard.pack())]
        self._class: Any = ray.remote(LabelingActor)
        self._numbers = itertools.count()
        self._actors: dict[int, Any] = {}
        self._calls: dict[Any, tuple[int, Callable[[int, Result], list[Event]]]] = {}
        self._looks: dict[Any, int] = {}
        self._busy: set[int] = set()
        self._stop = 0

    def places(self) -> Sequence[Place]:
        """All room for actors that there is now, taken or not, each node's first place before any second one."""
        found = [place for node in self._ray.nodes() if node["Alive"] for place in self._places_on(node)]
        return sorted(found, key=lambda place: place.index)

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
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        number = next(self._numbers)
        actor = self._class.options(
            num_cpus=place.cores,
            num_gpus=self._gpus,
            max_restarts=0,
            max_task_retries=0,
            max_concurrency=2,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node_id=place.node, soft=False),
        ).remote(self._run_shard, self._bundles, place.cores)
        self._actors[number] = actor
        self._calls[actor.prepare.remote()] = (number, _prepared)
        return number

    def give(self, actor: int, work: Work) -> None:
        """Have an actor that has nothing to do do something."""
        self._busy.add(actor)
        self._calls[self._actors[actor].work.remote(work, self._stop)] = (actor, _worked)

    def events(self, timeout_s: float, stop: int) -> Sequence[Event]:
        """What has happened; waits for it, but no longer than told."""
        self._stop = stop
        for number in self._busy - set(self._looks.values()):
            self._looks[self._actors[number].look.remote(stop)] = number
        calls = [*self._calls]
        ended, _ = self._ray.wait(calls, num_returns=1, timeout=timeout_s) if calls else ([], [])
        looked, _ = self._ray.wait([*self._looks], num_returns=len(self._looks), timeout=0) if self._looks else ([], [])
        events: list[Event] = []
        for call in looked:
            events += self._look(call)
        for call in ended:
            events += self._end(call)
        return events

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
        self._busy.discard(number)
        self._looks = {look: actor for look, actor in self._looks.items() if actor != number}
        try:
            result = self._ray.get(call)
        except self._ray.exceptions.RayError as error:
            self.kill(number)
            return [Died(number, _first_line(error))]
        return events_of(number, result)

    def kill(self, actor: int) -> None:
        """End an actor at once; no event tells of it."""
        self._busy.discard(actor)
        self._calls = {call: told for call, told in self._calls.items() if told[0] != actor}
        self._looks = {look: number for look, number in self._looks.items() if number != actor}
        self._ray.kill(self._actors.pop(actor), no_restart=True)

    def close(self) -> None:
        """End all actors: those that have nothing to do in an orderly way, and the others at once."""
        leaving = [
            self._actors[number].__ray_terminate__.remote() for number in self._actors if number not in self._busy
        ]
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
