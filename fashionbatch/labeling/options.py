"""What a labeling run is asked to do, by what each option is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from fashionbatch.csvtext import AUTO
from fashionbatch.inference.session import DEFAULT_RUNTIME
from fashionbatch.labeling.products.options import RowOptions
from fashionbatch.labeling.workers.pool import DECODER, MEMORY_LIMIT
from fashionbatch.labels.records import Match
from fashionbatch.registry import OurName
from fashionbatch.specs import Precision
from fashionbatch.stores.address import Location, Url

DEFAULT_TIMEOUT_S = 30.0
DEFAULT_ENGINE = OurName("local")

Settings: TypeAlias = tuple[str, ...]
"""Parameters of a plugin's component as a user gives them, `KEY=VALUE` each; its model checks them."""


@dataclass(frozen=True)
class Part:
    """One of several runs that share a job, each doing a contiguous part of its shards.

    Attributes:
        number: from 1.
        count: how many parts there are.
    """

    number: int
    count: int

    def shards(self, count: int) -> range:
        """The shards of this part, of so many in all."""
        return range((self.number - 1) * count // self.count, self.number * count // self.count)

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


@dataclass(frozen=True)
class SourceOptions:
    """Which files become rows.

    Attributes:
        folder: the folder to label, one file or archives, on this machine or in a store; what a list's paths are
            relative to.
        files_from: a list of files that takes the place of the scan, in its order, also in a store; `-` is standard
            input.
        path_column: the list is a CSV file, and this column holds the paths; None for a plain list, one path a line.
        keep: columns of the list that the table takes over.
        null: paths in a plain list end with a NUL byte.
        encoding: of the list; `auto` finds out.
        all_files: take every regular file, not only those with an image extension.
        hidden: take hidden files and what systems leave, too.
        follow_links: go into links to folders, into each folder once.
        include: glob patterns of which a path must match one; none means all.
        exclude: glob patterns of which a path must match none.
        limit: label the first so many files only.
        step: of archives, take one of so many members, for a sample.
    """

    folder: Location
    files_from: Location | None = None
    path_column: str | None = None
    keep: tuple[str, ...] = ()
    null: bool = False
    encoding: str = AUTO
    all_files: bool = False
    hidden: bool = False
    follow_links: bool = False
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    limit: int | None = None
    step: int = 1


@dataclass(frozen=True)
class ComputeOptions:
    """What the numbers in the rows depend on, besides the bundles.

    Attributes:
        runtime: the name of a runtime.
        settings: the runtime's parameters.
        device: `cpu` or `gpu`.
        precision: of the arithmetic; `auto` takes the fastest that is safe.
        measure: whether a new job times the precisions anew, whatever is kept of an earlier time.
        batch_size: images in a batch.
    """

    runtime: str = DEFAULT_RUNTIME
    settings: Settings = ()
    device: str = "cpu"
    precision: Precision | Literal["auto"] = "auto"
    measure: bool = False
    batch_size: int = 8


@dataclass(frozen=True)
class WorkOptions:
    """How the work is done, on which no row depends.

    Attributes:
        engine: the name of what runs the shards.
        settings: the engine's parameters.
        part: which part of the shards this run does; None for all of them.
        workers: decode workers; None takes one a core.
        timeout_s: seconds that decoding one file may take.
        memory_limit: bytes that decoding one file may take.
        decoder: `module:function` that decodes; anything but the default is for tests.
    """

    engine: str = DEFAULT_ENGINE
    settings: Settings = ()
    part: Part | None = None
    workers: int | None = None
    timeout_s: float = DEFAULT_TIMEOUT_S
    memory_limit: int = MEMORY_LIMIT
    decoder: str = DECODER


@dataclass(frozen=True)
class ReuseOptions:
    """What is taken over from an earlier table.

    Attributes:
        previous: the earlier table, whose rows are taken over for files that have not changed, on this machine or in a
            store.
        match: what makes a file the same as before: `time`, its size and time, or `sha256`, its content. With that,
            digests are kept for the next time, also where there is no earlier table.
        retry_errors: take over only what was labeled.
    """

    previous: Location | None = None
    match: Match = "time"
    retry_errors: bool = False


@dataclass(frozen=True)
class OutputOptions:
    """What is made, and where.

    Attributes:
        table: the table.
        format: the name of a writer; None goes by the table's ending.
        settings: the writer's parameters.
        embeddings: a file, `.npy` or `.parquet`, for the features of each row; None for none.
        store: the table's address, where it belongs in a store with all that is beside it; `table` and `embeddings` are
            then where they are made. None for a table of this machine.
        job: the address that the job lies below, where it lies in a store, too; None for a job of this machine.
        partitioned: make the table a folder of parts, which can be read while the run goes on.
        overwrite: replace an output that exists.
        restart: discard what an earlier run of the same output has done.
    """

    table: Path
    format: str | None = None
    settings: Settings = ()
    embeddings: Path | None = None
    store: Url | None = None
    job: Url | None = None
    partitioned: bool = False
    overwrite: bool = False
    restart: bool = False

    @property
    def shown(self) -> Location:
        """The table as the user has named it."""
        return self.table if self.store is None else self.store


@dataclass(frozen=True)
class LabelOptions:
    """One run.

    Attributes:
        bundles: what the files are labeled with; each file is decoded once for each kind of image that they take.
        source: which files become rows.
        output: what is made, and where.
        rows: what stands in a row.
        compute: what the numbers depend on, besides the bundles.
        work: how the work is done.
        reuse: what is taken over from an earlier table.
    """

    bundles: Sequence[Path]
    source: SourceOptions
    output: OutputOptions
    rows: RowOptions = field(default_factory=RowOptions)
    compute: ComputeOptions = field(default_factory=ComputeOptions)
    work: WorkOptions = field(default_factory=WorkOptions)
    reuse: ReuseOptions = field(default_factory=ReuseOptions)
