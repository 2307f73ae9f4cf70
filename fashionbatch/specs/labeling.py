"""Formats of the label table, and what runs the shards of a job."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, ClassVar, Literal, TypeAlias

from fashionbatch.specs.base import Spec

Cell: TypeAlias = str | float | None
"""Text, a number, or None for an empty cell."""

ColumnType: TypeAlias = Literal["path", "text", "label", "labels", "probability"]
"""What stands in a column of the label table: a file's path, any text, one label, several labels joined by `|`, or a
probability, which is the only type that is a number."""


@dataclass(frozen=True, kw_only=True)
class WriterSpec(Spec):
    """A format of the label table.

    A shard file is `encode`d rows and nothing else; `assemble` joins them, in order, into the table.

    Attributes:
        suffix: the usual ending of a file name, such as `.csv`.
        encode: the bytes of some rows; a cell is text, a probability, or None for an empty cell.
        assemble: writes the whole table from the columns and the encoded shards, without holding them in memory.
    """

    kind: ClassVar[str] = "writer"
    hook: ClassVar[str] = "register_writers"

    suffix: str
    encode: Callable[[Sequence[str], Iterable[Sequence[Cell]]], bytes]
    assemble: Callable[[Sequence[str], Iterable[Path], BinaryIO], None]


@dataclass(frozen=True, kw_only=True)
class EngineSpec(Spec):
    """Something that runs the shards of a job: in this process, or on other machines.

    Attributes:
        run: takes the numbers of the shards that are not done and the function that does one of them; returns when
            all are done. The function may be called in any order, and is safe to call again.
    """

    kind: ClassVar[str] = "engine"
    hook: ClassVar[str] = "register_engines"

    run: Callable[[Sequence[int], Callable[[int], None]], None]
