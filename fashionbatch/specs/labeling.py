"""Formats of the label table, and what runs the shards of a job."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, TypeAlias

from fashionbatch.specs.base import Spec

Cell: TypeAlias = str | float | None

ColumnType: TypeAlias = Literal["path", "text", "probability"]
"""What the cells of a column are: a file's path (undecodable bytes as lone surrogates), text, or a number in 0..1."""


@dataclass(frozen=True, kw_only=True)
class WriterSpec(Spec):
    """A format of the label table.

    A shard file is `encode`d rows and nothing else; `assemble` joins them, in order, into the table.

    Attributes:
        suffix: the ending of a file name that chooses this format, in lower case, such as `.csv`.
        encode: `encode(columns, rows, *, types, parameters)` -> the bytes of some rows, or several pieces of them. A
            cell is text, a probability, or None for an empty cell; `rows` is an iterator, which need not be held.
        assemble: `assemble(columns, parts, file, *, types, parameters)` writes the whole table into a binary file from
            the columns and the paths of the encoded shards, without holding them in memory.

        max_rows: how many rows the format can hold, without the names of the columns; None for any number.
        max_columns: how many columns it can hold; None for any number.
        shards_are_tables: whether the encoded rows of a shard are by themselves a table that programs read, as
            `--partitioned` needs it.

    Both functions may leave out the keyword arguments that they do not need: `types`, a `ColumnType` for each column;
    `parameters`, the checked ones of `--format-set`; and, of `assemble`, `spreadsheet_safe`, whether a spreadsheet has
    to show the table as it is. The same arguments have to give the same bytes.
    """

    kind: ClassVar[str] = "writer"
    hook: ClassVar[str] = "register_writers"

    suffix: str
    encode: Callable[..., bytes | Iterable[bytes]]
    assemble: Callable[..., None]
    max_rows: int | None = None
    max_columns: int | None = None
    shards_are_tables: bool = False


class ShardProgress(Protocol):
    """Where the work on a shard is told of."""

    def __call__(self, rows: int, failed: int) -> None:
        """So many more rows are done, and so many of those could not be labeled."""


StopSignal: TypeAlias = Callable[[], int]
"""Gives the number of the signal that asks for an end, 0 while there is none."""


PackedBundles: TypeAlias = Mapping[str, bytes]
"""The digest of each bundle -> the bundle as one file, as `bundle pack` makes it."""


class RunShard(Protocol):
    """Labels one shard and puts it on the disk. It can be pickled and called in any process that sees the same files.

    A shard that is there already is left as it is, so that calling again, or in two places, does no harm.
    """

    def __call__(
        self,
        shard: int,
        *,
        progress: ShardProgress | None = None,
        stop_signal: StopSignal | None = None,
        ahead: int | None = None,
        crashed: Collection[int] = (),
        trial: range | None = None,
    ) -> None:
        """Label a shard; returns when it is on the disk.

        Args:
            shard: its number.
            progress: where the work is told of; by default, in the process of the run itself, to the user.
            stop_signal: asked several times a second; by default, in the process of the run itself, the run's own.
            ahead: the shard that this process is likely to be given next. It is begun while this one is being finished,
                and may be given to another process all the same.
            crashed: rows of the shard, counted from 0, whose files are not looked at: they become rows of the status
                `crashed`. An engine names those that have ended whatever process labeled them.
            trial: the only rows to look at, with nothing put on the disk: an engine finds those files by it.

        Raises:
            InterruptedRunError: the stop signal came; the shard may be done or not.
            FashionBatchError: the shard cannot be labeled; the run ends with that error.
        """

    def prepare(self, *, cores: int | None = None, bundles: Callable[[], PackedBundles] | None = None) -> None:
        """Open the job in this process, which the first call does otherwise: so what does not fit is told of before.

        Args:
            cores: how many this process should use; None for all that it may.
            bundles: gives what `pack` gave, and is asked where a bundle is not there under its path.

        Raises:
            FashionBatchError: the job cannot go on here: its files are not there, or this machine would compute other
                rows than the job's.
        """

    def pack(self) -> PackedBundles:
        """The bundles with their files, for machines that do not see them; in the process of the run itself."""

    def rows(self, shard: int) -> int:
        """How many rows a shard has; in the process of the run itself."""


@dataclass(frozen=True)
class Resources:
    """What one pipeline, which works on one shard at a time, should have.

    Attributes:
        cores: decode workers and the network share them.
        accelerators: GPUs.
        memory: bytes, an estimate for the shared memory of decoded images, the decode workers and the network.
    """

    cores: int
    accelerators: int
    memory: int


@dataclass(frozen=True, kw_only=True)
class EngineSpec(Spec):
    """Something that runs the shards of a job: in this process, in others, or on other machines.

    Attributes:
        run: `run(shards, run_shard, *, parameters, progress, stop_signal, resources)` returns when every shard is done.
            `shards` are the numbers of those that are not done, `run_shard` a `RunShard` that does one of them. They
            may run in any order and at the same time in several processes (within one process one at a time), and a
            shard may be tried again. An exception of `run_shard` that is not mended by trying again has to come out.
        require: called before the first photo is looked at, in each process that opens the job; raises an error for the
            user where the engine cannot run, as where a library is missing. It may take the keyword argument
            `parameters`.

    `run` may leave out the keyword arguments that it does not need: `parameters`, the checked ones of `--engine-set`;
    `progress`, a `ShardProgress` for work in other processes; `stop_signal`; the `Resources` wanted a pipeline; and
    `say`, which shows the user a line.
    """

    kind: ClassVar[str] = "engine"
    hook: ClassVar[str] = "register_engines"

    run: Callable[..., None]
    require: Callable[..., None] | None = None
