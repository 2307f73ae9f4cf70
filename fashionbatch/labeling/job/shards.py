"""Contiguous stretches of rows that are finished one at a time: a shard is done if and only if its file is there."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fashionbatch import disk
from fashionbatch.errors import OutputError

SMALLEST, LARGEST = 1000, 10_000
_USUAL_COUNT = 2000
_CELLS = 2_000_000


@dataclass
class Counts:
    """What is in some rows, for the sidecar and the summary at the end.

    Attributes:
        statuses: status -> rows.
        labels: one counter for each bundle: label shown -> rows; a row of several labels counts for each.
        same: rows that are reused because a look at the file has shown that its content is the same.
    """

    statuses: Counter[str] = field(default_factory=Counter)
    labels: list[Counter[str]] = field(default_factory=list)
    same: int = 0

    @property
    def rows(self) -> int:
        """All rows."""
        return self.statuses.total()

    def add(self, other: Counts) -> None:
        """Count the rows of another one too."""
        self.statuses.update(other.statuses)
        self.same += other.same
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


@dataclass(frozen=True)
class ShardStore:
    """The files of the shards of one job.

    Attributes:
        directory: where they lie.
        bounds: where each shard begins, and where the last one ends.
        repairs: whether a damaged shard is removed, so that it is labeled anew.
        has_embeddings: whether each shard carries its part of them.
    """

    directory: Path
    bounds: Sequence[int]
    repairs: bool = True
    has_embeddings: bool = False

    @classmethod
    def of_job(cls, directory: Path, job: Mapping[str, Any], *, repairs: bool = True) -> ShardStore:
        """The shards of a job, given what `job.json` says of it."""
        return cls(directory, job["shards"], repairs, job.get("embeddings") is not None)

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def rows(self, shard: int) -> tuple[int, int]:
        """First row of a shard and the row after its last."""
        return self.bounds[shard], self.bounds[shard + 1]

    def path(self, shard: int) -> Path:
        """The file whose being there means that the shard is done."""
        return self.directory / f"{shard:06}.rows"

    def done(self) -> set[int]:
        """The shards that are done."""
        with disk.output_errors(self.directory):
            names = {path.name for path in self.directory.iterdir()} if self.directory.is_dir() else set()
        return {shard for shard in range(len(self)) if names.issuperset(path.name for path in self.files(shard))}

    def commit(
        self, shard: int, data: bytes, counts: Counts, *, digests: bytes = b"", embeddings: bytes | None = None
    ) -> None:
        """Put a finished shard on the disk, for good.

        Args:
            shard: its number.
            data: its rows, as the table has them.
            counts: what the rows hold.
            digests: SHA-256 of each row's file, one after the other, where they are kept.
            embeddings: its part of them, where the job has any.

        Raises:
            OutputError: it could not be written; the shard is not done.
        """
        about = {
            "sha256": hashlib.sha256(data).hexdigest(),
            "statuses": counts.statuses,
            "labels": counts.labels,
            "same": counts.same,
            "digests": digests.hex(),
        }
        if embeddings is not None:
            about["embeddings_sha256"] = hashlib.sha256(embeddings).hexdigest()
            disk.write_file(self.embeddings_path(shard), embeddings)
        # What the shard holds goes first: the shard's own file is the one that says "done".
        disk.write_file(self._about(shard), json.dumps(about, ensure_ascii=True).encode())
        disk.write_file(self.path(shard), data)

    def counts(self, shards: Iterator[int] | Sequence[int]) -> Counts:
        """What the rows of some finished shards hold.

        Raises:
            OutputError: a shard's file is damaged.
        """
        total = Counts()
        for shard in shards:
            about = self._read_about(shard)
            labels = [Counter(labels) for labels in about["labels"]]
            total.add(Counts(Counter(about["statuses"]), labels, about["same"]))
        return total

    def digests(self, shard: int) -> list[bytes]:
        """SHA-256 of each row's file of a finished shard; zeros where it was not read.

        Raises:
            OutputError: the shard's file is damaged.
        """
        start, stop = self.rows(shard)
        try:
            digests = bytes.fromhex(self._read_about(shard)["digests"])
        except ValueError:
            raise self._damaged(shard) from None
        size = hashlib.sha256().digest_size
        if len(digests) != size * (stop - start):
            raise self._damaged(shard)
        return [digests[place : place + size] for place in range(0, len(digests), size)]

    def embeddings_path(self, shard: int) -> Path:
        """The shard's part of the embeddings."""
        return self.directory / f"{shard:06}.features"

    def checked_embeddings(self) -> Iterator[Path]:
        """The parts of the embeddings in order, each compared with its digest first.

        Raises:
            OutputError: as `require_whole`.
        """
        for shard in range(len(self)):
            self._require_digest(shard, self.embeddings_path(shard), "embeddings_sha256")
            yield self.embeddings_path(shard)

    def checked_paths(self) -> Iterator[Path]:
        """The files of all shards in order, each compared with its digest first.

        Raises:
            OutputError: as `require_whole`.
        """
        for shard in range(len(self)):
            self._require_digest(shard, self.path(shard), "sha256")
            yield self.path(shard)

    def files(self, shard: int) -> tuple[Path, ...]:
        """What a finished shard consists of, the file that says that it is done last."""
        embeddings = [self.embeddings_path(shard)] if self.has_embeddings else []
        return *embeddings, self._about(shard), self.path(shard)

    def require_whole(self, shard: int) -> None:
        """Compare a finished shard with its digest.

        Raises:
            OutputError: it is missing or damaged; a damaged one is removed, so that starting again labels it anew.
        """
        self._require_digest(shard, self.path(shard), "sha256")
        if self.has_embeddings:
            self._require_digest(shard, self.embeddings_path(shard), "embeddings_sha256")

    def _require_digest(self, shard: int, path: Path, name: str) -> None:
        expected = self._read_about(shard).get(name)
        with disk.output_errors(path), open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != expected:
            raise self._damaged(shard)

    def _about(self, shard: int) -> Path:
        return self.directory / f"{shard:06}.json"

    def _read_about(self, shard: int) -> dict[str, Any]:
        try:
            about = json.loads(self._about(shard).read_bytes())
            kinds = {"statuses": dict, "labels": list, "sha256": str, "digests": str, "same": int}
            if not all(isinstance(about[name], kind) for name, kind in kinds.items()):
                raise TypeError
        except (OSError, ValueError, KeyError, TypeError):
            raise self._damaged(shard) from None
        return dict(about)

    def _damaged(self, shard: int) -> OutputError:
        if not self.repairs:
            return OutputError(f"{self.path(shard)}: damaged")
        with disk.output_errors(self.path(shard)):
            disk.remove(self.path(shard))
        return OutputError(
            f"{self.path(shard)}: damaged after it was written, so it has been removed",
            hint="start the same command again: it labels those rows anew",
        )
