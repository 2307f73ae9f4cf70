"""What a labeling run is asked to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from fashionbatch.labeling.products.options import RowOptions
from fashionbatch.labeling.reuse.previous import Match
from fashionbatch.labeling.workers.pool import DECODER, MEMORY_LIMIT
from fashionbatch.specs import Precision

DEFAULT_TIMEOUT_S = 30.0


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
class LabelOptions:
    """One run.

    Attributes:
        folder: the folder to label, or one file.
        bundles: what to label it with; each file is decoded once for each kind of image that they take.
        output: the table.
        format: the name of a writer; None goes by the output's ending, and takes CSV where that says nothing.
        rows: what stands in a row.
        files_from: a list of files that takes the place of the scan, in its order; `-` is standard input.
        path_column: the list is a CSV file, and this column holds the paths; None for a plain list, one path a line.
        keep: columns of the list that the table takes over.
        null: paths in a plain list end with a NUL byte.
        previous: an earlier table whose rows are taken over for files that have not changed.
        match: what makes a file the same as before: `time`, its size and time, or `sha256`, its content. With that,
            digests are kept for the next time, also where there is no earlier table.
        embeddings: a file, `.npy` or `.parquet`, for the features of each row; None for none.
        retry_errors: of the earlier table, take over only what was labeled.
        part: which part of the shards this run does; None for all of them.
        all_files: take every regular file, not only those with an image extension.
        include: glob patterns of which a path must match one; none means all.
        exclude: glob patterns of which a path must match none.
        limit: label the first so many files only.
        runtime: the name of a runtime.
        device: `cpu` or `gpu`.
        precision: of the arithmetic; `auto` takes the fastest that is safe.
        batch_size: images in a batch.
        engine: the name of what runs the shards.
        workers: decode workers; None takes one a core.
        timeout_s: seconds that decoding one file may take.
        memory_limit: bytes that decoding one file may take.
        overwrite: replace an output that exists.
        restart: discard what an earlier run of the same output has done.
        decoder: `module:function` that decodes; anything but the default is for tests.
    """

    folder: Path
    bundles: Sequence[Path]
    output: Path
    format: str | None = None
    rows: RowOptions = field(default_factory=RowOptions)
    files_from: Path | None = None
    path_column: str | None = None
    keep: tuple[str, ...] = ()
    null: bool = False
    embeddings: Path | None = None
    previous: Path | None = None
    match: Match = "time"
    retry_errors: bool = False
    part: Part | None = None
    all_files: bool = False
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    limit: int | None = None
    runtime: str = "openvino"
    device: str = "cpu"
    precision: Precision | Literal["auto"] = "auto"
    batch_size: int = 8
    engine: str = "local"
    workers: int | None = None
    timeout_s: float = DEFAULT_TIMEOUT_S
    memory_limit: int = MEMORY_LIMIT
    overwrite: bool = False
    restart: bool = False
    decoder: str = DECODER


class Reporter(Protocol):
    """Where a run says what it does. Nothing that it raises may be lost rows, so it raises nothing."""

    def say(self, line: str) -> None:
        """A sentence for the user."""

    def scanning(self, files: int) -> None:
        """So many files were found so far; called about once a second."""

    def start(self, total: int, done: int) -> None:
        """Labeling begins: rows of the table, and how many of them an earlier run has done."""

    def advance(self, rows: int, failed: int) -> None:
        """So many more rows are done, and so many of those have no label."""

    def stop(self) -> None:
        """Labeling has ended, one way or another."""


class Silent:
    """A reporter for programs that want none."""

    def say(self, line: str) -> None:
        """Nothing."""

    def scanning(self, files: int) -> None:
        """Nothing."""

    def start(self, total: int, done: int) -> None:
        """Nothing."""

    def advance(self, rows: int, failed: int) -> None:
        """Nothing."""

    def stop(self) -> None:
        """Nothing."""
