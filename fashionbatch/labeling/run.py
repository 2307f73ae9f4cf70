"""A labeling run from beginning to end: folder + bundles -> table."""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fashionbatch.errors import FashionBatchError, InterruptedRunError, OutputError
from fashionbatch.images import EXTENSIONS
from fashionbatch.inference.session import Session, usable_cores
from fashionbatch.labeling import checks, describe, durable, finish
from fashionbatch.labeling.frames import FrameLayout, Frames, create_frame_file
from fashionbatch.labeling.job import JobLock, JobPaths, differences, discard, read_job, write_job
from fashionbatch.labeling.load import Loaded, load
from fashionbatch.labeling.machine import process_age_s
from fashionbatch.labeling.manifest import Manifest
from fashionbatch.labeling.options import LabelOptions, Reporter, Silent
from fashionbatch.labeling.pipeline import FinishedShard, Lane, Pipeline, buffers_needed
from fashionbatch.labeling.scan import ScanOptions
from fashionbatch.labeling.scanning import ScanProcess
from fashionbatch.labeling.shards import Counts, ShardStore, plan_shards
from fashionbatch.labeling.workers import WorkerPool
from fashionbatch.specs import LabelingReport


def label(
    options: LabelOptions, *, reporter: Reporter | None = None, stop_signal: Callable[[], int] = lambda: 0
) -> LabelingReport:
    """Label every file of a folder; goes on where an earlier run of the same job stopped.

    Args:
        options: what to label, by what, into what.
        reporter: where the run says what it does.
        stop_signal: asked now and then for the number of a signal that wants an end; 0 while there is none.

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
        return _Run(options, reporter or Silent(), stop_signal, stack).run()


class _Run:
    def __init__(
        self, options: LabelOptions, reporter: Reporter, stop_signal: Callable[[], int], stack: contextlib.ExitStack
    ) -> None:
        self._began = time.monotonic()
        self._options = options
        self._reporter = reporter
        self._stop_signal = stop_signal
        self._stack = stack
        self._paths = JobPaths(Path(os.path.abspath(options.output)))
        self._source = Path(os.path.realpath(options.folder))
        self._folder = self._source if self._source.is_dir() else self._source.parent

    def run(self) -> LabelingReport:
        """Decide what there is to do, and do it."""
        options, paths = self._options, self._paths
        checks.check_paths(options, paths)
        self._stack.callback(JobLock(paths).release)
        complete = None if options.restart else finish.table_is_complete(paths)
        if complete is not None:
            loaded = load(options)
            request = describe.describe_request(options, self._source, loaded)
            if not differences(describe.comparable(complete), request):
                self._reporter.say(f"{options.output} is complete; an earlier run was stopped while it tidied up")
                return self._conclude(loaded, complete)
        checks.refuse_existing_output(options, paths)
        job = None if options.restart or complete is not None else read_job(paths)
        if job is None:
            discard(paths)
            self._stack.callback(self._leave_no_unborn_job)
        return self._label(job)

    def _label(self, job: dict[str, Any] | None) -> LabelingReport:
        # What takes time is started before anything is waited for: workers and scan load while this process does.
        frame_file, pool = self._start_workers()
        scan = self._start_scan() if job is None else None
        loaded = load(self._options)
        frames = self._share_frames(loaded, frame_file, pool)
        if job is None:
            assert scan is not None
            files = asdict(scan.finish(self._reporter.scanning, self._stop_signal))
            bounds = plan_shards(files["rows"], columns=len(loaded.table.names), batch_size=self._options.batch_size)
        else:
            files, bounds = job["files"], job["shards"]
        manifest = Manifest(self._paths.manifest)
        self._stack.callback(manifest.close)
        store = ShardStore(self._paths.shards, bounds)
        pipeline = Pipeline(
            manifest=manifest,
            store=store,
            pool=pool,
            frames=frames,
            folder=os.fsencode(self._folder),
            commit=lambda shard: _commit(shard, store, loaded),
            advanced=self._reporter.advance,
            stop_signal=self._stop_signal,
        )
        self._stack.callback(pipeline.close)
        pending = sorted(set(range(len(store))) - store.done())
        if pending:
            pipeline.begin(pending[0])
        sessions = self._open_sessions(loaded)
        description = describe.describe_job(self._options, self._source, loaded, sessions)
        if job is None:
            job = {**description, "files": files, "shards": bounds, "created": describe.now()}
            with durable.output_errors(self._paths.shards):
                self._paths.shards.mkdir(exist_ok=True)
            write_job(self._paths, job)
        else:
            self._require_same_job(job, description, manifest)
        self._reporter.say(describe.opening_line(self._options, files, loaded, sessions))
        pipeline.connect([_lane(session, loaded, number) for number, session in enumerate(sessions)])
        self._run_shards(pipeline, store, pending, loaded)
        meta = self._assemble(store, loaded, job, pipeline, resumed=len(pending) < len(store))
        return self._conclude(loaded, meta)

    # --------------------------------------------------------------------------------------------------- the parts

    def _start_workers(self) -> tuple[int, WorkerPool]:
        frame_file = create_frame_file()
        self._stack.callback(os.close, frame_file)
        pool = WorkerPool(
            self._options.workers or usable_cores(),
            frame_file,
            timeout_s=self._options.timeout_s,
            memory_limit=self._options.memory_limit,
            decoder=self._options.decoder,
        )
        self._stack.callback(pool.close)
        return frame_file, pool

    def _start_scan(self) -> ScanProcess:
        options = self._options
        scan = ScanProcess(
            self._source,
            ScanOptions(
                extensions=None if options.all_files else tuple(sorted(EXTENSIONS)),
                include=options.include,
                exclude=options.exclude,
                skip=_inside(self._folder, self._paths),
                limit=options.limit,
            ),
            self._paths.manifest,
        )
        self._stack.callback(scan.close)
        return scan

    def _share_frames(self, loaded: Loaded, frame_file: int, pool: WorkerPool) -> Frames:
        batch_size = self._options.batch_size
        buffers = buffers_needed(batch_size, pool.count, 2 * usable_cores())
        shapes = tuple(spec.shape for spec in loaded.specs)
        with durable.output_errors(Path("the memory for decoded images")):
            frames = Frames(frame_file, FrameLayout(shapes, batch_size, buffers, pool.count), create=True)
        specs = [spec.model_dump(mode="json") for spec in loaded.specs]
        pool.configure(frames, folder=os.fsencode(self._folder), specs=specs)
        return frames

    def _open_sessions(self, loaded: Loaded) -> list[Session]:
        sessions = loaded.open_sessions(self._options)
        for session in sessions:
            self._stack.callback(session.close)
        return sessions

    def _require_same_job(self, job: dict[str, Any], description: dict[str, Any], manifest: Manifest) -> None:
        found = differences(job, description)
        if found:
            raise OutputError(
                f"{self._options.output} belongs to another job that is under way: {'; '.join(found)}",
                hint="start that command again to finish it, or `--restart` to discard what it has done",
            )
        if manifest.digest() != job["files"]["digest"]:
            raise OutputError(
                f"{self._paths.manifest} is not the list of files that the job began with",
                hint="`--restart` scans the folder again and begins anew",
            )

    def _run_shards(self, pipeline: Pipeline, store: ShardStore, pending: Sequence[int], loaded: Loaded) -> None:
        following = dict(itertools.pairwise(pending))
        done_rows = store.bounds[-1] - sum(stop - start for start, stop in map(store.rows, pending))
        self._reporter.start(store.bounds[-1], done_rows)

        def run_shard(number: int) -> None:
            pipeline.run_shard(number, ahead=following.get(number))

        try:
            loaded.engine.run(pending, run_shard)
        except InterruptedRunError as error:
            done = sum(stop - start for start, stop in map(store.rows, store.done()))
            raise InterruptedRunError(
                f"interrupted: {done:,} of {store.bounds[-1]:,} rows are done",
                signal_number=error.signal_number,
                hint="start the same command again: it goes on from there",
            ) from None
        finally:
            self._reporter.stop()
        undone = len(store) - len(store.done())
        if undone:
            raise FashionBatchError(f"engine {self._options.engine!r} left {undone:,} of {len(store):,} shards undone")

    def _assemble(
        self, store: ShardStore, loaded: Loaded, job: dict[str, Any], pipeline: Pipeline, *, resumed: bool
    ) -> dict[str, Any]:
        first = pipeline.first_labels
        times = {
            "seconds": round(time.monotonic() - self._began, 3),
            "seconds_to_first_labels": first and round(process_age_s() - (time.monotonic() - first), 3),
            "resumed": resumed,
        }
        meta = describe.describe_table(self._options, job, loaded, store.counts(range(len(store))), times)
        return finish.assemble(
            self._paths, store, loaded.writer, loaded.table.names, meta=meta, stop_signal=self._stop_signal
        )

    def _conclude(self, loaded: Loaded, meta: dict[str, Any]) -> LabelingReport:
        finish.write_companions(self._paths, meta)
        report = LabelingReport(table=self._paths.output, bundle=loaded.bundles[0].path, meta=meta)
        for problem in loaded.plugins.notify("labeling_finished", report):
            self._reporter.say(f"warning: {problem}")
        finish.tidy_up(self._paths)
        return report

    def _leave_no_unborn_job(self) -> None:
        with contextlib.suppress(FashionBatchError):
            if not self._paths.job.exists():
                discard(self._paths)


def _commit(shard: FinishedShard, store: ShardStore, loaded: Loaded) -> Counts:
    counts = Counts()
    rows = loaded.table.rows(shard.files, shard.failed, shard.probabilities, counts)
    data = loaded.writer.encode(loaded.table.names, rows)
    store.commit(shard.number, data, counts)
    return counts


def _lane(session: Session, loaded: Loaded, number: int) -> Lane:
    return Lane(session.runtime, loaded.spec_number(loaded.bundles[number]), session.manifest.outputs)


def _inside(folder: Path, paths: JobPaths) -> tuple[str, ...]:
    """The run's own files as seen from the folder, where they lie in it."""
    beside = Path(os.path.realpath(paths.output.parent))
    if not beside.is_relative_to(folder):
        return ()
    return tuple(str(beside.relative_to(folder) / name) for name in paths.own_names)
