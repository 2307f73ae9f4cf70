"""From what the networks gave to a shard on the disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from fashionbatch.labeling.job.shards import Counts, ShardStore
from fashionbatch.labeling.load import Loaded
from fashionbatch.labeling.pipeline import FinishedShard
from fashionbatch.labeling.products.embeddings import format_of, without_failed
from fashionbatch.labels.columns import FIRST_COLUMNS
from fashionbatch.specs import Cell


def commit(shard: FinishedShard, store: ShardStore, loaded: Loaded, embeddings: Path | None) -> Counts:
    """Put a shard's rows on the disk, and its part of the embeddings.

    Args:
        shard: its files, and what the networks gave for them.
        store: where it goes.
        loaded: the writer and the columns of the table.
        embeddings: the file that the features are for; None where none are wanted.

    Returns:
        What its rows hold.

    Raises:
        OutputError: it could not be written; the shard is not done.
    """
    counts = Counts()
    rows = loaded.table.rows(shard.rows, shard.probabilities, counts)
    if embeddings is None:
        data, part = loaded.writer.encode(loaded.table.names, rows), None
    else:
        statuses: list[str] = []
        data = loaded.writer.encode(loaded.table.names, _noting_statuses(rows, statuses))
        part = format_of(embeddings).encode(shard.rows.files, statuses, without_failed(shard.features, statuses))
    store.commit(shard.number, data, counts, digests=shard.digests.tobytes(), embeddings=part)
    return counts


def _noting_statuses(rows: Iterator[Sequence[Cell]], statuses: list[str]) -> Iterator[Sequence[Cell]]:
    column = FIRST_COLUMNS.index("status")
    for row in rows:
        statuses.append(str(row[column]))
        yield row
