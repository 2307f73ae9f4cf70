"""The features of each row of the table, as a NumPy or a Parquet file beside it.

As with the table, each shard carries its part, and the file is the parts in order: no more than one is in memory.
"""

from __future__ import annotations

import base64
import io
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import numpy as np
from numpy.typing import NDArray

from fashionbatch.errors import FashionBatchError
from fashionbatch.labeling.job.manifest import ScannedFile
from fashionbatch.labeling.job.shards import EMBEDDINGS_PART, ShardPart
from fashionbatch.labeling.products.product import LabeledShard
from fashionbatch.labels.records import EmbeddingsRecord
from fashionbatch.specs import FeatureTensor

LITTLE_ENDIAN_FLOAT32 = np.dtype("<f4")


@dataclass(frozen=True)
class EmbeddingsFormat:
    """A way to write embeddings.

    Attributes:
        name: as the job and the sidecar record it.
        encode: the bytes of a shard's part, from its files, their statuses and float32 `(rows, size)`, NaN where a row
            is not `ok`.
        assemble: writes the whole file from the parts, in order, given `(rows, size)`.
    """

    name: str
    encode: Callable[[Sequence[ScannedFile], Sequence[str], NDArray[np.float32]], bytes]
    assemble: Callable[[Iterable[Path], tuple[int, int], BinaryIO], None]


def format_of(path: Path) -> EmbeddingsFormat:
    """The format that a file's ending chooses.

    Raises:
        FashionBatchError: the ending is another one, or what the format needs is not installed.
    """
    known = _FORMATS.get(path.suffix.lower())
    if known is None:
        raise FashionBatchError(f"--embeddings {path}: the name must end in {' or '.join(_FORMATS)}")
    # Parquet's library is asked for now and not after the first shard.
    known.encode([], [], np.empty((0, 1), np.float32))
    return known


@dataclass(frozen=True, kw_only=True)
class EmbeddingsFile:
    """The features of each row, as far as it takes to join their parts.

    Attributes:
        path: the file.
        size: features of an image.
    """

    path: Path
    size: int
    part: ClassVar[ShardPart] = EMBEDDINGS_PART

    def assemble(self, parts: Iterable[Path], rows: int, file: BinaryIO) -> None:
        """The whole file."""
        format_of(self.path).assemble(parts, (rows, self.size), file)


@dataclass(frozen=True, kw_only=True)
class Embeddings(EmbeddingsFile):
    """The product of `--embeddings`: the features of each row, NaN where a row is not `ok`.

    Attributes:
        output: the table beside which it is recorded.
        tensor: what the features are.
    """

    output: Path
    tensor: FeatureTensor

    @property
    def record(self) -> EmbeddingsRecord:
        """What the job and the sidecar say of it."""
        return EmbeddingsRecord(
            file=self.path.name,
            format=format_of(self.path).name,
            tensor=self.tensor.operation,
            port=self.tensor.port,
            size=self.tensor.size,
        )

    def encode(self, shard: LabeledShard) -> bytes:
        """A shard's part. Rows that are not `ok` become NaN: there the network saw a black image."""
        shard.features[[status != "ok" for status in shard.statuses]] = np.nan
        return format_of(self.path).encode(shard.rows.files, shard.statuses, shard.features)


# --------------------------------------------------------------------------------------------------------------- npy


def _encode_npy(files: Sequence[ScannedFile], statuses: Sequence[str], features: NDArray[np.float32]) -> bytes:  # noqa: ARG001 - the formats' signature
    return features.astype(LITTLE_ENDIAN_FLOAT32, copy=False).tobytes()


def _assemble_npy(parts: Iterable[Path], shape: tuple[int, int], file: BinaryIO) -> None:
    header = {"descr": LITTLE_ENDIAN_FLOAT32.str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    for part in parts:
        with open(part, "rb") as source:
            shutil.copyfileobj(source, file, 1 << 20)


# ----------------------------------------------------------------------------------------------------------- Parquet


def _encode_parquet(files: Sequence[ScannedFile], statuses: Sequence[str], features: NDArray[np.float32]) -> bytes:
    pa, pq = _pyarrow()
    failed = np.array([status != "ok" for status in statuses], bool)
    # Lists that merely happen to be of one size: pyarrow reads a null among lists of a fixed size only since 26.0.
    offsets = np.cumsum([0, *np.where(failed, 0, features.shape[1])], dtype=np.int32)
    vectors = pa.ListArray.from_arrays(offsets, features[~failed].reshape(-1), mask=pa.array(failed))
    paths = [file.path for file in files]
    table = pa.Table.from_arrays(
        [
            pa.array([path.decode("utf-8", "replace") for path in paths], pa.string()),
            pa.array([None if _is_text(path) else base64.b64encode(path).decode() for path in paths], pa.string()),
            pa.array(statuses, pa.string()),
            vectors,
        ],
        schema=_parquet_schema(pa),
    )
    buffer = io.BytesIO()
    with _parquet_writer(pq, buffer, table.schema) as writer:
        writer.write_table(table)
    return buffer.getvalue()


def _assemble_parquet(parts: Iterable[Path], shape: tuple[int, int], file: BinaryIO) -> None:  # noqa: ARG001 - the formats' signature
    """One row group a shard."""
    pa, pq = _pyarrow()
    schema = _parquet_schema(pa)
    with _parquet_writer(pq, file, schema) as writer:
        for part in parts:
            # Not as a memory map: its pages would count as this process's. Version 0.1 made lists of a fixed size.
            table = pq.read_table(part, memory_map=False, use_threads=False).cast(schema)
            writer.write_table(table, row_group_size=max(1, len(table)))


def _parquet_schema(pa: Any) -> Any:
    columns = [("filepath", pa.string()), ("filepath_b64", pa.string()), ("status", pa.string())]
    return pa.schema([*columns, ("embedding", pa.list_(pa.float32()))])


def _parquet_writer(pq: Any, file: BinaryIO, schema: Any) -> Any:
    # A dictionary of numbers of which hardly two are alike is larger than the numbers.
    return pq.ParquetWriter(file, schema, compression="zstd", use_dictionary=["status"])


def _is_text(path: bytes) -> bool:
    try:
        path.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa
        from pyarrow import parquet as pq
    except ImportError as error:
        raise FashionBatchError(
            f"embeddings in Parquet need pyarrow, which cannot be imported ({error})",
            hint="pip install 'fashionbatch[parquet]', or give a name that ends in .npy",
        ) from error
    return pa, pq


_FORMATS = {
    ".npy": EmbeddingsFormat("npy", _encode_npy, _assemble_npy),
    ".parquet": EmbeddingsFormat("parquet", _encode_parquet, _assemble_parquet),
}
ENDINGS = tuple(_FORMATS)


# ------------------------------------------------------------------------------------------------- names in the job


def seen_from_table(embeddings: Path, output: Path) -> str:
    """How a job records what was asked for: from the table's folder, so that parts from several machines agree."""
    return os.path.relpath(embeddings.absolute(), output.absolute().parent)


def place_of(record: EmbeddingsRecord, output: Path, asked: Path | None) -> Path:
    """Where the embeddings of a job belong: where the user says, else beside the table. A job chooses no folder.

    Args:
        record: of the job or the table.
        output: the table.
        asked: what the user names as their file.
    """
    return output.with_name(record.file) if asked is None else Path(os.path.abspath(asked))
