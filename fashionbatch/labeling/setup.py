"""Gets a run ready for its shards: a new job, one that was begun before, or one that another process works on, too.

What takes time is started before anything is waited for: decode workers and the scan load while this process does, and
decoding begins before the networks are there.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

from fashionbatch import disk
from fashionbatch.bundle.open import Bundle
from fashionbatch.errors import FashionBatchError, OutputError, RuntimeUnavailableError
from fashionbatch.images import EXTENSIONS
from fashionbatch.inference.precision import PrecisionChoice
from fashionbatch.inference.session import Session, usable_cores
from fashionbatch.inference.stream import drain
from fashionbatch.labeling import describe, finish
from fashionbatch.labeling.commit import commit
from fashionbatch.labeling.in_hand import Lane, buffers_needed
from fashionbatch.labeling.job.frozen import JobFiles, require_same_files
from fashionbatch.labeling.job.home import JobHome
from fashionbatch.labeling.job.manifest import Manifest
from fashionbatch.labeling.job.paths import JobPaths
from fashionbatch.labeling.job.record import Job, JobDescription, differences
from fashionbatch.labeling.job.shards import ShardStore, parts_of, plan_shards
from fashionbatch.labeling.load import Loaded, load
from fashionbatch.labeling.options import LabelOptions
from fashionbatch.labeling.pipeline import Pipeline
from fashionbatch.labeling.precisions import Rehearsal, float32_instead, is_worth_measuring, known_choices, likely
from fashionbatch.labeling.reuse.previous import reuse_rows
from fashionbatch.labeling.source.process import ScanProcess, request_of
from fashionbatch.labeling.workers.frames import FrameLayout, Frames
from fashionbatch.labeling.workers.launch import Launcher
from fashionbatch.labeling.workers.pool import WorkerPool
from fashionbatch.labels.records import FilesRecord, ReuseCounts
from fashionbatch.progress import Reporter, silent
from fashionbatch.specs import StopSignal
from fashionbatch.stores.address import Location, Url, folder_of, resolved
from fashionbatch.stores.sources import Source, list_source, source_of


@dataclass(frozen=True)
class Run:
    """One run of `classify`, and what it has opened.

    Attributes:
        options: what was asked for.
        reporter: where the run says what it does.
        stop_signal: the number of the signal that asks for an end, 0 while there is none.
        stack: closes at the end of the run what it has opened.
        launcher: has perhaps started workers already; the caller closes it.
        given_home: where the job lies; None for where the options say.
    """

    options: LabelOptions
    reporter: Reporter = field(default_factory=silent)
    stop_signal: StopSignal = lambda: 0
    stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    launcher: Launcher | None = None
    given_home: JobHome | None = None

    @cached_property
    def home(self) -> JobHome:
        """Where the job lies."""
        return self.given_home or JobHome(self.paths, self.stop_signal)

    @property
    def paths(self) -> JobPaths:
        """The names that belong to the output."""
        return JobPaths(Path(os.path.abspath(self.options.output.table)))

    @property
    def source(self) -> Location:
        """The folder, the one file or the archives that are labeled, as they are really called."""
        return resolved(self.options.source.folder)

    @property
    def folder(self) -> Location:
        """What the rows' paths are relative to."""
        return folder_of(self.source, tuple(EXTENSIONS))

    @property
    def files_source(self) -> Source:
        """What decode workers open files by."""
        folder = self.folder
        if self.options.source.files_from is not None and isinstance(folder, Path):
            return list_source(os.fsencode(folder), self.paths.unpacked)
        return source_of(self.source, folder, self.paths.unpacked)

    def shards(self, store: ShardStore) -> range:
        """The shards that this run is to do, done or not."""
        part = self.options.work.part
        return range(len(store)) if part is None else part.shards(len(store))


