"""Hands the shards of a job to an engine, in this process or elsewhere."""

from __future__ import annotations

import atexit
import contextlib
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from numbers import Integral

from fashionbatch import disk
from fashionbatch.bundle.graph.record import GRAPH_WEIGHTS_NAME
from fashionbatch.errors import InterruptedRunError, OutputError
from fashionbatch.inference.cores import limit_cores, usable_cores
from fashionbatch.labeling.job.opening import home_of
from fashionbatch.labeling.job.paths import JobPaths
from fashionbatch.labeling.load import Loaded
from fashionbatch.labeling.options import LabelOptions
from fashionbatch.labeling.sending import BundlesSent, packed, seen_or_unpacked
from fashionbatch.labeling.setup import Ready, Run, open_job
from fashionbatch.progress import Advance
from fashionbatch.specs import PackedBundles, Resources, ShardProgress, StopSignal

# What docs/labeling.md measures of whole runs, rounded up: the process with OpenVINO, a decode worker, and what a
# network takes beside its weights.
_BASE_MEMORY = 200 << 20
_WORKER_MEMORY = 64 << 20
_NETWORK_FACTOR = 4


class ShardFunction:
    """What an engine is handed, a `RunShard`: labels one shard and puts it on the disk.

    It can be pickled and called in another process, also on another machine that sees the same folders: there it opens
    the job for itself, once.

    Args:
        options: of the run, with paths that do not depend on the current directory.
        pipeline: gives what labels the shards in this process, when the first one is asked for, or `prepare` is called;
            it is given where the bundles come from if they are not under their paths.
    """

    def __init__(self, options: LabelOptions, pipeline: Callable[[BundlesSent | None], Ready]) -> None:
        self._options = options
        self._opened = pipeline
        self._one_at_a_time = threading.Lock()

    def __call__(
        self,
        shard: int,
        *,
        progress: ShardProgress | None = None,
        stop_signal: StopSignal | None = None,
        ahead: int | None = None,
        crashed: Collection[int] = (),
        trial: range | None = None,
    ) -> None:
        """Label a shard; returns when it is on the disk. See `RunShard`.

        Raises:
            PluginError: the engine asks for a shard that there is not.
        """
        with self._one_at_a_time:
            ready = self._opened(None)
            for number in (shard,) if ahead is None else (shard, ahead):
                if not isinstance(number, Integral) or not 0 <= number < len(ready.store):
                    what = f"asked for shard {number!r}; there are 0 to {len(ready.store) - 1}"
                    raise ready.loaded.engine.origin.wrong("run", what)
            with ready.pipeline.reporting_to(progress, stop_signal):
                ready.pipeline.run_shard(shard, ahead=ahead, crashed=crashed, trial=trial)

    def prepare(self, *, cores: int | None = None, bundles: BundlesSent | None = None) -> None:
        """Open the job in this process. See `RunShard`."""
        if cores is not None:
            limit_cores(cores)
        with self._one_at_a_time:
            self._opened(bundles)

    def pack(self) -> PackedBundles:
        """The bundles with their files. See `RunShard`."""
        return packed(self._opened(None).loaded.bundles)

    def rows(self, shard: int) -> int:
        """How many rows a shard has. See `RunShard`."""
        return self._opened(None).store.count_rows([shard])

    def __reduce__(self) -> tuple[Callable[[LabelOptions], ShardFunction], tuple[LabelOptions]]:
        return _shard_function_elsewhere, (self._options,)


def shard_function(run: Run, ready: Ready) -> ShardFunction:
    """The function for the shards of a job that this process has got ready."""
    options = run.options
    elsewhere = replace(
        options,
        bundles=tuple(bundle.path.resolve() for bundle in ready.loaded.bundles),
        source=replace(options.source, folder=run.source),
        output=replace(
            options.output,
            table=run.paths.output,
            embeddings=options.output.embeddings and options.output.embeddings.absolute(),
        ),
    )
    return ShardFunction(elsewhere, lambda _: ready)


