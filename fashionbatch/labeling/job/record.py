"""What a job is and that its table is complete: typed, on the disk as JSON."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field

from fashionbatch import disk
from fashionbatch.errors import OutputError
from fashionbatch.labeling.job.paths import JobPaths
from fashionbatch.labels.parts import PartedTable, check_folder
from fashionbatch.labels.records import (
    BundleReference,
    Compute,
    Count,
    DecodingRecord,
    EmbeddingsRecord,
    FilesRecord,
    PathText,
    PlainName,
    PrecisionRecord,
    Record,
    ReuseCounts,
    Sha256,
    TableOptions,
    Text,
)
from fashionbatch.labels.sidecar import Sidecar
from fashionbatch.specs import ColumnType
from fashionbatch.stores.address import Location
from fashionbatch.versions import refusal

JOB_FORMAT = 1
_LARGEST_BYTES = 1 << 26
_BEGIN_ANEW = "`--restart` begins anew"
_FOUND_BY_EACH_RUN = {
    "created",
    "files",
    "shards",
    "columns",
    "column_types",
    "bundle_paths",
    "fashionbatch",
    "reused",
    "precision_choices",
    "files_index",
}


class Request(Record):
    """What was asked for and changes rows, as far as it is known before the networks are loaded.

    Attributes:
        bundles: that the labels come from.
        folder: that is labeled, resolved.
        options: that decide which rows there are.
    """

    bundles: Sequence[BundleReference] = Field(min_length=1)
    folder: PathText
    options: TableOptions


class JobDescription(Request):
    """All that the rows depend on, but for the files themselves.

    Attributes:
        format: of the job directory.
        fashionbatch: the version that began the job.
        compute: what computes.
        decoding: how files are decoded.
        embeddings: the file of the features; None without one.
        columns: of the table.
        column_types: what their cells are; empty in jobs that 0.1 began.
        bundle_paths: where each bundle was.
    """

    format: Literal[1]
    fashionbatch: str
    compute: Compute
    decoding: DecodingRecord
    embeddings: EmbeddingsRecord | None = None
    columns: Sequence[Text]
    column_types: Sequence[ColumnType] = ()
    bundle_paths: Sequence[PathText]


class Job(JobDescription):
    """The whole of `job.json`.

    Attributes:
        files: what the scan gave.
        shards: where each shard begins, and where the last one ends.
        created: when the job was begun, in ISO 8601.
        files_index: what tells the list of files from others without reading all of it; None in jobs that 0.1 began.
        precision_choices: why each bundle's network is computed in its precision; empty in jobs that 0.1 began.
        reused: how the files compare with an earlier table; None without one.
    """

    files: FilesRecord
    shards: Sequence[Count] = Field(min_length=2)
    created: str
    files_index: Sha256 | None = None
    precision_choices: Sequence[PrecisionRecord] = ()
    reused: ReuseCounts | None = None


class TableRecord(Record):
    """The whole of `table.json`: the table is complete.

    Attributes:
        format: of the job directory.
        sha256: of the table.
        meta: its sidecar.
        staged: the names of files beside the table -> the temporary names under which they wait for them.
    """

    format: Literal[1]
    sha256: Sha256
    meta: Sidecar
    staged: Mapping[PlainName, PlainName] = Field(default_factory=dict)


RecordT = TypeVar("RecordT", bound=Record)


def read_job(paths: JobPaths) -> Job | None:
    """The job that is under way, None where none was begun.

    Raises:
        OutputError: its description is damaged or of another version.
    """
    return _read(Job, paths.job)


def parted_table(paths: JobPaths, options: TableOptions) -> PartedTable | None:
    """The folder that the table is, where it is one."""
    return None if options.partitioned is None else PartedTable(paths.output, options.partitioned)


def write_job(paths: JobPaths, job: Job, table: PartedTable | None) -> None:
    """Begin a job whose directory has all else: from now on it exists.

    Where the table is a folder of parts, it is made then, without those of an earlier table: what of them is reused is
    in the job, and whoever goes on with it sees to that again (`clear_place`).

    Args:
        paths: of the output.
        job: what is written.
        table: the folder of parts that the table is, where it is one on this machine.

    Raises:
        OutputError: something could not be written, or the folder holds other files.
    """
    if table is not None:
        check_folder(table.folder)
    write_record(paths.job, job)
    if table is not None:
        remove_sidecar(paths)
        table.begin()


def remove_sidecar(paths: JobPaths) -> None:
    """Remove the sidecar of an earlier table: it would say of a folder of parts that it is complete.

    Raises:
        OutputError: it cannot be removed.
    """
    with disk.output_errors(paths.meta):
        disk.remove(paths.meta)


def read_table_record(paths: JobPaths) -> TableRecord | None:
    """What `table.json` says, None where the table was not assembled yet.

    Raises:
        OutputError: as `read_job`.
    """
    return _read(TableRecord, paths.table)


def write_record(path: Path, record: Record, *, within: Path | None = None) -> None:
    """Write a record whole: with `job.json` the job exists, with `table.json` its table is complete.

    Args:
        path: where.
        record: what.
        within: as of `disk.write_file`.

    Raises:
        OutputError: it could not be written.
    """
    disk.write_file(path, record.to_json(), within=within)


def differences(old: Record, new: Record) -> list[str]:
    """In what two jobs' descriptions differ, a phrase each, leaving out what each run finds out by itself."""
    one, other = (
        {key: value for key, value in record.as_json().items() if key not in _FOUND_BY_EACH_RUN}
        for record in (old, new)
    )
    return [
        f"{name} is {_brief(before)} in the job and {_brief(now)} now" for name, before, now in _walk("", one, other)
    ]


