"""Begins and ends a run on Ray, of which the user's terminal shows nothing but FashionBatch's own lines."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence

from fashionbatch.errors import RuntimeUnavailableError
from fashionbatch.specs import Resources, RunShard, ShardProgress, StopSignal
from fashionbatch_plugins.on_ray import own
from fashionbatch_plugins.on_ray.connection import Connection, address_given, require_answer
from fashionbatch_plugins.on_ray.crew import RayCrew
from fashionbatch_plugins.on_ray.dispatch import Dispatcher, Limits
from fashionbatch_plugins.on_ray.here import Here
from fashionbatch_plugins.on_ray.parameters import Ray

_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS": "0",
    # A worker that nobody has asked for yet costs as much to start as one that is needed.
    "RAY_enable_worker_prestart": "0",
    "RAY_prestart_worker_first_driver": "0",
}


def run_shards(
    shards: Sequence[int],
    run_shard: RunShard,
    *,
    parameters: Ray,
    progress: ShardProgress,
    stop_signal: StopSignal,
    resources: Resources,
    say: Callable[[str], None],
) -> None:
    """See `EngineSpec.run`."""
    if not shards:
        return
    require(parameters)
    limits = Limits(
        least=parameters.actors or parameters.least_actors,
        most=parameters.actors or parameters.most_actors,
        tries=parameters.tries,
    )
    with contextlib.ExitStack() as stack:
        stack.enter_context(_environment(own.password() if address_given(parameters.address) is None else {}))
        connection = Connection(parameters.address, cores=resources.cores, share=run_shard.pack)
        stack.callback(connection.close)
        crew = RayCrew(
            run_shard,
            connection,
            cores=parameters.cores,
            usual_cores=resources.cores,
            gpus=resources.accelerators if parameters.gpus is None else parameters.gpus,
            here=Here(run_shard) if parameters.here else None,
        )
        stack.callback(crew.close)
        dispatcher = Dispatcher(
            crew,
            shards,
            rows=run_shard.rows,
            progress=progress,
            stop_signal=stop_signal,
            say=say,
            limits=limits,
        )
        dispatcher.run()


def require(parameters: Ray) -> None:
    """See `EngineSpec.require`.

    Raises:
        RuntimeUnavailableError: Ray is not installed.
        FashionBatchError: nobody answers at the cluster's address.
    """
    try:
        is_there = importlib.util.find_spec("ray") is not None
    except ValueError:  # what Python says of a module that is blocked
        is_there = False
    if not is_there:
        raise RuntimeUnavailableError(
            "--engine ray needs Ray, which is not installed", hint="pip install 'fashionbatch[ray]'"
        )
    library = sys.modules.get("ray")
    # This process may be connected already, or an actor.
    if library is None or not library.is_initialized():
        require_answer(parameters.address)


@contextlib.contextmanager
def _environment(more: Mapping[str, str]) -> Iterator[None]:
    """No usage statistics, and nothing on the terminal, of this process and of those that Ray starts."""
    wanted = {**_ENVIRONMENT, **more}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