def run_shards(run: Run, ready: Ready, tally: Tally) -> float | None:
    """Have the engine do every pending shard.

    Args:
        run: whose they are.
        ready: the job, ready to go on.
        tally: is told of every row that is done.

    Returns:
        When the first rows were done, by `time.monotonic`; None where none had to be.

    Raises:
        InterruptedRunError: there was a signal.
        PluginError: the engine failed or left shards out.
        FashionBatchError: a shard could not be labeled.
    """
    engine = ready.loaded.engine
    run_shard = shard_function(run, ready)
    with ready.pipeline.reporting_to(tally.add, None):
        engine.spec.run(
            tuple(ready.pending),
            run_shard,
            parameters=engine.parameters,
            progress=tally.add,
            stop_signal=run.stop_signal,
            resources=resources_wanted(run, ready.loaded),
            say=run.reporter.show,
        )
    undone = len(set(ready.pending) - ready.store.done())
    if undone:
        # An engine that heeds the signal by returning has done nothing wrong.
        if run.stop_signal():
            raise InterruptedRunError("interrupted", signal_number=run.stop_signal())
        raise engine.origin.wrong(
            "run",
            f"left {undone:,} of {len(ready.pending):,} shards undone",
            hint="start the same command again, with `--engine local` if it happens again: what is done stays",
        )
    return min(filter(None, (tally.first, ready.pipeline.first_labels)), default=None)


def resources_wanted(run: Run, loaded: Loaded) -> Resources:
    """What a pipeline of this run should have: as much as it has in this process."""
    weights = sum(bundle.manifest.files[GRAPH_WEIGHTS_NAME].size for bundle in loaded.bundles)
    workers = run.options.work.workers or usable_cores()
    memory = _BASE_MEMORY + workers * _WORKER_MEMORY + _NETWORK_FACTOR * weights
    return Resources(cores=usable_cores(), accelerators=int(run.options.compute.device == "gpu"), memory=memory)


class Tally:
    """Counts rows that are done, whichever thread or process tells of them, and notes when the first came.

    Args:
        advance: is told how many are done.
        done: how many an earlier run has done.

    Attributes:
        first: when this run's first rows were done, by `time.monotonic`; None before.
    """

    def __init__(self, advance: Advance, done: int = 0) -> None:
        self._advance = advance
        self._done, self._failed = done, 0
        self._lock = threading.Lock()
        self.first: float | None = None

    def add(self, rows: int, failed: int) -> None:
        """So many more rows are done, and so many of those have no label."""
        with self._lock:
            if self.first is None:
                self.first = time.monotonic()
            self._done += rows
            self._failed += failed
            self._advance(self._done, {"without label": self._failed} if self._failed else None)


_functions: dict[LabelOptions, ShardFunction] = {}
"""Of this process, for jobs that other processes have begun."""


def _shard_function_elsewhere(options: LabelOptions) -> ShardFunction:
    if options not in _functions:
        opened: list[Ready] = []

        def open_once(sent: BundlesSent | None) -> Ready:
            if not opened:
                opened.append(_open_elsewhere(options, sent))
            return opened[0]

        _functions[options] = ShardFunction(options, open_once)
    return _functions[options]


def _run_here(options: LabelOptions, stack: contextlib.ExitStack) -> Run:
    """The run as this process takes part in it: where its job lies in a store, with a copy of its own for the time."""
    output = options.output
    replaces = output.overwrite or output.restart
    if output.job is None:
        return Run(options, stack=stack, given_home=home_of(JobPaths(output.table), output.store, replaces=replaces))
    folder = stack.enter_context(disk.scratch_folder())
    embeddings = output.embeddings and folder / output.embeddings.name
    options = replace(options, output=replace(output, table=folder / output.table.name, embeddings=embeddings))
    paths = JobPaths(options.output.table)
    home = home_of(paths, output.store, output.job, replaces=replaces, keeps_copies=False)
    return Run(options, stack=stack, given_home=home)


def _open_elsewhere(options: LabelOptions, sent: BundlesSent | None) -> Ready:
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    run = _run_here(options, stack)
    job = run.home.find()
    if job is None:
        raise OutputError(f"{run.home.place}: no job was begun there")
    if sent is not None:
        digests = [bundle.digest for bundle in job.bundles]
        places = zip(options.bundles, digests, strict=True)
        bundles = tuple(seen_or_unpacked(path, digest, sent) for path, digest in places)
        run = replace(run, options=replace(run.options, bundles=bundles))
    return open_job(run, job)
