"""Calls the functions of writers and engines as FashionBatch does: keyword arguments only where they are named."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from fashionbatch.plugins import keywords_taken
from fashionbatch.specs import (
    Cell,
    ColumnType,
    EngineSpec,
    Parameters,
    Resources,
    RunShard,
    ShardProgress,
    StopSignal,
    WriterSpec,
)
from fashionbatch.testing.subject import require


def _unseen(rows: int, failed: int) -> None:
    """Progress that nobody looks at."""


def _unheard(line: str) -> None:
    """A line that nobody reads."""


def call_engine(
    spec: EngineSpec,
    shards: Sequence[int],
    run_shard: RunShard,
    parameters: Parameters,
    *,
    progress: ShardProgress = _unseen,
    stop_signal: StopSignal = lambda: 0,
) -> None:
    """Let an engine run shards; nobody asks for an end, unless said otherwise."""
    offered = {
        "parameters": parameters,
        "progress": progress,
        "stop_signal": stop_signal,
        "resources": Resources(cores=1, accelerators=0, memory=1 << 30),
        "say": _unheard,
    }
    spec.run(shards, run_shard, **keywords_taken(spec.run, offered))


def encoded(spec: WriterSpec, columns: Sequence[str], rows: Iterable[Sequence[Cell]], parameters: Parameters) -> bytes:
    """The bytes of some rows.

    Raises:
        ContractError: the writer returned something else.
    """
    result: Any = spec.encode(columns, rows, **keywords_taken(spec.encode, _for_writers(columns, parameters)))
    remedy = "return bytes: text.encode('utf-8', 'surrogateescape')"
    require(not isinstance(result, str) and result is not None, f"encode returned {type(result).__name__}", remedy)
    if isinstance(result, (bytes, bytearray, memoryview)):
        return bytes(result)
    pieces = list(result)
    require(all(isinstance(piece, bytes) for piece in pieces), "encode gave pieces that are not bytes", remedy)
    return b"".join(pieces)


def assembled(spec: WriterSpec, columns: Sequence[str], shards: Iterable[Path], parameters: Parameters) -> bytes:
    """The whole table.

    Raises:
        ContractError: the writer closed the file that it was given.
    """
    file = io.BytesIO()
    spec.assemble(columns, shards, file, **keywords_taken(spec.assemble, _for_writers(columns, parameters)))
    require(not file.closed, "assemble closed the file", "leave it open: who opened it fsyncs and closes it")
    return file.getvalue()


def _for_writers(columns: Sequence[str], parameters: Parameters) -> dict[str, Any]:
    return {"types": tuple(map(_type_of, columns)), "parameters": parameters}


def _type_of(column: str) -> ColumnType:
    if column == "filepath":
        return "path"
    return "probability" if column.startswith("prob") or column.endswith("_prob") else "text"
