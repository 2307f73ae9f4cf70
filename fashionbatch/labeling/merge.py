"""Joins the parts of a job that several runs have done: checks that they belong together and are complete."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO

from pydantic import ValidationError

from fashionbatch import disk
from fashionbatch.display_width import counted_of, printable
from fashionbatch.errors import OutputError
from fashionbatch.labeling import checks, finish
from fashionbatch.labeling.destination import destination_of
from fashionbatch.labeling.job.home import JobHome
from fashionbatch.labeling.job.manifest import Manifest
from fashionbatch.labeling.job.opening import home_of
from fashionbatch.labeling.job.paths import JobPaths
from fashionbatch.labeling.job.record import Job, differences, discard, read_job
from fashionbatch.labeling.job.shards import ShardStore, parts_of
from fashionbatch.labeling.options import OutputOptions
from fashionbatch.labeling.products.embeddings import EmbeddingsFile, place_of, seen_from_table
from fashionbatch.labeling.products.product import JoinedFile
from fashionbatch.labeling.products.table import TableFile
from fashionbatch.labels.columns import type_of
from fashionbatch.plugins import load_plugins
from fashionbatch.progress import Reporter, silent
from fashionbatch.registry import OurName, Registry
from fashionbatch.specs import StopSignal, WriterSpec
from fashionbatch.stores.address import Location, Url

_SHOWN_GAPS = 5


def merge(
    output: Path,
    others: Sequence[Path] = (),
    *,
    overwrite: bool = False,
    embeddings: Path | None = None,
    store: Url | None = None,
    jobs: Url | None = None,
    reporter: Reporter | None = None,
    stop_signal: StopSignal = lambda: 0,
) -> finish.TableReport:
    """Make the table of a job whose shards are done.

    Args:
        output: the table. Its job directory is used where there is one, else it is made from the others.
        others: job directories from other machines; their shards are copied.
        overwrite: replace an output that exists.
        embeddings: the file of the features, where the runs were told to put it elsewhere than beside the table. A job
            directory may be a stranger's, so it does not choose a folder to write to.
        store: the table's address, where it belongs in a store; `output` and `embeddings` are then where they are made.
        jobs: the address that the job lies below, where it lies in a store, too.
        reporter: where it is said what is done.
        stop_signal: the number of the signal that asks for an end, 0 while there is none.

    Returns:
        The table, and what its sidecar holds.

    Raises:
        OutputError: the parts do not belong together, rows are missing, or something cannot be written.
        InterruptedRunError: there was a signal.
    """
    paths = JobPaths(output.absolute())
    reporter = reporter or silent()
    wanted = OutputOptions(output, embeddings=embeddings, store=store, job=jobs, overwrite=overwrite)
    checks.check_name(paths)
    if jobs is not None and others:
        raise OutputError(f"{jobs}: the parts of a job in a store lie there; no other job directories are joined to it")
    if not paths.directory.is_dir() and not others and jobs is None:
        beside = f"beside it: {paths.directory.name}" if store is None else f"for it: {paths.directory}"
        raise OutputError(f"{wanted.shown}: there is no job directory {beside}")
    with contextlib.ExitStack() as stack:
        home = home_of(paths, store, jobs, replaces=overwrite, stop_signal=stop_signal, say=reporter.show)
        stop_signal = home.stop_signal
        destination = destination_of(home, wanted, reporter)
        destination.prepare()
        stack.callback(destination.leave)
        stack.enter_context(home.held())
        home.refresh()
        plugins = load_plugins(hooks=("register_writers", "labeling_finished"))
        conclude = partial(
            finish.conclude,
            home,
            plugins=plugins,
            embeddings=embeddings,
            say=reporter.show,
            then=lambda _: destination.deliver(),
        )
        complete = finish.table_is_complete(paths, embeddings)
        if complete is not None:
            return conclude(complete)
        finished = home.finished()
        if finished is not None and destination.has(finished):
            home.discard()
            return finish.report_on(paths, finished)
        job = home.find()
        if home.delivering is None and (job is None or job.options.partitioned is None):
            destination.refuse_existing()
        parts = [(directory, _job_of(directory)) for directory in others]
        if job is None and not parts:
            raise OutputError(f"{home.place}: no job was begun there")
        # All of them before anything is copied: a first part that is the wrong one would make the right ones foreign.
        begun = job or parts[0][1]
        for directory, other in parts:
            _require_same(output, begun, directory, other)
        if job is None:
            job = _begin(home, *parts[0])
        for directory, _ in parts:
            _take_over(paths, job, directory, reporter)
        files = _joined_files(paths, job, plugins.registry, embeddings)
        for file in files[1:]:
            checks.check_embeddings(file.path, paths)
            if store is None:
                checks.refuse_existing(file.path, overwrite=overwrite)
        shards = home.shards(job.shards, parts_of(job))
        _require_complete(wanted.shown, shards)
        shards.gather(reporter.bar)
        times = {"merged_from": 1 + len(others)} if home.delivering is None else home.delivering.times.as_json()
        stored = home.stored_parts(job.options.partitioned)
        sidecar = finish.assemble(
            paths, job, files, times=times, stop_signal=stop_signal, stored=stored, bar=reporter.bar
        )
        return conclude(sidecar)


def _joined_files(paths: JobPaths, job: Job, registry: Registry, embeddings: Path | None) -> list[JoinedFile]:
    """What the parts are joined to, the table first."""
    writer = registry.get(WriterSpec, OurName(job.options.format))
    try:
        parameters = writer.parameters.model_validate(dict(job.options.format_parameters))
    except ValidationError:
        raise OutputError(
            f"{paths.job}: the parameters of the format {writer.name!r} are not those of the one that is installed"
        ) from None
    columns, types = job.columns, job.column_types or [type_of(name) for name in job.columns]
    table = TableFile(
        path=paths.output,
        columns=columns,
        types=types,
        writer=writer,
        parameters=parameters,
        spreadsheet_safe=job.options.spreadsheet_safe,
    )
    if job.embeddings is None:
        if embeddings is not None:
            raise OutputError(f"{paths.output}: the job has no embeddings", hint="leave out --embeddings")
        return [table]
    place = place_of(job.embeddings, paths.output, embeddings)
    if seen_from_table(place, paths.output) != job.options.embeddings:
        raise OutputError(
            f"{paths.job}: its embeddings belong in {job.options.embeddings!r}, seen from the table's folder",
            hint="a job does not choose a folder to write to: name that file yourself with --embeddings",
        )
    return [table, EmbeddingsFile(path=place, size=job.embeddings.size)]


def _job_of(directory: Path) -> Job:
    job = read_job(_paths_of(directory))
    if job is None:
        raise OutputError(f"{directory}: is no job directory")
    return job


def _require_same(output: Path, job: Job, directory: Path, other: Job) -> None:
    found = differences(job, other)
    if other.files.digest != job.files.digest:
        found.append("the files that it began with are others")
    if other.shards != job.shards:
        found.append("its shards are cut otherwise")
    if found:
        raise OutputError(f"{directory}: does not belong to {output.name}: {'; '.join(found)}")
    path = _paths_of(directory).manifest
    with contextlib.closing(Manifest(path)) as manifest:
        if manifest.digest() != other.files.digest:
            raise OutputError(f"{path}: is not the list of files that the job began with")


def _begin(home: JobHome, directory: Path, job: Job) -> Job:
    """Make the job directory like another machine's, without its shards."""
    paths = home.paths
    discard(paths)
    for name in ("manifest", "kept", "reused"):
        if (directory / name).exists():
            _copy(directory / name, paths.directory / name)
    with disk.output_errors(paths.shards):
        paths.shards.mkdir(exist_ok=True)
    home.begin(job)
    return job


