"""What a run makes of its rows: a file whose parts the shards carry, joined in order when all of them are done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from fashionbatch.labeling.job.frozen import ShardRows
from fashionbatch.labeling.job.shards import Counts, ShardPart


@dataclass
class LabeledShard:
    """What is known about the rows of a shard when the networks are done with it.

    Attributes:
        rows: its files, and what became of those that have no answer.
        probabilities: for each bundle float32 `(files to label, outputs)`; a failed file's row has no meaning.
        features: of the first bundle, float32 `(files to label, size)`; `size` is 0 where none are wanted.
        statuses: the status of each row, once the table has decided them.
        counts: what the rows hold, likewise.
    """

    rows: ShardRows
    probabilities: Sequence[NDArray[np.float32]]
    features: NDArray[np.float32]
    statuses: list[str] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)


class JoinedFile(Protocol):
    """A file that is the parts of all shards in order."""

    @property
    def part(self) -> ShardPart:
        """What a shard's part of it is called."""

    @property
    def path(self) -> Path:
        """The file under its final name."""

    def assemble(self, parts: Iterable[Path], rows: int, file: BinaryIO) -> None:
        """Write the whole file from its parts, in order, holding no more than one of them."""


class Product(JoinedFile, Protocol):
    """A file that a run makes. The table is the first one; it decides what becomes of each row."""

    def encode(self, shard: LabeledShard) -> bytes:
        """The part that a shard carries."""
