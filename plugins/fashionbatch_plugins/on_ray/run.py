"""Begins and ends a run on Ray, of which the user's terminal shows nothing but FashionBatch's own lines."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from fashionbatch.errors import FashionBatchError, RuntimeUnavailableError
from fashionbatch.specs import Resources, RunShard, ShardProgress, StopSignal
from fashionbatch_plugins.on_ray.dispatch import Dispatcher, Limits
from fashionbatch_plugins.on_ray.parameters import Ray

ADDRESS_VARIABLE = "RAY_ADDRESS"
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS": "0",
}
_STORE_BYTES = 128 << 20
"""For the messages of a Ray of the run's own; the bundles come on top."""
_ANSWER_S = 10.0
_LONGEST_FOLDER = 25
"""Bytes: the sockets within have names of about 80 more, and 107 are allowed."""


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
    ray = _library()
    from fashionbatch_plugins.on_ray.crew import RayCrew

    limits = Limits(
        least=parameters.actors or parameters.least_actors,
        most=parameters.actors or parameters.most_actors,
        tries=parameters.tries,
    )
    with _quiet_and_private(), _connected(ray, parameters.address, run_shard, resources):
        gpus = resources.accelerators if parameters.gpus is None else parameters.gpus
        crew = RayCrew(run_shard, cores=parameters.cores, usual_cores=resources.cores, gpus=gpus)
        try:
            Dispatcher(
                crew,
                shards,
                rows=run_shard.rows,
                progress=progress,
                stop_signal=stop_signal,
                say=say,
                limits=limits,
            ).run()
        finally:
            crew.close()


def _library() -> Any:
    try:
        import ray
    except ImportError:
        raise RuntimeUnavailableError(
            "--engine ray needs Ray, which is not installed", hint="pip install 'fashionbatch[ray]'"
        ) from None
    return ray


@contextlib.contextmanager
def _quiet_and_private() -> Iterator[None]:
    """No usage statistics, and nothing on the terminal, of this process and of those that Ray starts."""
    before = {name: os.environ.get(name) for name in _ENVIRONMENT}
    os.environ.update(_ENVIRONMENT)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _connected(ray: Any, address: str | None, run_shard: RunShard, resources: Resources) -> Iterator[None]:
    """A connection to a cluster, or to a Ray of this run's own, of which nothing is left; one that is there is used."""
    if ray.is_initialized():
        yield
        return
    address = address or os.environ.get(ADDRESS_VARIABLE) or None
    quiet = {"log_to_driver": False, "logging_level": logging.CRITICAL}
    with contextlib.ExitStack() as stack:
        if address is None:
            folder = _folder()
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            given = {
                "address": "local",
                "num_cpus": resources.cores,
                "include_dashboard": False,
                "object_store_memory": _STORE_BYTES + 2 * sum(map(len, run_shard.pack().values())),
                "_temp_dir": folder,
                # Nobody else on the network is to see it.
                "_node_ip_address": "127.0.0.1",
            }
        else:
            _require_answer(address)
            given = {"address": address}
        stack.enter_context(_without_words_of_ray(ray))
        stack.callback(ray.shutdown)
        with _own_signal_handlers():
            try:
                ray.init(**given, **quiet)
            except Exception as error:  # noqa: BLE001 - Ray has many kinds, none of which tells more
                words = " ".join(str(error).split()) or type(error).__name__
                raise FashionBatchError(
                    f"cannot start Ray: {words}" if address is None else f"cannot reach Ray at {address}: {words}",
                    hint="`--engine local` goes on from here without it",
                ) from None
        yield


@contextlib.contextmanager
def _without_words_of_ray(ray: Any) -> Iterator[None]:
    """Keep what Ray says of its nodes off standard output: `log_to_driver` has no say in that."""
    worker: Any = ray._private.worker
    before = getattr(worker, "print_to_stdstream", None)
    worker.print_to_stdstream = lambda *_, **__: None
    try:
        yield
    finally:
        worker.print_to_stdstream = before


def _require_answer(address: str) -> None:
    """Ask whether anybody listens there: Ray itself would try for more than five minutes."""
    host, colon, port = address.rpartition(":")
    if not (colon and port.isdecimal()):
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER_S).close()
    except (OSError, OverflowError) as error:
        raise FashionBatchError(
            f"cannot reach Ray at {address}: {error}", hint="`ray status` on the head's machine says its address"
        ) from None


def _folder() -> str:
    """For Ray's sockets and logs; never the current folder."""
    usual = tempfile.gettempdir()
    place = usual if len(os.fsencode(usual)) <= _LONGEST_FOLDER else "/tmp"  # noqa: S108 - it gets a name of its own
    return tempfile.mkdtemp(prefix="fb-ray-", dir=place)  # disk: scratch


@contextlib.contextmanager
def _own_signal_handlers() -> Iterator[None]:
    """Ray takes SIGTERM for itself when it is connected; within a run it asks for an orderly end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [(number, signal.getsignal(number)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in before:
            if handler is not None:
                signal.signal(number, handler)
