"""What the network said about some files -> the rows of the table."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, ClassVar

import numpy as np
from numpy.typing import NDArray

from fashionbatch.bundle.manifest import BundleManifest
from fashionbatch.decisions import Decisions, Winners
from fashionbatch.errors import FashionBatchError, OutputError
from fashionbatch.labeling.job.frozen import ShardRows
from fashionbatch.labeling.job.shards import TABLE_PART, Counts, ShardPart
from fashionbatch.labeling.products.options import RowOptions
from fashionbatch.labeling.products.product import LabeledShard
from fashionbatch.labels.columns import FIRST_COLUMNS, FORMULA_STARTS, SEPARATOR, STATUS, first_columns, label_columns
from fashionbatch.specs import Cell, ColumnType, Parameters, Precision, WriterSpec

NO_PROBABILITIES = "NetworkError: the network gave no probabilities for this image"


class BundleColumns:
    """The columns that one bundle fills.

    Args:
        manifest: of the bundle.
        options: what the user asked for.
        prefix: before each column's name, where a table holds the labels of several bundles.

    Raises:
        FashionBatchError: the options do not fit this bundle.
    """

    def __init__(self, manifest: BundleManifest, options: RowOptions, prefix: str = "") -> None:
        self._manifest = manifest
        self._topk = options.topk
        self._rule = manifest.rule.with_minimum(options.threshold)
        self._shown = manifest.labels.display_names
        self._has_all = options.probabilities or self._rule.has_many
        if options.topk > 1 and self._rule.has_many:
            raise FashionBatchError(
                "topk is for bundles that give one label; this one gives several",
                hint="its table has the probability of every class",
            )
        if options.topk > len(self._shown):
            raise FashionBatchError(f"topk is {options.topk}, and the bundle has {len(self._shown)} classes")
        self.columns = label_columns(
            self._rule.class_names,
            several=self._rule.has_many,
            groups=self._rule.groups,
            topk=options.topk,
            probabilities=options.probabilities,
            prefix=prefix,
        )

    def compute_in(self, precision: Precision) -> None:
        """Decide by the bundle's thresholds for a precision, once it is known; until then by those for float32."""
        self._rule = self._manifest.rule_in(precision).with_minimum(self._rule.minimum)

    def decide(self, outputs: NDArray[np.float32]) -> Decisions:
        """The labels that the network's outputs `(n, outputs)` stand for."""
        return self._rule.decide(outputs)

    def cells(self, decisions: Decisions) -> Iterator[Sequence[Cell]]:
        """The cells of each image; those of its main label first."""
        columns: list[Sequence[Cell]] = []
        if self._rule.has_many:
            columns.append([self._labels(decisions, image) for image in range(len(decisions))])
            for winners in decisions.groups.values():
                columns += self._label_and_probability(winners)
        elif self._topk > 1:
            top = decisions.top(self._topk)
            for place in range(self._topk):
                columns += self._label_and_probability(top.place(place))
        else:
            columns += self._label_and_probability(decisions.winner)
        for image, cells in enumerate(zip(*columns, strict=True)):
            # Not as columns: a thousand classes times ten thousand rows would be a lot of Python numbers.
            yield [*cells, *decisions.class_probabilities[image].tolist()] if self._has_all else cells

    def count(self, cells: Sequence[Cell], labels: Counter[str]) -> None:
        """Count the labels of one image."""
        main = str(cells[0])
        labels.update(main.split(SEPARATOR) if self._rule.has_many else [main])

    def _label_and_probability(self, winners: Winners) -> list[Sequence[Cell]]:
        named = zip(winners.classes.tolist(), winners.named.tolist(), strict=True)
        return [[self._shown[number] if is_named else "" for number, is_named in named], winners.probabilities.tolist()]

    def _labels(self, decisions: Decisions, image: int) -> str:
        return SEPARATOR.join(self._shown[number] for number in decisions.labels(image))