def _take_over(paths: JobPaths, job: Job, directory: Path, reporter: Reporter) -> None:
    """Copy the shards that another job directory has, and this one has not."""
    store, other_store = (ShardStore.of_job(one.shards, job) for one in (paths, _paths_of(directory)))
    missing = sorted(other_store.done() - store.done())
    with reporter.bar(f"copying from {printable(directory.name)}", len(missing), "shard") as advance:
        for number, shard in enumerate(missing, 1):
            other_store.require_whole(shard)
            for source in other_store.files(shard):
                _copy(source, paths.shards / source.name)
            advance(number)


def _copy(source: Path, target: Path) -> None:
    def write(file: BinaryIO) -> None:
        with disk.open_regular(source, follow_links=False) as stream:
            shutil.copyfileobj(stream, file, 1 << 20)

    disk.write_file(target, write)


def _paths_of(directory: Path) -> JobPaths:
    paths = JobPaths(directory.with_name(directory.name.removesuffix(".job")))
    if paths.directory != directory:
        raise OutputError(f"{directory}: a job directory's name ends in .job")
    return paths


def _require_complete(output: Location, store: ShardStore) -> None:
    missing = sorted(set(range(len(store))) - store.done())
    if not missing:
        return
    rows = store.count_rows(missing)
    gaps = ", ".join("{:,} to {:,}".format(*store.rows(shard)) for shard in missing[:_SHOWN_GAPS])
    more = f" and {len(missing) - _SHOWN_GAPS:,} more stretches" if len(missing) > _SHOWN_GAPS else ""
    raise OutputError(
        f"{output}: {counted_of(rows, store.bounds[-1], 'row')} not done yet: rows {gaps}{more}",
        hint="let the runs with --shard that are missing finish, or start `classify` without --shard to do the rest",
    )