@dataclass(frozen=True)
class Ready:
    """A job that is on the disk, and what labels its shards.

    Attributes:
        job: as in `job.json`.
        loaded: bundles, plugins and columns.
        store: the job's shards.
        pipeline: labels them.
        pending: the shards that this run has to do; the first one is begun.
    """

    job: Job
    loaded: Loaded
    store: ShardStore
    pipeline: Pipeline
    pending: list[int]


def begin_job(run: Run) -> Ready:
    """Find the files, describe the job and put it on the disk. Nothing of it is left where that fails.

    Raises:
        FashionBatchError: as `fashionbatch.labeling.run.label`.
    """
    options, paths = run.options, run.paths
    with _discarded_on_error(run.home):
        station = _Station.start(run)
        with contextlib.closing(ScanProcess(run.source, request_of(options, run.folder, paths), paths)) as scan:
            loaded = load(options)
            frames = station.share_frames(loaded)
            choices = known_choices(loaded, options)
            hopes = [likely(choice) for choice in choices]
            # A scan that takes long is used to load the networks, unless it depends on the number of files which ones;
            # else decoding is begun first, and goes on meanwhile.
            sessions = [] if scan.has_ended or hopes != choices else station.open_sessions(loaded, choices)
            with run.reporter.bar("scanning", None, "file") as advance:
                found = scan.finish(advance, run.stop_signal).as_json()
        for note in found.pop("notes"):
            run.reporter.show(note if note.startswith("warning") else f"note: {note}")
        files = FilesRecord.of_json(found)
        loaded.table.check_size(files.rows)
        bounds = plan_shards(files.rows, columns=loaded.width, batch_size=options.compute.batch_size)
        store = run.home.shards(bounds, loaded.parts, loaded.part_suffix)
        pending = list(run.shards(store))
        # What is reused of an earlier table, and so what is to be decoded, is known only with the networks: which
        # precision they compute in is among what has to be the same.
        pipeline = None if options.reuse.previous else station.pipeline(store, loaded, frames, pending)
        is_measured = pipeline is not None and is_worth_measuring(options, choices, files.rows)
        sessions = sessions or station.open_sessions(loaded, hopes if is_measured else choices)
        if pipeline is not None:
            sessions, choices = station.connect_those_that_work(loaded, pipeline, sessions, choices)
            if is_measured:
                sessions = station.settle(loaded, pipeline, sessions, choices, files.rows)
        description = describe.describe_job(options, run.source, loaded, sessions)
        reused = _reuse(run, description)
        with contextlib.closing(Manifest(paths.manifest)) as manifest:
            files_index = manifest.index_digest
        job = Job.of_json(
            {
                **description.as_json(),
                "files": files.as_json(),
                "shards": bounds,
                "created": describe.now(),
                "files_index": files_index,
                "precision_choices": describe.describe_choices(sessions),
                **({"reused": reused.as_json()} if reused else {}),
            }
        )
        with disk.output_errors(paths.shards):
            paths.shards.mkdir(exist_ok=True)
        run.home.begin(job)
        if pipeline is None:
            pipeline = station.pipeline(store, loaded, frames, pending)
            station.connect(loaded, pipeline, sessions)
        ready = Ready(job, loaded, store, pipeline, pending)
    _say_what_is_done(run, job, loaded, sessions)
    return ready


def resume_job(run: Run, job: Job) -> Ready:
    """Go on with a job that is on the disk.

    Args:
        run: this run.
        job: as in `job.json`.

    Raises:
        OutputError: the job is another one than the options ask for.
        FashionBatchError: as `fashionbatch.labeling.run.label`.
    """
    ready, sessions = _open(run, job, undone=True)
    _say_what_is_done(run, job, ready.loaded, sessions)
    return ready


def open_job(run: Run, job: Job) -> Ready:
    """Get ready for shards of a job that another process has begun; the caller says which.

    Raises:
        OutputError: this machine would compute other rows than the job's.
        FashionBatchError: as `resume_job`.
    """
    return _open(run, job, undone=False)[0]


