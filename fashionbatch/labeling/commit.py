"""From what the networks gave to a shard on the disk."""

from __future__ import annotations

from collections.abc import Sequence

from fashionbatch.labeling.in_hand import FinishedShard
from fashionbatch.labeling.job.shards import ShardStore
from fashionbatch.labeling.products.product import LabeledShard, Product


def commit(shard: FinishedShard, store: ShardStore, products: Sequence[Product]) -> None:
    """Put a shard's part of each product on the disk.

    Args:
        shard: its files, and what the networks gave for them.
        store: where it goes.
        products: what the run makes; the table first, which decides what becomes of each row.

    Raises:
        OutputError: it could not be written; the shard is not done.
    """
    labeled = LabeledShard(shard.rows, shard.probabilities, shard.features)
    parts = [product.encode(labeled) for product in products]
    store.commit(shard.number, parts, labeled.counts, digests=shard.digests.tobytes())
