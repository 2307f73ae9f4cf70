"""What a pipeline has in hand: its networks, shards on their way, and batches of them."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fashionbatch.labeling.job.frozen import ShardRows
from fashionbatch.labeling.job.manifest import ScannedFile
from fashionbatch.specs import Runtime

CHUNK = 8
"""Images that a worker gets at once: few enough to share them out evenly, enough for tiny images not to be all talk."""

_LEFT_OUT = ("crashed", "ProcessCrash: every process that was given this file has died")


@dataclass(frozen=True)
class Lane:
    """One bundle's network.

    Attributes:
        runtime: what computes it.
        shape: which of the frames' image shapes it takes.
        outputs: numbers for each image.
        features: how many numbers follow them, where embeddings are wanted.
    """

    runtime: Runtime
    shape: int
    outputs: int
    features: int = 0


@dataclass
class FinishedShard:
    """What is known about the rows of a shard.

    Attributes:
        number: of the shard.
        rows: its files, and those that failed.
        answers: for each lane float32 `(files to label, outputs + features)`.
        lanes: the networks.
        digests: uint8 `(files to label, 32)`, SHA-256 of each, zeros where it was not read; `(0, 32)` if not kept.
    """

    number: int
    rows: ShardRows
    answers: list[NDArray[np.float32]]
    digests: NDArray[np.uint8]
    lanes: Sequence[Lane] = ()

    @property
    def probabilities(self) -> list[NDArray[np.float32]]:
        """For each lane float32 `(files to label, outputs)`."""
        return [answers[:, : lane.outputs] for lane, answers in zip(self.lanes, self.answers, strict=True)]

    @property
    def features(self) -> NDArray[np.float32]:
        """Of the first lane, float32 `(files to label, features)`."""
        return self.answers[0][:, self.lanes[0].outputs :]


@dataclass
class ShardInHand:
    """A shard on its way.

    Attributes:
        result: what is known about its rows so far.
        to_label: its files that are to be looked at.
        order: their positions in the order in which they are labeled.
        batches_left: how many batches are not labeled yet.
        unissued: where in `order` each batch begins that no worker has got yet.
        labeled: likewise of the batches that were labeled in a rehearsal.
        untold: rows of those, and how many of them failed: they are told of when the shard is run.
        first_labels: when the first of them was labeled, by `time.monotonic`.
        left_out: positions of files that nobody is to look at.
        is_dropped: whether what comes of it is not committed: it is of no use any more, or a trial.
        commit: its way to the disk.
    """

    result: FinishedShard
    to_label: Sequence[ScannedFile]
    order: Sequence[int]
    batches_left: int
    unissued: Iterator[int]
    labeled: list[int] = field(default_factory=list)
    untold: list[tuple[int, int]] = field(default_factory=list)
    first_labels: float | None = None
    left_out: Collection[int] = ()
    is_dropped: bool = False
    commit: Future[None] | None = None

    @classmethod
    def of(
        cls, number: int, rows: ShardRows, batch_size: int, digests: bool, crashed: Collection[int] = ()
    ) -> ShardInHand:
        """A shard of which nothing is done yet.

        Args:
            number: of the shard.
            rows: its files.
            batch_size: images in a batch.
            digests: whether the files' digests are kept.
            crashed: rows, counted from the shard's first, that nobody is to look at.
        """
        to_label = rows.to_label
        # Files that are likely to be the same share batches, which then need no network.
        order = sorted(range(len(to_label)), key=lambda row: bool(rows.expected and rows.expected[row]))
        starts = range(0, len(to_label), batch_size)
        kept = np.zeros((len(to_label) if digests else 0, hashlib.sha256().digest_size), np.uint8)
        result = FinishedShard(number, rows, [], kept)
        shard = cls(result, to_label, order, len(starts), iter(starts))
        shard.left_out = {place for place, row in enumerate(rows.rows_to_label) if row in crashed} if crashed else ()
        return shard

    def prepare(self, lanes: Sequence[Lane]) -> None:
        """Make room for what the networks will give."""
        rows = len(self.to_label)
        self.result.lanes = lanes
        self.result.answers = [np.zeros((rows, lane.outputs + lane.features), np.float32) for lane in lanes]

    def label_again(self, batch_size: int) -> None:
        """Forget what is labeled: other networks will give other numbers."""
        rows = self.result.rows
        for start in self.labeled:
            for position in self.order[start : start + batch_size]:
                rows.failed.pop(position, None)
                rows.notes.pop(position, None)
                rows.same.discard(position)
        self.unissued = itertools.chain(self.labeled, self.unissued)
        self.batches_left += len(self.labeled)
        self.labeled, self.untold, self.first_labels = [], [], None


@dataclass
class Batch:
    """A batch on its way.

    Attributes:
        shard: whose it is.
        start: where it begins in the shard's order.
        positions: of its files in the shard.
        buffer: where in the shared memory its images lie.
        decoding: files that are not decoded yet.
        computing: networks that have not answered yet.
        same: files that are as in an earlier table.
        failed: files that could not be decoded.
    """

    shard: ShardInHand
    start: int
    positions: Sequence[int]
    buffer: int
    decoding: int
    computing: int
    same: int = 0
    failed: int = 0

    @property
    def size(self) -> int:
        """How many files it has."""
        return len(self.positions)

    def leave_out(self, position: int) -> None:
        """Nobody looks at one of its files."""
        self.shard.result.rows.failed[position] = _LEFT_OUT
        self.failed += 1
        self.decoding -= 1

    @property
    def is_blank(self) -> bool:
        """Whether no network need look at it."""
        return self.same + self.failed == self.size


def buffers_needed(batch_size: int, workers: int, slots: int) -> int:
    """How many batches must fit into the shared memory, so that neither the workers nor the networks wait for room."""
    chunks_out = 3 * workers
    return slots + 1 + -(-chunks_out * min(CHUNK, batch_size) // batch_size)


def identity_of(folder: bytes) -> tuple[int, int] | None:
    """What tells a folder from another one that has taken its place; None where there is none."""
    try:
        seen = os.stat(folder)
    except OSError:
        return None
    return seen.st_dev, seen.st_ino