def _open(run: Run, job: Job, *, undone: bool) -> tuple[Ready, list[Session]]:
    station = _Station.start(run)
    loaded = load(run.options)
    frames = station.share_frames(loaded)
    store = run.home.shards(job.shards, parts_of(job), loaded.part_suffix)
    done = store.done()
    pending = [shard for shard in run.shards(store) if shard not in done] if undone else []
    pipeline = station.pipeline(store, loaded, frames, pending)
    sessions = station.open_sessions(loaded, known_choices(loaded, run.options, job))
    description = describe.describe_job(run.options, run.source, loaded, sessions)
    if not undone and (found := differences(job, description)):
        raise OutputError(f"other rows would be computed here: {'; '.join(found)}")
    _require_same_job(run, job, description)
    if undone:
        finish.clear_place(run.paths, store)
    station.connect(loaded, pipeline, sessions)
    return Ready(job, loaded, store, pipeline, pending), sessions


@dataclass(frozen=True)
class _Station:
    """The decode workers of a run, and what is put around them."""

    run: Run
    frame_file: int
    pool: WorkerPool

    @classmethod
    def start(cls, run: Run) -> _Station:
        launcher = run.launcher or run.stack.enter_context(Launcher())
        work = run.options.work
        pool = WorkerPool(
            work.workers or usable_cores(),
            launcher,
            timeout_s=work.timeout_s,
            memory_limit=work.memory_limit,
            decoder=work.decoder,
            digests=run.options.reuse.match == "sha256",
        )
        run.stack.callback(pool.close)
        return cls(run, launcher.frame_file, pool)

    def share_frames(self, loaded: Loaded) -> Frames:
        """Tell the workers what to decode to, and where."""
        batch_size = self.run.options.compute.batch_size
        buffers = buffers_needed(batch_size, self.pool.count, 2 * usable_cores())
        shapes = tuple(spec.shape for spec in loaded.specs)
        with disk.output_errors(Path("the memory for decoded images")):
            frames = Frames(self.frame_file, FrameLayout(shapes, batch_size, buffers, self.pool.count), create=True)
        accepted = self.run.options.rows.accept_truncated
        asked = {} if accepted is None else {"accept_truncated": accepted}
        specs = [{**spec.model_dump(mode="json"), **asked} for spec in loaded.specs]
        self.pool.configure(frames, source=self.run.files_source, specs=specs)
        return frames

    def open_session(self, loaded: Loaded, bundle: Bundle, choice: PrecisionChoice) -> Session:
        """Load a network; it is closed at the end of the run, if not before."""
        session = loaded.open_session(bundle, choice)
        self.run.stack.callback(session.close)
        return session

    def open_sessions(self, loaded: Loaded, choices: Sequence[PrecisionChoice]) -> list[Session]:
        """Load the networks."""
        chosen = zip(loaded.bundles, choices, strict=True)
        return [self.open_session(loaded, bundle, choice) for bundle, choice in chosen]

    def pipeline(self, store: ShardStore, loaded: Loaded, frames: Frames, pending: Sequence[int]) -> Pipeline:
        """A pipeline that is decoding already; its networks are still to be connected."""
        files = JobFiles(self.run.paths)
        self.run.stack.callback(files.close)
        pipeline = Pipeline(
            files=files,
            store=store,
            pool=self.pool,
            frames=frames,
            folder=None if isinstance(self.run.folder, Url) else os.fsencode(self.run.folder),
            digests=self.run.options.reuse.match == "sha256",
            commit=lambda shard: commit(shard, store, loaded.products),
            stop_signal=self.run.stop_signal,
        )
        if pending:
            pipeline.begin(pending[0])
        return pipeline

    def connect(self, loaded: Loaded, pipeline: Pipeline, sessions: Sequence[Session]) -> None:
        """Give the pipeline its networks, once they have shown that they compute what they should.

        Raises:
            RuntimeUnavailableError: one of them does not.
        """
        self._attach(loaded, pipeline, sessions)
        try:
            for session in sessions:
                session.verify()
        except BaseException:
            pipeline.close()  # Nothing may be written any more to a job that is discarded.
            raise

    def connect_those_that_work(
        self, loaded: Loaded, pipeline: Pipeline, sessions: Sequence[Session], choices: Sequence[PrecisionChoice]
    ) -> tuple[list[Session], list[PrecisionChoice]]:
        """As `connect`, for a new job: what this machine computes wrongly gives way to float32, where that may be.

        Returns:
            The sessions, and what each was chosen by.

        Raises:
            RuntimeUnavailableError: a network is computed wrongly, and there is nothing else.
        """
        self._attach(loaded, pipeline, sessions)
        working, chosen = list(sessions), list(choices)
        try:
            for number, (bundle, session) in enumerate(zip(loaded.bundles, sessions, strict=True)):
                try:
                    session.verify()
                except RuntimeUnavailableError as error:
                    chosen[number] = float32_instead(loaded, self.run.options, bundle, session, error)
                    session.close()
                    self.run.reporter.show(f"warning: {error.message}; float32 takes its place")
                    working[number] = self.open_session(loaded, bundle, chosen[number])
        except BaseException:
            pipeline.close()  # Nothing may be written any more to a job that is discarded.
            raise
        if working != list(sessions):
            for session in sessions:
                drain(session.runtime)
            self.connect(loaded, pipeline, working)
        return working, chosen

    def _attach(self, loaded: Loaded, pipeline: Pipeline, sessions: Sequence[Session]) -> None:
        """Give the pipeline its networks, and them what is decoded by now: they compute it beside their reference."""
        loaded.table.rows.compute_in([session.precision for session in sessions])
        features = loaded.features.size if loaded.features else 0
        pipeline.connect(
            [
                Lane(session.runtime, loaded.spec_number(bundle), session.manifest.outputs, features)
                for bundle, session in zip(loaded.bundles, sessions, strict=True)
            ]
        )
        # It is closed before the networks that it waits for.
        self.run.stack.callback(pipeline.close)
        pipeline.feed()

    def settle(
        self,
        loaded: Loaded,
        pipeline: Pipeline,
        sessions: Sequence[Session],
        choices: Sequence[PrecisionChoice],
        files: int,
    ) -> list[Session]:
        """Find out which precision is the fastest, while the first photos are labeled."""
        rehearsal = Rehearsal(loaded, pipeline, partial(self.open_session, loaded), self.run.reporter.show)
        settled = rehearsal.settle(sessions, choices, files=files, is_asked_for=self.run.options.compute.measure)
        if [session.runtime for session in settled] != [session.runtime for session in sessions]:
            self.connect(loaded, pipeline, settled)
        return settled


