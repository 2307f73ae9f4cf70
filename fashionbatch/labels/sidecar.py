"""What stands beside a label table in `TABLE.meta.json`: how the table was made and what is in it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from fashionbatch.errors import DataError
from fashionbatch.labels.files import open_regular
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
    brief,
)
from fashionbatch.stores.address import Location, Url

FORMAT_VERSION = 1
SIDECAR_ENDING = ".meta.json"
_LARGEST_BYTES = 1 << 26


class LocatedBundle(BundleReference):
    """A bundle, and where it was.

    Attributes:
        path: the resolved path of its directory.
    """

    path: PathText


class EmbeddingsFile(EmbeddingsRecord):
    """The file of the features, as it is beside the table.

    Attributes:
        shape: rows and features.
        sha256: of the file.
    """

    shape: Sequence[Count] = Field(min_length=2, max_length=2)
    sha256: Sha256


class Versions(Record):
    """Versions of what made the table."""

    fashionbatch: str
    runtime: str
    pillow: str


class TableCounts(Record):
    """What is in the rows.

    Attributes:
        status: status -> rows.
        label: label -> rows, where a row of several labels counts for each; with several bundles the name of each ->
            such counts.
        noted: rows that are `ok` and carry a note, such as that the image's end marker is missing.
    """

    status: Mapping[str, Count]
    label: Mapping[str, Count] | Mapping[str, Mapping[str, Count]]
    noted: Count = 0

    def by_bundle(self) -> list[tuple[str, dict[str, int]]]:
        """The name of each bundle, empty where there is one, and label -> rows."""
        plain = {name: count for name, count in self.label.items() if isinstance(count, int)}
        nested = [(name, dict(counts)) for name, counts in self.label.items() if not isinstance(counts, int)]
        return nested or [("", plain)]


class Times(Record):
    """When the table was made, and how long it took.

    Attributes:
        started: when the job was begun, in ISO 8601.
        finished: when the table was complete.
        seconds: of the last run.
        seconds_to_first_labels: of the last run; None where it labeled nothing.
        merged_from: how many job directories were joined, where `merge` made the table.
    """

    started: str
    finished: str
    seconds: float | None = None
    seconds_to_first_labels: float | None = None
    merged_from: int | None = None


class Sidecar(Record):
    """The whole of `TABLE.meta.json`, format version 1.

    Attributes:
        table: the table's name when it was written; it may have been renamed since.
        rows: of the table.
        columns: of the table, in order.
        bundles: that the labels come from.
        folder: that was labeled, resolved; paths in the table are relative to it. One file may stand in its place.
        options: that decide which rows there are.
        compute: what computed.
        precision_choices: why each bundle's network was computed in its precision; empty in tables of 0.1.
        decoding: how files were decoded.
        versions: of what made the table.
        files: what the scan gave.
        reused: how the files compared with an earlier table; None without one.
        embeddings: the file of the features; None without one.
        counts: what is in the rows.
        times: when it was made.
        sha256: of the table.
    """

    format_version: Literal[1]
    table: PlainName
    rows: Count
    columns: Sequence[Text]
    bundles: Sequence[LocatedBundle] = Field(min_length=1)
    folder: PathText
    options: TableOptions
    compute: Compute
    precision_choices: Sequence[PrecisionRecord] = ()
    decoding: DecodingRecord
    versions: Versions
    files: FilesRecord
    reused: ReuseCounts | None = None
    embeddings: EmbeddingsFile | None = None
    counts: TableCounts
    times: Times
    sha256: Sha256


def sidecar_path(table: Path) -> Path:
    """Where the sidecar of a table is."""
    return table.with_name(table.name + SIDECAR_ENDING)


def find_sidecar(table: Path, *, shown: Location | None = None) -> Sidecar | None:
    """The sidecar of a table, None where there is none beside it.

    Args:
        table: on this machine.
        shown: what messages call the table; None for what it is.

    Raises:
        DataError: there is a file of that name, but it is damaged, of a newer version, or something else.
    """
    path, name = sidecar_path(table), f"{shown or table}{SIDECAR_ENDING}"
    try:
        with open_regular(path) as file:
            data = file.read(_LARGEST_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataError(f"{name}: cannot be read: {error.strerror or error}") from None
    if len(data) > _LARGEST_BYTES:
        raise DataError(f"{name}: is larger than {_LARGEST_BYTES >> 20} MiB, so no table's sidecar")
    return parse_sidecar(data, name=name)


def sidecar_of(table: Location) -> Sidecar | None:
    """The sidecar of a table on this machine or in a store, None where there is none beside it.

    Raises:
        DataError: as `find_sidecar`, or the store cannot be asked.
        FashionBatchError: there are no such stores, or a package is not installed.
    """
    if not isinstance(table, Url):
        return find_sidecar(table)
    from fashionbatch.stores.fetching import read_object

    # What stands behind a question mark, such as a signature, is for the table alone. Beside a whole bucket is nothing.
    if (table.is_web and "?" in table.rest) or not table.key.strip("/"):
        return None
    table = Url(table.text.rstrip("/"))
    place = table.parent / (table.name + SIDECAR_ENDING)
    data = read_object(place)
    return None if data is None else parse_sidecar(data, name=str(place))


def parse_sidecar(data: bytes, *, name: str) -> Sidecar:
    """Read the bytes of a sidecar.

    Args:
        data: the bytes of the file.
        name: what messages call it.

    Raises:
        DataError: they are damaged, of a newer version, or something else.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise DataError(f"{name}: is damaged: it is not JSON") from None
    if not isinstance(document, dict) or "format_version" not in document:
        raise DataError(f"{name}: is no sidecar of a table that classify wrote: it has no format_version")
    version = document["format_version"]
    if type(version) is not int or version != FORMAT_VERSION:
        newer = type(version) is int and version > FORMAT_VERSION
        raise DataError(
            f"{name}: is a sidecar of version {brief(version)}; this FashionBatch reads {FORMAT_VERSION}",
            hint="update FashionBatch" if newer else None,
        )
    try:
        return Sidecar.of_json(document)
    except ValueError as error:
        raise DataError(f"{name}: is damaged, or no sidecar of a table: {error}") from None
