"""A labeling run from beginning to end: folder + bundles -> table."""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from fashionbatch import disk
from fashionbatch.errors import FashionBatchError, InterruptedRunError, OutputError
from fashionbatch.inference.session import Session, usable_cores
from fashionbatch.labeling import checks, describe, finish
from fashionbatch.labeling.commit import commit
from fashionbatch.labeling.job.frozen import JobFiles
from fashionbatch.labeling.job.lock import JobLock
from fashionbatch.labeling.job.machine import process_age_s
from fashionbatch.labeling.job.paths import JobPaths
from fashionbatch.labeling.job.record import differences, discard, read_job, write_job
from fashionbatch.labeling.job.shards import ShardStore, plan_shards
from fashionbatch.labeling.load import Loaded, load
from fashionbatch.labeling.options import LabelOptions, Reporter, Silent
from fashionbatch.labeling.pipeline import Lane, Pipeline, buffers_needed
from fashionbatch.labeling.reuse.previous import Reuse, reuse_rows
from fashionbatch.labeling.source.process import ScanProcess, looked_for
from fashionbatch.labeling.workers.frames import FrameLayout, Frames
from fashionbatch.labeling.workers.launch import Launcher
from fashionbatch.labeling.workers.pool import WorkerPool
from fashionbatch.specs import LabelingReport

Then = Callable[[dict[str, Any]], None]


def label(
    options: LabelOptions,
    *,
    reporter: Reporter | None = None,
    stop_signal: Callable[[], int] = lambda: 0,
    then: Then | None = None,
    launcher: Launcher | None = None,
) -> LabelingReport:
    """Label every file of a folder; goes on where an earlier run of the same job stopped.

    Args:
        options: what to label, by what, into what.
        reporter: where the run says what it does.
        stop_signal: asked now and then for the number of a signal that wants an end; 0 while there is none.
        then: what to do with the complete table, given its sidecar; done again if the run is killed meanwhile.
        launcher: has perhaps started workers already; the caller closes it.

    Returns:
        The table, and what its sidecar holds.

    Raises:
        DataError: the folder is missing, unreadable or without images.
        BundleError: a bundle is.
        RuntimeUnavailableError: this machine does not offer what was asked for.
        OutputError: the output exists, cannot be written, is held by another run, or belongs to another job.
        InterruptedRunError: stopped by a signal; what was committed stays.
    """
    with contextlib.ExitStack() as stack:
        return _Run(options, reporter or Silent(), stop_signal, stack, launcher).make_table(then)


def label_part(
    options: LabelOptions,
    *,
    reporter: Reporter | None = None,
    stop_signal: Callable[[], int] = lambda: 0,
    launcher: Launcher | None = None,
) -> int:
    """Do one part of a job that several runs share: `options.part`. `merge` makes the table when all parts are done.

    Args:
        options: the same in each run, but for the part.
        reporter: as in `label`.
        stop_signal: as in `label`.
        launcher: as in `label`.

    Returns:
        The rows of the part.

    Raises:
        FashionBatchError: as in `label`.
    """
    with contextlib.ExitStack() as stack:
        return _Run(options, reporter or Silent(), stop_signal, stack, launcher).do_part()


@dataclass(frozen=True)
class _Ready:
    """A job that is on the disk, and what labels its shards."""

    job: dict[str, Any]
    loaded: Loaded
    store: ShardStore
    pipeline: Pipeline
    pending: list[int]