def _say_what_is_done(run: Run, job: Job, loaded: Loaded, sessions: Sequence[Session]) -> None:
    if run.options.compute.measure and not any(session.choice.rates for session in sessions):
        run.reporter.show("note: nothing is timed: there is no choice of precision in this job")
    run.reporter.show(describe.opening_line(run.options, job.files, loaded, sessions))
    if job.reused:
        run.reporter.show(f"compared with {run.options.reuse.previous}: {job.reused}")


def _reuse(run: Run, description: JobDescription) -> ReuseCounts | None:
    reuse, bar = run.options.reuse, run.reporter.bar
    if (before := reuse.previous) is None:
        return None
    return reuse_rows(before, run.paths, description, match=reuse.match, retry_errors=reuse.retry_errors, bar=bar)


def _require_same_job(run: Run, job: Job, description: JobDescription) -> None:
    found = differences(job, description)
    if found:
        raise OutputError(
            f"{run.options.output.shown} belongs to another job that is under way: {'; '.join(found)}",
            hint="start that command again to finish it, or `--restart` to discard what it has done",
        )
    require_same_files(run.paths, job)


@contextlib.contextmanager
def _discarded_on_error(home: JobHome) -> Iterator[None]:
    """Leave nothing of a job that could not be begun."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(FashionBatchError):
            home.abandon()
        raise