class TableRows:
    """The rows of a whole table.

    Args:
        bundles: what each bundle fills.
        kept: names of columns that come from the user's own list of files.
        spreadsheet_safe: as in RowOptions.

    Raises:
        FashionBatchError: two columns would have one name.
    """

    def __init__(
        self, bundles: Sequence[BundleColumns], *, kept: Sequence[str] = (), spreadsheet_safe: bool = False
    ) -> None:
        self._bundles = bundles
        self._safe = spreadsheet_safe
        columns = (*first_columns(kept), *(column for bundle in bundles for column in bundle.columns))
        self.names = tuple(column.name for column in columns)
        self.types = tuple(column.type for column in columns)
        twice = [name for name, times in Counter(self.names).items() if times > 1]
        if twice:
            raise FashionBatchError(
                f"two columns of the table would be called {', '.join(map(repr, sorted(twice)))}",
                hint="a class, group or bundle is called like another column; rename it, or leave out --probabilities",
            )

    def compute_in(self, precisions: Sequence[Precision]) -> None:
        """Decide by each bundle's thresholds for the precision that it is computed in."""
        for bundle, precision in zip(self._bundles, precisions, strict=True):
            bundle.compute_in(precision)

    def rows(
        self, shard: ShardRows, probabilities: Sequence[NDArray[np.float32]], counts: Counts
    ) -> Iterator[Sequence[Cell]]:
        """The rows of a shard, in their order.

        Args:
            shard: its files and what became of them.
            probabilities: for each bundle its outputs, float32 `(labeled files, outputs)`; a failed file's row has no
                meaning.
            counts: each row is counted here as it is made.
        """
        decided = [bundle.decide(values) for bundle, values in zip(self._bundles, probabilities, strict=True)]
        failed = dict(shard.failed)
        for one in decided:
            for position in np.flatnonzero(~one.valid).tolist():
                failed.setdefault(position, ("error", NO_PROBABILITIES))
        while len(counts.labels) < len(self._bundles):
            counts.labels.append(Counter())
        counts.same += len(shard.same)
        parts = [bundle.cells(one) for bundle, one in zip(self._bundles, decided, strict=True)]
        empty: list[Cell] = [None] * sum(len(bundle.columns) for bundle in self._bundles)
        positions = itertools.count()
        for row, file in enumerate(shard.files):
            old = shard.reused[row] if shard.reused else None
            if old is None or shard.expected:
                new = [cell for part in parts for cell in next(part)]
                position = next(positions)
                old = old if position in shard.same else None
            if old is not None:
                status, error, cells = str(old[0]), str(old[1] or ""), list(old[2:])
            else:
                status, error = failed.get(position) or ("ok", shard.notes.get(position, ""))
                cells = new if status == "ok" else empty
            self._count(status, cells, counts)
            counts.noted += status == "ok" and bool(error)
            line: list[Cell] = [os.fsdecode(file.path), status, error, *(shard.kept[row] if shard.kept else ()), *cells]
            yield [_without_formula(cell) for cell in line] if self._safe else line

    def _count(self, status: str, cells: Sequence[Cell], counts: Counts) -> None:
        counts.statuses[status] += 1
        if status != "ok":
            return
        start = 0
        for bundle, labels in zip(self._bundles, counts.labels, strict=True):
            bundle.count(cells[start : start + len(bundle.columns)], labels)
            start += len(bundle.columns)


def _without_formula(cell: Cell) -> Cell:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA_STARTS) else cell


@dataclass(frozen=True, kw_only=True)
class TableFile:
    """The table that every run makes, as far as it takes to join its parts.

    Attributes:
        path: the table.
        columns: their names.
        types: what their cells are.
        writer: the format.
        parameters: the writer's own.
        spreadsheet_safe: as in RowOptions.
    """

    path: Path
    columns: Sequence[str]
    types: Sequence[ColumnType]
    writer: WriterSpec
    parameters: Parameters
    spreadsheet_safe: bool = False
    part: ClassVar[ShardPart] = TABLE_PART

    def assemble(self, parts: Iterable[Path], rows: int, file: BinaryIO) -> None:  # noqa: ARG002 - a product's signature
        """The whole table."""
        self.writer.assemble(
            self.columns,
            parts,
            file,
            types=self.types,
            parameters=self.parameters,
            spreadsheet_safe=self.spreadsheet_safe,
        )

    def check_size(self, rows: int) -> None:
        """Refuse a table that its format cannot hold.

        Raises:
            OutputError: it has more rows or columns than the format can hold.
        """
        limits = ((rows, self.writer.max_rows, "rows"), (len(self.columns), self.writer.max_columns, "columns"))
        for count, most, what in limits:
            if most is not None and count > most:
                raise OutputError(
                    f"{self.path}: would have {count:,} {what}, and the format {self.writer.name} holds {most:,}",
                    hint="give the table a name that ends in .csv or .parquet",
                )


@dataclass(frozen=True, kw_only=True)
class LabelTable(TableFile):
    """The product that every run makes: a row a file, in the format of a writer.

    Attributes:
        format: what a job calls the writer.
        rows: makes them.
    """

    format: str
    rows: TableRows

    def encode(self, shard: LabeledShard) -> bytes:
        """The rows of a shard; notes their statuses and counts them."""
        return self.encode_rows(self._noting_statuses(shard))

    def encode_rows(self, rows: Iterator[Sequence[Cell]]) -> bytes:
        """Some rows in the format of the table."""
        encoded = self.writer.encode(self.columns, rows, types=self.types, parameters=self.parameters)
        return encoded if isinstance(encoded, bytes) else b"".join(encoded)

    def _noting_statuses(self, shard: LabeledShard) -> Iterator[Sequence[Cell]]:
        column = FIRST_COLUMNS.index(STATUS)
        for row in self.rows.rows(shard.rows, shard.probabilities, shard.counts):
            shard.statuses.append(str(row[column]))
            yield row
