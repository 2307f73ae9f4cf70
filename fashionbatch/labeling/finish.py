"""From finished shards to the table. A kill between any two steps leaves something that the next run completes.

1. the list of files with their digests, where it is wanted, and the table, in the job directory; the embeddings, which
   may belong on another disk, under a temporary name beside their own; all fsynced
2. table.json in the job directory: the digests, that temporary name, and the sidecar's content
3. the table gets its name
4. the embeddings get theirs; sidecar and list of files; where the job lies in a store, table.json there; what the
   caller does with a complete table
5. the job directory goes, table.json last

A table that is a folder of parts has its name from the beginning: step 1 completes it, and there is no step 3. Where it
is one in a store, the folder here is made in step 1, of the job's own files, for whoever needs the complete table.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from fashionbatch import disk
from fashionbatch.errors import InterruptedRunError
from fashionbatch.labeling.describe import describe_table
from fashionbatch.labeling.job.home import JobHome
from fashionbatch.labeling.job.manifest import Manifest, ManifestWriter
from fashionbatch.labeling.job.paths import JobPaths
from fashionbatch.labeling.job.record import (
    JOB_FORMAT,
    Job,
    TableRecord,
    parted_table,
    read_table_record,
    remove_sidecar,
    write_record,
)
from fashionbatch.labeling.job.shards import ShardPart, ShardStore
from fashionbatch.labeling.products.embeddings import place_of
from fashionbatch.labeling.products.product import JoinedFile
from fashionbatch.labels.parts import PartedTable, check_folder, digest_of_digests, digest_of_table
from fashionbatch.labels.sidecar import Sidecar
from fashionbatch.plugins import Plugins
from fashionbatch.progress import Advance, OpenBar, no_bar
from fashionbatch.specs import LabelingReport, StopSignal

if TYPE_CHECKING:
    from fashionbatch.labeling.job.stored.parts import StoredParts


@dataclass(frozen=True, kw_only=True)
class TableReport(LabelingReport):
    """What a run has made.

    Attributes:
        sidecar: what stands beside the table; `meta` is the same as plain JSON.
    """

    sidecar: Sidecar


def assemble(
    paths: JobPaths,
    job: Job,
    products: Sequence[JoinedFile],
    *,
    times: dict[str, Any],
    stop_signal: StopSignal,
    stored: StoredParts | None = None,
    bar: OpenBar = no_bar,
) -> Sidecar:
    """Join the shards to the table and put it under its name: steps 1 to 3.

    Args:
        paths: of the output.
        job: whose shards are all done.
        products: what is made, the table first.
        times: as the run measured them, for the sidecar.
        stop_signal: the number of the signal that asks for an end, 0 while there is none.
        stored: the folder in a store that the table is, where it is one: it is completed, too.
        bar: shows how far it is.

    Returns:
        The sidecar.

    Raises:
        OutputError: the table could not be written, or a shard is damaged; the shards stay.
        InterruptedRunError: there was a signal.
    """
    table = parted_table(paths, job.options)
    store = ShardStore(paths.shards, job.shards, [product.part for product in products], table=table)
    counts = store.counts(range(len(store)))
    digests = {"files": _write_digests(paths, store, bar) if job.options.match == "sha256" else job.files.digest}
    with contextlib.ExitStack() as stack:
        # The table last: what is beside it is complete when it gets its name.
        staged = {}
        for product in reversed(products):
            if product.path == paths.output and table is not None:
                with bar(f"completing {product.path.name}", len(store), "shard") as advance:
                    digests[product.part.digest] = _publish(table, store, product.part, stop_signal, advance)
                if stored is not None:
                    _complete_stored(stored, store, stop_signal, bar)
                continue
            with disk.output_errors(product.path), bar(f"writing {product.path.name}", len(store), "shard") as advance:
                file = stack.enter_context(_stage(product.path, paths))
                parts = _until_stopped(store.checked_paths(product.part), stop_signal, advance)
                digest = _write_hashed(file, partial(product.assemble, parts, counts.rows))
            digests[product.part.digest], staged[product.path] = digest, file
        whole = staged.pop(paths.output, None)
        sidecar = describe_table(paths.output, job, counts, times, digests)
        record = {"format": JOB_FORMAT, "sha256": sidecar.sha256, "meta": sidecar.as_json()}
        record["staged"] = {path.name: file.temporary.name for path, file in staged.items()}
        write_record(paths.table, TableRecord.of_json(record))
        # From here on the other products stay whatever fails: the table may have its name, and they belong to it.
        for file in staged.values():
            file.keep()
        if whole is not None:
            with disk.output_errors(paths.output):
                whole.give_name()
    return sidecar


def clear_place(paths: JobPaths, store: ShardStore) -> None:
    """For a job that is gone on with: let a table that is a folder of parts hold its finished shards and nothing else.

    Raises:
        OutputError: it cannot be done.
    """
    if read_table_record(paths) is not None:
        return
    if store.stored is not None:
        store.stored.catch_up(store)
    if store.table is not None:
        remove_sidecar(paths)
        store.table.catch_up(store.is_done, store.path)


def _publish(table: PartedTable, store: ShardStore, part: ShardPart, stop_signal: StopSignal, advance: Advance) -> str:
    """See that the folder holds every shard and nothing else, for good; returns the digest that stands for it."""
    check_folder(table.folder)
    shards = _until_stopped(store.checked_paths(part), stop_signal, advance)
    digest = digest_of_digests([store.publish(shard) for shard, _ in enumerate(shards)])
    table.remove_others(len(store))
    table.sync()
    return digest


def _complete_stored(stored: StoredParts, store: ShardStore, stop_signal: StopSignal, bar: OpenBar) -> None:
    """See that the folder in a store holds every shard and nothing else."""
    with bar(f"completing {stored.url.name} in the store", len(store), "shard") as advance:

        def seen_to(done: int) -> None:
            advance(done)
            _require_no_signal(stop_signal)

        stored.complete(store, len(store), seen_to)


def _stage(path: Path, paths: JobPaths) -> disk.StagedFile:
    """A file that gets its name later: the table waits in the job directory, what may be on another disk beside it."""
    if path == paths.output:
        return disk.StagedFile(path, within=paths.directory)
    disk.remove_leftovers(path)
    return disk.StagedFile(path)


def _write_hashed(file: disk.StagedFile, write: Callable[[BinaryIO], None]) -> str:
    """Write a whole file, fsynced; returns its SHA-256 in hex."""
    hashing = _HashingFile(file.file)
    write(hashing)  # type: ignore[arg-type]
    file.sync()
    return hashing.hexdigest()


def table_is_complete(paths: JobPaths, embeddings: Path | None) -> Sidecar | None:
    """The sidecar, where an earlier run has put the table under its name and was stopped after that.

    Embeddings may be complete and still have their temporary name.

    Args:
        paths: of the output.
        embeddings: their file, as `place_of` takes it.
    """
    record = read_table_record(paths)
    if record is None or _digest(paths.output) != record.sha256:
        return None
    about = record.meta.embeddings
    if about is not None:
        place = place_of(about, paths.output, embeddings)
        if about.sha256 not in {_digest(path) for path in (place, *_waiting(place, record))}:
            return None
    return record.meta


def _digest(path: Path) -> str | None:
    try:
        return digest_of_table(path)
    except OSError:
        return None


def conclude(
    home: JobHome,
    sidecar: Sidecar,
    plugins: Plugins,
    *,
    embeddings: Path | None,
    say: Callable[[str], None],
    then: Callable[[Sidecar], None] | None = None,
) -> TableReport:
    """What follows when the table is under its name: steps 4 and 5. Safe to do again.

    Args:
        home: where the job lies.
        sidecar: of the table.
        plugins: those that want to hear of it.
        embeddings: their file, as `place_of` takes it.
        say: where problems of plugins are told.
        then: what else is to be done with a complete table, before the job directory goes.

    Raises:
        OutputError: something could not be written; the table is there.
    """
    paths = home.paths
    if sidecar.embeddings is not None:
        _give_name(place_of(sidecar.embeddings, paths.output, embeddings), read_table_record(paths))
    write_record(paths.meta, sidecar, within=paths.directory)
    with disk.output_errors(paths.files):
        files = paths.hashed if sidecar.options.match == "sha256" else paths.manifest
        if files.exists():
            disk.rename(files, paths.files)
    home.assembled()
    if then is not None:
        then(sidecar)
    report = report_on(paths, sidecar)
    for problem in plugins.notify("labeling_finished", report):
        say(f"warning: {problem}")
    home.discard()
    return report


def report_on(paths: JobPaths, sidecar: Sidecar) -> TableReport:
    """What there is to say about a complete table."""
    bundle = Path(sidecar.bundles[0].path)
    return TableReport(table=paths.output, bundle=bundle, meta=sidecar.as_json(), sidecar=sidecar)


def _write_digests(paths: JobPaths, store: ShardStore, bar: OpenBar) -> str:
    """Write the manifest again, with what the shards know of the files' content; returns the new one's digest."""
    digest = ""

    def write(file: BinaryIO) -> None:
        nonlocal digest
        writer = ManifestWriter(file, ordered=manifest.is_ordered, digests=True, tokens=manifest.has_tokens)
        for shard in range(len(store)):
            advance(shard)
            for record, sha256 in zip(manifest.rows(*store.rows(shard)), store.digests(shard), strict=True):
                writer.add(record.path, record.size, record.mtime_ns, sha256, record.token)
        digest = writer.finish()

    with (
        contextlib.closing(Manifest(paths.manifest)) as manifest,
        bar("writing the files' digests", len(store), "shard") as advance,
    ):
        disk.write_file(paths.hashed, write)
    return digest


def _waiting(path: Path, record: TableRecord | None) -> list[Path]:
    """Where a file waits for its name, if it does, by what `table.json` says."""
    name = "" if record is None else record.staged.get(path.name, "")
    staged = path.with_name(name) if disk.is_temporary_name_of(name, path) else None
    return [staged] if staged is not None and staged.exists() else []


def _give_name(path: Path, record: TableRecord | None) -> None:
    with disk.output_errors(path):
        for staged in _waiting(path, record):
            disk.rename(staged, path)


def _until_stopped(shards: Iterator[Path], stop_signal: StopSignal, advance: Advance) -> Iterator[Path]:
    for done, path in enumerate(shards):
        advance(done)
        _require_no_signal(stop_signal)
        yield path


def _require_no_signal(stop_signal: StopSignal) -> None:
    if stop_signal():
        raise InterruptedRunError(
            "interrupted while the table was put together; all rows are labeled",
            signal_number=stop_signal(),
            hint="start the same command again to complete it",
        )


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