class _Run:
    def __init__(
        self,
        options: LabelOptions,
        reporter: Reporter,
        stop_signal: Callable[[], int],
        stack: contextlib.ExitStack,
        launcher: Launcher | None = None,
    ) -> None:
        self._began = time.monotonic()
        self._options = options
        self._reporter = reporter
        self._stop_signal = stop_signal
        self._stack = stack
        self._launcher = launcher
        self._paths = JobPaths(Path(os.path.abspath(options.output)))
        self._source = Path(os.path.realpath(options.folder))
        self._folder = self._source if self._source.is_dir() else self._source.parent
        self._first_labels: float | None = None
        self._is_born = False

    def make_table(self, then: Then | None) -> LabelingReport:
        """All shards, then the table."""
        options, paths = self._options, self._paths
        checks.check_options(options, paths)
        self._stack.callback(JobLock(paths).release)
        complete = None if options.restart else finish.table_is_complete(paths)
        if complete is not None:
            loaded = load(options)
            request = describe.describe_request(options, self._source, loaded)
            if not differences(describe.comparable(complete), request):
                self._reporter.say(f"{options.output} is complete; an earlier run was stopped while it tidied up")
                return finish.conclude(paths, complete, loaded.plugins, say=self._reporter.say, then=then)
        checks.refuse_existing_output(options)
        job = None if options.restart or complete is not None else read_job(paths)
        if job is None:
            discard(paths)
            self._stack.callback(self._leave_no_unborn_job)
        ready = self._prepare(job)
        self._run_shards(ready)
        times = {
            "seconds": round(time.monotonic() - self._began, 3),
            "seconds_to_first_labels": self._first_labels,
        }
        meta = finish.assemble(paths, ready.job, ready.loaded.writer, times=times, stop_signal=self._stop_signal)
        if meta["reused"] and options.match == "sha256":
            self._reporter.say(f"compared with {options.previous} by content: {Reuse(**meta['reused'])}")
        return finish.conclude(paths, meta, ready.loaded.plugins, say=self._reporter.say, then=then)

    def do_part(self) -> int:
        """The shards of one part."""
        options, paths = self._options, self._paths
        assert options.part is not None
        checks.check_options(options, paths)
        lock = JobLock(paths, f"{options.part.number}-of-{options.part.count}")
        self._stack.callback(lock.release)
        with contextlib.ExitStack() as setup:
            setup.enter_context(lock.setting_up(self._stop_signal))
            checks.refuse_existing_output(options)
            job = read_job(paths)
            if job is None:
                discard(paths)
                setup.callback(self._leave_no_unborn_job)
            ready = self._prepare(job)
        self._run_shards(ready)
        return _rows(ready.store, options.part.shards(len(ready.store)))

    def open_job(self) -> Pipeline:
        """Get ready for shards of a job that another process has begun; the caller says which."""
        job = read_job(self._paths)
        if job is None:
            raise OutputError(f"{self._paths.directory}: no job was begun there")
        return self._prepare(job, begin=False).pipeline

    # ------------------------------------------------------------------------------------------------------ labeling

    def _prepare(self, job: dict[str, Any] | None, *, begin: bool = True) -> _Ready:
        """Get everything ready to label the shards of a job, or of a new one, which is on the disk then."""
        # What takes time is started before anything is waited for: workers and scan load while this process does.
        frame_file, pool = self._start_workers()
        scan = self._start_scan() if job is None else None
        loaded = load(self._options)
        frames = self._share_frames(loaded, frame_file, pool)
        # A scan that takes long is used to load the networks; else decoding is begun first, and goes on meanwhile.
        sessions = self._open_sessions(loaded) if scan is not None and not scan.has_ended else []
        if scan is not None:
            files = asdict(scan.finish(self._reporter.scanning, self._stop_signal))
            bounds = plan_shards(files["rows"], columns=loaded.width, batch_size=self._options.batch_size)
        else:
            assert job is not None
            files, bounds = job["files"], job["shards"]
        has_embeddings = loaded.features is not None
        store = ShardStore(self._paths.shards, bounds, has_embeddings=has_embeddings)
        pending = self._pending(store) if begin else []
        early = self._options.previous is None or job is not None
        pipeline = self._pipeline(store, loaded, pool, frames, pending) if early else None
        sessions = sessions or self._open_sessions(loaded)
        description = describe.describe_job(self._options, self._source, loaded, sessions)
        if job is None:
            job = {**description, "files": files, "shards": bounds, "created": describe.now()}
            self._make_job(job)
        else:
            self._require_same_job(job, description)
        self._reporter.say(describe.opening_line(self._options, files, loaded, sessions))
        if job.get("reused"):
            self._reporter.say(f"compared with {self._options.previous}: {Reuse(**job['reused'])}")
        # What is reused was not known before the networks were: which one counts is among what has to be the same.
        pipeline = pipeline or self._pipeline(store, loaded, pool, frames, pending)
        pipeline.connect([_lane(session, loaded, number) for number, session in enumerate(sessions)])
        # It is closed before the networks that it waits for.
        self._stack.callback(pipeline.close)
        return _Ready(job, loaded, store, pipeline, pending)

    def _start_workers(self) -> tuple[int, WorkerPool]:
        launcher = self._launcher or self._stack.enter_context(Launcher())
        pool = WorkerPool(
            self._options.workers or usable_cores(),
            launcher,
            timeout_s=self._options.timeout_s,
            memory_limit=self._options.memory_limit,
            decoder=self._options.decoder,
            digests=self._options.match == "sha256",
        )
        self._stack.callback(pool.close)
        return launcher.frame_file, pool

    def _start_scan(self) -> ScanProcess:
        scan = ScanProcess(self._source, looked_for(self._options, self._folder, self._paths), self._paths)
        self._stack.callback(scan.close)
        return scan

    def _share_frames(self, loaded: Loaded, frame_file: int, pool: WorkerPool) -> Frames:
        batch_size = self._options.batch_size
        buffers = buffers_needed(batch_size, pool.count, 2 * usable_cores())
        shapes = tuple(spec.shape for spec in loaded.specs)
        with disk.output_errors(Path("the memory for decoded images")):
            frames = Frames(frame_file, FrameLayout(shapes, batch_size, buffers, pool.count), create=True)
        specs = [spec.model_dump(mode="json") for spec in loaded.specs]
        pool.configure(frames, folder=os.fsencode(self._folder), specs=specs)
        return frames

    def _pending(self, store: ShardStore) -> list[int]:
        mine = range(len(store)) if self._options.part is None else self._options.part.shards(len(store))
        done = store.done()
        return [shard for shard in mine if shard not in done]

    def _pipeline(
        self, store: ShardStore, loaded: Loaded, pool: WorkerPool, frames: Frames, pending: Sequence[int]
    ) -> Pipeline:
        """A pipeline that is decoding already."""
        files = JobFiles(self._paths)
        self._stack.callback(files.close)
        pipeline = Pipeline(
            files=files,
            store=store,
            pool=pool,
            frames=frames,
            folder=os.fsencode(self._folder),
            digests=self._options.match == "sha256",
            commit=lambda shard: commit(shard, store, loaded, self._options.embeddings),
            advanced=self._reporter.advance,
            stop_signal=self._stop_signal,
        )
        if pending:
            pipeline.begin(pending[0])
        return pipeline

    def _open_sessions(self, loaded: Loaded) -> list[Session]:
        sessions = loaded.open_sessions(self._options)
        for session in sessions:
            self._stack.callback(session.close)
        return sessions

    def _make_job(self, job: dict[str, Any]) -> None:
        if self._options.previous is not None:
            previous = Path(os.path.abspath(self._options.previous))
            match, retry_errors = self._options.match, self._options.retry_errors
            job["reused"] = reuse_rows(previous, self._paths, job, match=match, retry_errors=retry_errors)
        with disk.output_errors(self._paths.shards):
            self._paths.shards.mkdir(exist_ok=True)
        write_job(self._paths, job)
        self._is_born = True

    def _require_same_job(self, job: dict[str, Any], description: dict[str, Any]) -> None:
        found = differences(job, description)
        if found:
            raise OutputError(
                f"{self._options.output} belongs to another job that is under way: {'; '.join(found)}",
                hint="start that command again to finish it, or `--restart` to discard what it has done",
            )
        with contextlib.closing(JobFiles(self._paths)) as files:
            if files.manifest.digest() != job["files"]["digest"]:
                raise OutputError(
                    f"{self._paths.manifest} is not the list of files that the job began with",
                    hint="`--restart` scans the folder again and begins anew",
                )

    def _run_shards(self, ready: _Ready) -> None:
        store, pending = ready.store, ready.pending
        following = dict(itertools.pairwise(pending))
        mine = range(len(store)) if self._options.part is None else self._options.part.shards(len(store))
        total = _rows(store, mine)
        self._reporter.start(total, total - _rows(store, pending))

        def run_shard(number: int) -> None:
            ready.pipeline.run_shard(number, ahead=following.get(number))

        try:
            # Elsewhere the paths must not depend on the current directory.
            elsewhere = replace(
                self._options,
                folder=self._source,
                output=self._paths.output,
                embeddings=self._options.embeddings and self._options.embeddings.absolute(),
                bundles=tuple(bundle.path.resolve() for bundle in ready.loaded.bundles),
            )
            ready.loaded.engine.run(pending, ShardFunction(elsewhere, run_shard))
        except InterruptedRunError as error:
            done = _rows(store, store.done() & set(mine))
            raise InterruptedRunError(
                f"interrupted: {done:,} of {total:,} rows are done",
                signal_number=error.signal_number,
                hint="start the same command again: it goes on from there",
            ) from None
        finally:
            self._reporter.stop()
        undone = len(set(mine) - store.done())
        if undone:
            raise FashionBatchError(f"engine {self._options.engine!r} left {undone:,} of {len(mine):,} shards undone")
        first = ready.pipeline.first_labels
        if first is not None:
            self._first_labels = round(process_age_s() - (time.monotonic() - first), 3)

    def _leave_no_unborn_job(self) -> None:
        if not self._is_born:
            with contextlib.suppress(FashionBatchError):
                discard(self._paths)


