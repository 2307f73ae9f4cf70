"""Contiguous stretches of rows that are finished one at a time: a shard is done if and only if its file is there."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pydantic import Field

from fashionbatch import disk
from fashionbatch.errors import OutputError
from fashionbatch.labeling.job.record import Job
from fashionbatch.labels.parts import PartedTable
from fashionbatch.labels.records import Count, Record, Sha256, Text
from fashionbatch.progress import OpenBar

if TYPE_CHECKING:
    from fashionbatch.labeling.job.stored.parts import StoredParts

SMALLEST, LARGEST = 1000, 10_000
_USUAL_COUNT = 2000
_CELLS = 2_000_000
_LARGEST_NOTES = 1 << 26


@dataclass
class Counts:
    """What is in some rows, for the sidecar and the summary at the end.

    Attributes:
        statuses: status -> rows.
        labels: one counter for each bundle: label shown -> rows; a row of several labels counts for each.
        same: rows that are reused because a look at the file has shown that its content is the same.
        noted: rows that are `ok` and carry a note.
    """

    statuses: Counter[str] = field(default_factory=Counter)
    labels: list[Counter[str]] = field(default_factory=list)
    same: int = 0
    noted: int = 0

    @property
    def rows(self) -> int:
        """All rows."""
        return self.statuses.total()

    def add(self, other: Counts) -> None:
        """Count the rows of another one too."""
        self.statuses.update(other.statuses)
        self.same += other.same
        self.noted += other.noted
        while len(self.labels) < len(other.labels):
            self.labels.append(Counter())
        for mine, theirs in zip(self.labels, other.labels, strict=True):
            mine.update(theirs)


def plan_shards(rows: int, *, columns: int, batch_size: int) -> list[int]:
    """Where shards begin, and where the last one ends.

    Shards are small, so that little is done twice after a kill and a first Ctrl-C is answered soon; their number is
    limited, and so is what one takes in memory. All are 1,000 to 10,000 rows (fewer only where there are fewer), and
    they begin at whole batches where batches are not too large, so that only the last batch of all is padded.

    Args:
        rows: files in the manifest.
        columns: cells in a row.
        batch_size: images in a batch.
    """
    wanted = min(max(SMALLEST, -(-rows // _USUAL_COUNT)), LARGEST // 2, max(SMALLEST, _CELLS // max(columns, 1)))
    count = max(1, rows // (wanted + batch_size if batch_size * 10 <= wanted else wanted))
    step = batch_size if batch_size * 10 <= wanted else 1
    starts = [number * rows // count // step * step for number in range(count)]
    return [*starts, rows]


class ShardNotes(Record):
    """What is noted beside a finished shard.

    Attributes:
        statuses: status -> rows.
        labels: for each bundle: label shown -> rows.
        same: rows that are reused because a look at the file has shown that its content is the same.
        noted: rows that are `ok` and carry a note.
        digests: SHA-256 of each row's file, one after the other; empty where they are not kept.
        sha256: of the table's part.
        embeddings_sha256: of the part with features; None without one.
    """

    statuses: Mapping[str, Count]
    labels: Sequence[Mapping[Text, Count]]
    same: Count
    noted: Count = 0
    digests: str = Field(pattern="^([0-9a-f]{2})*$")
    sha256: Sha256
    embeddings_sha256: Sha256 | None = None

    @property
    def counts(self) -> Counts:
        """What the rows hold."""
        labels = [Counter(labels) for labels in self.labels]
        return Counts(Counter(self.statuses), labels, self.same, self.noted)


class ShardPart(NamedTuple):
    """What a shard carries for one product of the run.

    Attributes:
        suffix: the ending of its file.
        digest: the field of `ShardNotes` that holds its SHA-256.
    """

    suffix: str
    digest: str


TABLE_PART = ShardPart(".rows", "sha256")
EMBEDDINGS_PART = ShardPart(".features", "embeddings_sha256")


class DamagedShardError(OutputError):
    """A shard that is not what was written."""


def parts_of(job: Job) -> tuple[ShardPart, ...]:
    """What each shard of a job carries."""
    return (TABLE_PART,) if job.embeddings is None else (TABLE_PART, EMBEDDINGS_PART)


@dataclass(frozen=True)
class ShardStore:
    """The files of the shards of one job.

    Attributes:
        directory: where they lie.
        bounds: where each shard begins, and where the last one ends.
        parts: what each shard carries; the table's part, whose being there means that the shard is done, is the first.
        repairs: whether a damaged shard is removed, so that it is labeled anew.
        table: the folder of parts that the table is, where it is one here; each finished shard is one of them.
        stored: the folder of parts that the table is, where it is one in a store.
    """

    directory: Path
    bounds: Sequence[int]
    parts: Sequence[ShardPart] = (TABLE_PART,)
    repairs: bool = True
    table: PartedTable | None = None
    stored: StoredParts | None = None

    @classmethod
    def of_job(cls, directory: Path, job: Job, *, repairs: bool = True, table: PartedTable | None = None) -> ShardStore:
        """The shards of a job."""
        return cls(directory, job.shards, parts_of(job), repairs, table)

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def rows(self, shard: int) -> tuple[int, int]:
        """First row of a shard and the row after its last."""
        return self.bounds[shard], self.bounds[shard + 1]

    def count_rows(self, shards: Iterable[int]) -> int:
        """How many rows some shards have together."""
        return sum(self.bounds[shard + 1] - self.bounds[shard] for shard in shards)

    def path(self, shard: int, part: ShardPart = TABLE_PART) -> Path:
        """The file of a shard's part."""
        return self.directory / f"{shard:06}{part.suffix}"

    def is_done(self, shard: int) -> bool:
        """Whether a shard is on the disk."""
        return all(path.exists() for path in self.files(shard))

    def done(self) -> set[int]:
        """The shards that are done."""
        with disk.output_errors(self.directory):
            names = {path.name for path in self.directory.iterdir()} if self.directory.is_dir() else set()
        return {shard for shard in range(len(self)) if names.issuperset(path.name for path in self.files(shard))}

    def commit(self, shard: int, parts: Sequence[bytes], counts: Counts, *, digests: bytes = b"") -> None:
        """Put a finished shard on the disk, for good.

        Args:
            shard: its number.
            parts: what it carries, in the order of `self.parts`.
            counts: what the rows hold.
            digests: SHA-256 of each row's file, one after the other, where they are kept.

        Raises:
            OutputError: it could not be written; the shard is not done.
        """
        of_parts = {part.digest: hashlib.sha256(data).hexdigest() for part, data in zip(self.parts, parts, strict=True)}
        notes = ShardNotes(
            statuses=dict(counts.statuses),
            labels=[dict(labels) for labels in counts.labels],
            same=counts.same,
            noted=counts.noted,
            digests=digests.hex(),
            **of_parts,
        )
        # What the shard holds goes before the table's part, which is the one that says "done".
        stands = self.put(shard, dict(zip(self.files(shard), (*parts[1:], notes.to_json(), parts[0]), strict=True)))
        if self.table is not None:
            self.table.publish(shard, self.path(shard))
        if self.stored is not None:
            self.stored.publish(shard, parts[0] if stands else self.content(shard))

    def put(self, shard: int, contents: Mapping[Path, bytes]) -> bool:
        """Write the files of a finished shard, as `files` has them, in this order.

        Returns:
            Whether they stand; else another run was first.

        Raises:
            OutputError: one could not be written; the shard is not done.
        """
        del shard  # The files have its number in their names.
        for path, content in contents.items():
            disk.write_file(path, content)
        return True

    def content(self, shard: int) -> bytes:
        """The rows of a finished shard.

        Raises:
            OutputError: they cannot be read.
        """
        path = self.path(shard)
        with disk.output_errors(path), disk.open_regular(path, follow_links=False) as file:
            return file.read()

    def digest(self, shard: int) -> str:
        """Their SHA-256, as it was noted.

        Raises:
            OutputError: the shard's file is damaged.
        """
        return self._read_notes(shard).sha256

    def gather(self, bar: OpenBar) -> None:
        """Bring all shards, which are done, into the directory; here they are there already.

        Raises:
            DamagedShardError: some are damaged, and not done any more.
            OutputError: they cannot be brought there.
        """

    def publish(self, shard: int) -> tuple[str, str]:
        """Give a finished shard, whose digest was compared, its place in the folder that the table is.

        Returns:
            The part's name and its SHA-256.

        Raises:
            OutputError: it cannot be done.
        """
        assert self.table is not None
        self.table.publish(shard, self.path(shard))
        return self.table.path(shard).name, self.digest(shard)

    def counts(self, shards: Iterator[int] | Sequence[int]) -> Counts:
        """What the rows of some finished shards hold.

        Raises:
            OutputError: a shard's file is damaged.
        """
        total = Counts()
        for shard in shards:
            total.add(self._read_notes(shard).counts)
        return total

    def digests(self, shard: int) -> list[bytes]:
        """SHA-256 of each row's file of a finished shard; zeros where it was not read.

        Raises:
            OutputError: the shard's file is damaged.
        """
        start, stop = self.rows(shard)
        digests = bytes.fromhex(self._read_notes(shard).digests)
        size = hashlib.sha256().digest_size
        if len(digests) != size * (stop - start):
            raise self._damaged(shard)
        return [digests[place : place + size] for place in range(0, len(digests), size)]

    def checked_paths(self, part: ShardPart = TABLE_PART) -> Iterator[Path]:
        """The files of a part of all shards in order, each compared with its digest first.

        Raises:
            OutputError: as `require_whole`.
        """
        for shard in range(len(self)):
            self._require_digest(shard, part)
            yield self.path(shard, part)

    def files(self, shard: int) -> tuple[Path, ...]:
        """What a finished shard consists of, the file that says that it is done last."""
        others = [self.path(shard, part) for part in self.parts[1:]]
        return *others, self._notes_path(shard), self.path(shard)

    def require_whole(self, shard: int) -> None:
        """Compare a finished shard with its digests.

        Raises:
            OutputError: it is missing or damaged; a damaged one is removed, so that starting again labels it anew.
        """
        for part in self.parts:
            self._require_digest(shard, part)

    def _require_digest(self, shard: int, part: ShardPart) -> None:
        path, expected = self.path(shard, part), getattr(self._read_notes(shard), part.digest)
        with disk.output_errors(path), disk.open_regular(path, follow_links=False) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != expected:
            raise self._damaged(shard)

    def _notes_path(self, shard: int) -> Path:
        return self.directory / f"{shard:06}.json"

    def _read_notes(self, shard: int) -> ShardNotes:
        try:
            notes = disk.read_regular(self._notes_path(shard), _LARGEST_NOTES, follow_links=False)
            return ShardNotes.of_json(json.loads(notes))
        except (OSError, ValueError, RecursionError):
            raise self._damaged(shard) from None

    def remove_damaged(self) -> list[int]:
        """Compare all finished shards with their digests; gives those that were damaged, and are not done any more.

        Raises:
            OutputError: one cannot be removed.
        """
        damaged = []
        for shard in sorted(self.done()):
            try:
                self.require_whole(shard)
            except DamagedShardError:
                damaged.append(shard)
        return damaged

    def _damaged(self, shard: int) -> OutputError:
        if not self.repairs:
            return DamagedShardError(f"{self.path(shard)}: damaged")
        with disk.output_errors(self.path(shard)):
            disk.remove(self.path(shard))
        return DamagedShardError(
            f"{self.path(shard)}: damaged after it was written, so it has been removed",
            hint="start `classify` again: it labels those rows anew",
        )
