"""Joins the parts of a job that several runs have done: checks that they belong together and are complete."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from fashionbatch import disk
from fashionbatch.errors import OutputError
from fashionbatch.labeling import checks, finish
from fashionbatch.labeling.job.lock import JobLock
from fashionbatch.labeling.job.manifest import Manifest
from fashionbatch.labeling.job.paths import JobPaths
from fashionbatch.labeling.job.record import differences, discard, read_job, write_job
from fashionbatch.labeling.job.shards import ShardStore
from fashionbatch.labeling.products.embeddings import path_of
from fashionbatch.plugins import load_plugins
from fashionbatch.specs import LabelingReport, WriterSpec

_SHOWN_GAPS = 5


def merge(
    output: Path,
    others: Sequence[Path] = (),
    *,
    overwrite: bool = False,
    say: Callable[[str], None] = print,
    stop_signal: Callable[[], int] = lambda: 0,
) -> LabelingReport:
    """Make the table of a job whose shards are done.

    Args:
        output: the table. Its job directory is used where there is one, else it is made from the others.
        others: job directories from other machines; their shards are copied.
        overwrite: replace an output that exists.
        say: where problems of plugins are told.
        stop_signal: the number of the signal that asks for an end, 0 while there is none.

    Returns:
        The table, and what its sidecar holds.

    Raises:
        OutputError: the parts do not belong together, rows are missing, or something cannot be written.
        InterruptedRunError: there was a signal.
    """
    paths = JobPaths(output.absolute())
    checks.check_name(paths)
    if not paths.directory.is_dir() and not others:
        raise OutputError(f"{output}: there is no job directory {paths.directory.name} beside it")
    with contextlib.ExitStack() as stack:
        stack.callback(JobLock(paths).release)
        plugins = load_plugins(hooks=("register_writers", "labeling_finished"))
        complete = finish.table_is_complete(paths)
        if complete is not None:
            return finish.conclude(paths, complete, plugins, say=say)
        checks.refuse_existing(output, overwrite=overwrite)
        job = read_job(paths)
        parts = [(directory, _job_of(directory)) for directory in others]
        if job is None and not parts:
            raise OutputError(f"{paths.directory}: no job was begun there")
        # All of them before anything is copied: a first part that is the wrong one would make the right ones foreign.
        begun = job or parts[0][1]
        for directory, other in parts:
            _require_same(output, begun, directory, other)
        if job is None:
            job = _begin(paths, *parts[0])
        for directory, _ in parts:
            _take_over(paths, job, directory)
        if job.get("embeddings"):
            embeddings = path_of(job["embeddings"], paths.output)
            checks.check_embeddings(embeddings, paths)
            checks.refuse_existing(embeddings, overwrite=overwrite)
        store = ShardStore.of_job(paths.shards, job)
        _require_complete(output, store)
        writer = plugins.registry.get(WriterSpec, job["options"]["format"])
        meta = finish.assemble(paths, job, writer, times={"merged_from": 1 + len(others)}, stop_signal=stop_signal)
        return finish.conclude(paths, meta, plugins, say=say)


def _job_of(directory: Path) -> dict[str, Any]:
    job = read_job(_paths_of(directory))
    if job is None:
        raise OutputError(f"{directory}: is no job directory")
    return job


def _require_same(output: Path, job: dict[str, Any], directory: Path, other: dict[str, Any]) -> None:
    found = differences(job, other)
    if other["files"]["digest"] != job["files"]["digest"]:
        found.append("the files that it began with are others")
    if other["shards"] != job["shards"]:
        found.append("its shards are cut otherwise")
    if found:
        raise OutputError(f"{directory}: does not belong to {output.name}: {'; '.join(found)}")
    path = _paths_of(directory).manifest
    with contextlib.closing(Manifest(path)) as manifest:
        if manifest.digest() != other["files"]["digest"]:
            raise OutputError(f"{path}: is not the list of files that the job began with")


def _begin(paths: JobPaths, directory: Path, job: dict[str, Any]) -> dict[str, Any]:
    """Make the job directory like another machine's, without its shards."""
    discard(paths)
    for name in ("manifest", "kept", "reused"):
        if (directory / name).exists():
            _copy(directory / name, paths.directory / name)
    with disk.output_errors(paths.shards):
        paths.shards.mkdir(exist_ok=True)
    write_job(paths, job)
    return job


def _take_over(paths: JobPaths, job: dict[str, Any], directory: Path) -> None:
    """Copy the shards that another job directory has, and this one has not."""
    store, other_store = (ShardStore.of_job(one.shards, job) for one in (paths, _paths_of(directory)))
    for shard in sorted(other_store.done() - store.done()):
        other_store.require_whole(shard)
        for source in other_store.files(shard):
            _copy(source, paths.shards / source.name)


def _copy(source: Path, target: Path) -> None:
    def write(file: BinaryIO) -> None:
        with open(source, "rb") as stream:
            shutil.copyfileobj(stream, file, 1 << 20)

    disk.write_file(target, write)


def _paths_of(directory: Path) -> JobPaths:
    paths = JobPaths(directory.with_name(directory.name.removesuffix(".job")))
    if paths.directory != directory:
        raise OutputError(f"{directory}: a job directory's name ends in .job")
    return paths


def _require_complete(output: Path, store: ShardStore) -> None:
    missing = sorted(set(range(len(store))) - store.done())
    if not missing:
        return
    rows = sum(stop - start for start, stop in map(store.rows, missing))
    gaps = ", ".join("{:,} to {:,}".format(*store.rows(shard)) for shard in missing[:_SHOWN_GAPS])
    more = f" and {len(missing) - _SHOWN_GAPS:,} more stretches" if len(missing) > _SHOWN_GAPS else ""
    raise OutputError(
        f"{output}: {rows:,} of {store.bounds[-1]:,} rows are not done yet: rows {gaps}{more}",
        hint="let the runs with --shard that are missing finish, or start `classify` without --shard to do the rest",
    )