def discard(paths: JobPaths) -> None:
    """Remove a job's files; the locks and, last of all, `table.json` go when the caller releases them.

    What somebody else has put into the directory stays, and the directory with it. No link is followed.

    Raises:
        OutputError: they cannot be removed.
    """
    with (
        disk.output_errors(paths.directory),
        contextlib.suppress(FileNotFoundError),
        disk.OwnDirectory(paths.directory) as directory,
    ):
        # job.json first: without it nothing of the rest counts.
        directory.remove(paths.contents, first=(paths.job.name,), last=(paths.table.name,))


def _walk(name: str, old: Any, new: Any) -> list[tuple[str, Any, Any]]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return [
            difference
            for key in sorted(old.keys() | new.keys())
            for difference in _walk(f"{name}.{key}" if name else key, old.get(key), new.get(key))
        ]
    return [] if old == new else [(name, old, new)]


def _brief(value: Any) -> str:
    if value is None:
        return "not given"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."


def parsed(kind: type[RecordT], content: bytes, place: Location) -> RecordT:
    """What a file of a job says.

    Args:
        kind: what it should be.
        content: of the file.
        place: of the file, for messages.

    Raises:
        OutputError: it is damaged or of another version.
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise OutputError(f"{place}: cannot be read: {error}", hint=_BEGIN_ANEW) from None
    if not isinstance(document, dict):
        raise OutputError(f"{place}: is damaged: it holds no record", hint=_BEGIN_ANEW)
    if refused := refusal(document.get("format"), JOB_FORMAT):
        raise OutputError(f"{place}: cannot be read: {refused}", hint=_BEGIN_ANEW)
    try:
        return kind.of_json(document)
    except ValueError as error:
        raise OutputError(f"{place}: is damaged: {error}", hint=_BEGIN_ANEW) from None


def _read(kind: type[RecordT], path: Path) -> RecordT | None:
    try:
        content = disk.read_regular(path, _LARGEST_BYTES, follow_links=False)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OutputError(f"{path}: {disk.why_unreadable(error)}", hint=_BEGIN_ANEW) from None
    return parsed(kind, content, path)
