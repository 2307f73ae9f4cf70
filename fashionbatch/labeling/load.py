"""What a run needs besides files: bundles, the plugins that it uses, and what it makes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from fashionbatch.bundle.graph.features import find_features
from fashionbatch.bundle.open import Bundle, open_bundle
from fashionbatch.errors import FashionBatchError
from fashionbatch.inference.computing import Computing
from fashionbatch.inference.precision import PrecisionChoice
from fashionbatch.inference.session import Session, open_with, require_features
from fashionbatch.labeling.job.shards import ShardPart
from fashionbatch.labeling.options import LabelOptions, OutputOptions
from fashionbatch.labeling.products.embeddings import Embeddings
from fashionbatch.labeling.products.product import Product
from fashionbatch.labeling.products.table import BundleColumns, LabelTable, TableRows
from fashionbatch.labeling.settings import checked_parameters, in_environment
from fashionbatch.plugins import Plugins, load_plugins
from fashionbatch.plugins.origin import Origin
from fashionbatch.registry import Entry, Registry
from fashionbatch.specs import EngineSpec, FeatureTensor, ImageSpec, Parameters, RuntimeSpec, WriterSpec

HOOKS = ("register_runtimes", "register_writers", "register_engines", "labeling_finished")
"""What labeling needs of plugins; those that offer nothing of it are not imported."""


@dataclass(frozen=True)
class Engine:
    """What runs the shards, its checked parameters, and whose it is."""

    spec: EngineSpec
    parameters: Parameters
    origin: Origin


@dataclass(frozen=True)
class Loaded:
    """What is known before the first file is looked at.

    Attributes:
        bundles: what the files are labeled with.
        plugins: the loaded ones.
        computing: how the networks are computed.
        engine: what runs the shards.
        table: the table that is made.
        specs: each kind of image that the bundles take, once.
        embeddings: the file of the features, where it is wanted.
        part_suffix: the ending of the parts' names, where the table is to be a folder of parts.
    """

    bundles: list[Bundle]
    plugins: Plugins
    computing: Computing
    engine: Engine
    table: LabelTable
    specs: list[ImageSpec]
    embeddings: Embeddings | None = None
    part_suffix: str | None = None

    def spec_number(self, bundle: Bundle) -> int:
        """Which of `specs` a bundle takes."""
        return self.specs.index(bundle.manifest.image)

    @property
    def products(self) -> tuple[Product, ...]:
        """All that is made, the table first."""
        return (self.table,) if self.embeddings is None else (self.table, self.embeddings)

    @property
    def features(self) -> FeatureTensor | None:
        """Where the features stand in the bundle's graph, where embeddings are wanted."""
        return None if self.embeddings is None else self.embeddings.tensor

    @property
    def width(self) -> int:
        """Cells and numbers that are kept for a row."""
        return len(self.table.columns) + (self.features.size if self.features else 0)

    @property
    def parts(self) -> tuple[ShardPart, ...]:
        """What each shard carries."""
        return tuple(product.part for product in self.products)

    def open_session(self, bundle: Bundle, choice: PrecisionChoice) -> Session:
        """Load a bundle's network.

        Raises:
            RuntimeUnavailableError: this machine does not offer what was asked for.
            BundleError: the graph is not what the bundle says.
        """
        return open_with(self.computing, bundle, choice, features=self.features)


def load(options: LabelOptions) -> Loaded:
    """Open bundles, load plugins, and check that the options fit them.

    Raises:
        BundleError: a bundle is missing, damaged or foreign.
        UnknownNameError: no such runtime, format or engine, or no format has the table's ending.
        FashionBatchError: the options do not fit the bundles, parameters do not fit their component, or the engine
            cannot run here.
    """
    bundles = [open_bundle(path) for path in options.bundles]
    plugins = load_plugins(hooks=HOOKS)
    registry = plugins.registry
    runtime = registry.get(RuntimeSpec, options.compute.runtime)
    table = _table(options, bundles, registry)
    embeddings = None
    if options.output.embeddings is not None:
        require_features(runtime)
        path = Path(os.path.abspath(options.output.embeddings))
        tensor = find_features(bundles[0])
        embeddings = Embeddings(path=path, size=tensor.size, output=table.path, tensor=tensor)
    return Loaded(
        bundles=bundles,
        plugins=plugins,
        computing=Computing(
            registry,
            options.compute.runtime,
            checked_parameters(runtime, options.compute.settings, "--runtime-set"),
            options.compute.batch_size,
            options.compute.device,
        ),
        engine=_engine(options, registry),
        table=table,
        specs=list(dict.fromkeys(bundle.manifest.image for bundle in bundles)),
        embeddings=embeddings,
        part_suffix=table.writer.suffix if options.output.partitioned else None,
    )


def _engine(options: LabelOptions, registry: Registry) -> Engine:
    spec = registry.get(EngineSpec, options.work.engine)
    parameters = checked_parameters(spec, options.work.settings, "--engine-set", in_environment(spec))
    if spec.require is not None:
        spec.require(parameters=parameters)
    provider = registry.entry(spec.kind, options.work.engine).provider
    return Engine(spec, parameters, Origin(provider, spec.kind, spec.name))


def _table(options: LabelOptions, bundles: list[Bundle], registry: Registry) -> LabelTable:
    output = options.output
    entry = _format(output, registry)
    writer = entry.spec
    assert isinstance(writer, WriterSpec)
    columns = [
        BundleColumns(bundle.manifest, options.rows, f"{bundle.manifest.name}_" if len(bundles) > 1 else "")
        for bundle in bundles
    ]
    rows = TableRows(columns, kept=options.source.keep, spreadsheet_safe=options.rows.spreadsheet_safe)
    parameters = checked_parameters(writer, output.settings, "--format-set")
    path = Path(os.path.abspath(output.table))
    table = LabelTable(
        path=path,
        columns=rows.names,
        types=rows.types,
        writer=writer,
        format=entry.recorded_name,
        parameters=parameters,
        rows=rows,
        spreadsheet_safe=options.rows.spreadsheet_safe,
    )
    table.check_size(0)
    if output.partitioned and not writer.shards_are_tables:
        raise FashionBatchError(
            f"--partitioned cannot write the format {writer.name}", hint="name a table that ends in .parquet or .jsonl"
        )
    # A format whose library is not installed says so now and not after the first shard.
    table.encode_rows(iter(()))
    return table


def _format(output: OutputOptions, registry: Registry) -> Entry:
    """The format that was asked for, or else the one that the table's name ends in."""
    if output.format is not None:
        return registry.entry(WriterSpec.kind, output.format)
    return registry.writer_of_ending(output.table.suffix)
