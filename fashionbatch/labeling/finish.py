"""From finished shards to the table. A kill between any two steps leaves something that the next run completes.

1. the list of files with their digests and the embeddings, where they are wanted, and the table beside their final
   names, fsynced
2. table.json in the job directory: the digests and the sidecar's content
3. the table gets its name
4. the embeddings get theirs; sidecar and list of files; what the caller does with a complete table
5. the job directory goes, table.json last
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from fashionbatch import disk
from fashionbatch.errors import InterruptedRunError
from fashionbatch.labeling.describe import describe_table
from fashionbatch.labeling.job.manifest import Manifest, ManifestWriter
from fashionbatch.labeling.job.paths import JobPaths
from fashionbatch.labeling.job.record import JOB_FORMAT, discard, read_table_record, write_object
from fashionbatch.labeling.job.shards import ShardStore
from fashionbatch.labeling.products.embeddings import format_of, path_of
from fashionbatch.plugins import Plugins
from fashionbatch.specs import LabelingReport, WriterSpec


def assemble(
    paths: JobPaths,
    job: dict[str, Any],
    writer: WriterSpec,
    *,
    times: dict[str, Any],
    stop_signal: Callable[[], int],
) -> dict[str, Any]:
    """Join the shards to the table and put it under its name: steps 1 to 3.

    Args:
        paths: of the output.
        job: as in `job.json`; its shards are all done.
        writer: the table's format.
        times: as the run measured them, for the sidecar.
        stop_signal: the number of the signal that asks for an end, 0 while there is none.

    Returns:
        The sidecar's content.

    Raises:
        OutputError: the table could not be written, or a shard is damaged; the shards stay.
        InterruptedRunError: there was a signal.
    """
    store = ShardStore.of_job(paths.shards, job)
    meta = describe_table(paths.output, job, store.counts(range(len(store))), times)
    if _has_digests(meta):
        meta["files"] = {**meta["files"], "digest": _write_digests(paths, store)}
    with contextlib.ExitStack() as stack:
        about = meta["embeddings"]
        if about is not None:
            embeddings = path_of(about, paths.output)
            stack.enter_context(disk.removed_on_error(disk.temporary_name(embeddings)))
            parts = _until_stopped(store.checked_embeddings(), stop_signal)
            join = partial(format_of(embeddings).assemble, parts, tuple(about["shape"]))
            meta = {**meta, "embeddings": {**about, "sha256": _write_beside(embeddings, join)}}
        stack.enter_context(disk.removed_on_error(disk.temporary_name(paths.output)))
        shards = _until_stopped(store.checked_paths(), stop_signal)
        meta = {**meta, "sha256": _write_beside(paths.output, partial(writer.assemble, job["columns"], shards))}
        write_object(paths.table, {"format": JOB_FORMAT, "sha256": meta["sha256"], "meta": meta})
    # From here on the embeddings stay whatever fails: the table may have its name already, and they belong to it.
    temporary = disk.temporary_name(paths.output)
    with disk.output_errors(paths.output), disk.removed_on_error(temporary):
        disk.rename(temporary, paths.output)
    return meta


def _write_beside(path: Path, write: Callable[[BinaryIO], None]) -> str:
    """Write a file under its temporary name, fsynced; returns its SHA-256 in hex."""
    temporary = disk.temporary_name(path)
    with disk.output_errors(path):
        disk.step("create", temporary)
        with open(temporary, "wb", buffering=1 << 20) as file:
            hashing = _HashingFile(file)
            write(hashing)  # type: ignore[arg-type]
            disk.step("sync", temporary)
            file.flush()
            os.fsync(file.fileno())
    return hashing.hexdigest()


def table_is_complete(paths: JobPaths) -> dict[str, Any] | None:
    """The sidecar's content, where an earlier run has put the table under its name and was stopped after that.

    Embeddings may be complete and still have their temporary name.
    """
    record = read_table_record(paths)
    if record is None:
        return None
    meta = record.get("meta")
    if not isinstance(meta, dict) or _digest(paths.output) != record.get("sha256"):
        return None
    about = meta.get("embeddings")
    if about is not None:
        embeddings = path_of(about, paths.output)
        if about["sha256"] not in {_digest(disk.temporary_name(embeddings)), _digest(embeddings)}:
            return None
    return meta


def _digest(path: Path) -> str | None:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def conclude(
    paths: JobPaths,
    meta: dict[str, Any],
    plugins: Plugins,
    *,
    say: Callable[[str], None],
    then: Callable[[dict[str, Any]], None] | None = None,
) -> LabelingReport:
    """What follows when the table is under its name: steps 4 and 5. Safe to do again.

    Args:
        paths: of the output.
        meta: the sidecar's content.
        plugins: those that want to hear of it.
        say: where problems of plugins are told.
        then: what else is to be done with a complete table, before the job directory goes.

    Raises:
        OutputError: something could not be written; the table is there.
    """
    if meta.get("embeddings") is not None:
        _name_embeddings(path_of(meta["embeddings"], paths.output))
    write_object(paths.meta, meta)
    with disk.output_errors(paths.files):
        files = paths.hashed if _has_digests(meta) else paths.manifest
        if files.exists():
            disk.rename(files, paths.files)
    if then is not None:
        then(meta)
    report = LabelingReport(table=paths.output, bundle=Path(meta["bundles"][0]["path"]), meta=meta)
    for problem in plugins.notify("labeling_finished", report):
        say(f"warning: {problem}")
    discard(paths)
    return report


def _has_digests(meta: dict[str, Any]) -> bool:
    return bool(meta["options"].get("match") == "sha256")


def _write_digests(paths: JobPaths, store: ShardStore) -> str:
    """Write the manifest again, with what the shards know of the files' content; returns the new one's digest."""
    digest = ""

    def write(file: BinaryIO) -> None:
        nonlocal digest
        writer = ManifestWriter(file, ordered=manifest.is_ordered, digests=True)
        for shard in range(len(store)):
            for record, sha256 in zip(manifest.rows(*store.rows(shard)), store.digests(shard), strict=True):
                writer.add(record.path, record.size, record.mtime_ns, sha256)
        digest = writer.finish()

    with contextlib.closing(Manifest(paths.manifest)) as manifest:
        disk.write_file(paths.hashed, write)
    return digest


def _name_embeddings(path: Path) -> None:
    temporary = disk.temporary_name(path)
    with disk.output_errors(path):
        if temporary.exists():
            disk.rename(temporary, path)


def _until_stopped(shards: Iterator[Path], stop_signal: Callable[[], int]) -> Iterator[Path]:
    for path in shards:
        if stop_signal():
            raise InterruptedRunError(
                "interrupted while the table was put together; all rows are labeled",
                signal_number=stop_signal(),
                hint="start the same command again to complete it",
            )
        yield path


class _HashingFile(io.RawIOBase):
    """Writes to a file and keeps the digest of what went in."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._digest.update(data)
        return self._file.write(data)

    def tell(self) -> int:
        return self._file.tell()

    def hexdigest(self) -> str:
        return self._digest.hexdigest()