class ShardFunction:
    """What an engine is handed: labels one shard and puts it on the disk.

    It can be pickled and called in another process, also on another machine that sees the same folders: there it opens
    the job for itself, once.

    Args:
        options: of the run.
        run_shard: does it in this process.
    """

    def __init__(self, options: LabelOptions, run_shard: Callable[[int], None]) -> None:
        self._options = options
        self._run_shard = run_shard

    def __call__(self, shard: int) -> None:
        """Label a shard; returns when it is on the disk."""
        self._run_shard(shard)

    def __reduce__(self) -> tuple[Callable[[LabelOptions], ShardFunction], tuple[LabelOptions]]:
        return _shard_function_elsewhere, (self._options,)


_opened: dict[LabelOptions, Pipeline] = {}


def _shard_function_elsewhere(options: LabelOptions) -> ShardFunction:
    def run_shard(number: int) -> None:
        if options not in _opened:
            stack = contextlib.ExitStack()
            _opened[options] = _Run(options, Silent(), lambda: 0, stack).open_job()
            atexit.register(stack.close)
        _opened[options].run_shard(number)

    return ShardFunction(options, run_shard)


def _lane(session: Session, loaded: Loaded, number: int) -> Lane:
    return Lane(
        session.runtime,
        loaded.spec_number(loaded.bundles[number]),
        session.manifest.outputs,
        loaded.features.size if loaded.features else 0,
    )


def _rows(store: ShardStore, shards: Sequence[int] | set[int]) -> int:
    return sum(stop - start for start, stop in map(store.rows, shards))
