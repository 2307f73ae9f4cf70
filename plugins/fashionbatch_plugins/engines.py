"""Built-in engines: what runs the shards of a labeling job."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence

from fashionbatch.hookspecs import hookimpl
from fashionbatch.specs import EngineSpec, Resources, RunShard, ShardProgress, StopSignal
from fashionbatch_plugins.on_ray.parameters import Ray


@hookimpl
def register_engines() -> Iterable[EngineSpec]:
    """The one that needs nothing, and one for several machines."""
    yield EngineSpec(name="local", summary="One shard after the other, on this machine.", run=run_locally)
    yield EngineSpec(
        name="ray",
        summary="Several shards at a time, on the machines of a Ray cluster (pip install 'fashionbatch[ray]').",
        parameters=Ray,
        run=run_on_ray,
        require=require_ray,
    )


def run_locally(shards: Sequence[int], run_shard: RunShard) -> None:
    """Run the shards in their order, each begun while the one before is being finished."""
    for shard, ahead in itertools.zip_longest(shards, shards[1:]):
        run_shard(shard, ahead=ahead)


def run_on_ray(
    shards: Sequence[int],
    run_shard: RunShard,
    *,
    parameters: Ray,
    progress: ShardProgress,
    stop_signal: StopSignal,
    resources: Resources,
    say: Callable[[str], None],
) -> None:
    """Run shards on actors, which open the job for themselves."""
    from fashionbatch_plugins.on_ray.run import run_shards

    run_shards(
        shards,
        run_shard,
        parameters=parameters,
        progress=progress,
        stop_signal=stop_signal,
        resources=resources,
        say=say,
    )


def require_ray(*, parameters: Ray) -> None:
    """Ray is installed, and the cluster answers."""
    from fashionbatch_plugins.on_ray.run import require

    require(parameters)
