"""Built-in engines: what runs the shards of a labeling job."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fashionbatch.hookspecs import hookimpl
from fashionbatch.specs import EngineSpec, RunShard


@hookimpl
def register_engines() -> Iterable[EngineSpec]:
    """The one that needs nothing."""
    yield EngineSpec(name="local", summary="One shard after the other, on this machine.", run=run_locally)


def run_locally(shards: Sequence[int], run_shard: RunShard) -> None:
    """Run the shards in their order; the pipeline itself works ahead."""
    for shard in shards:
        run_shard(shard)
