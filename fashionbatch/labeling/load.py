"""What a run needs besides files: bundles, the plugins that it uses, and the columns of its table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fashionbatch.bundle.features import find_features
from fashionbatch.bundle.open import Bundle, open_bundle
from fashionbatch.inference.session import Session, open_session, require_features
from fashionbatch.labeling.options import LabelOptions
from fashionbatch.labeling.products.table import BundleColumns, TableRows
from fashionbatch.plugins import Plugins, load_plugins
from fashionbatch.registry import Registry
from fashionbatch.specs import EngineSpec, FeatureTensor, ImageSpec, RuntimeSpec, WriterSpec

HOOKS = ("register_runtimes", "register_writers", "register_engines", "labeling_finished")
"""What labeling needs of plugins; those that offer nothing of it are not imported."""

DEFAULT_FORMAT = "csv"


@dataclass(frozen=True)
class Loaded:
    """What is known before the first file is looked at.

    Attributes:
        bundles: what the files are labeled with.
        plugins: the loaded ones.
        writer: of the table.
        engine: what runs the shards.
        table: what stands in the rows.
        specs: each kind of image that the bundles take, once.
        features: where the features stand in the bundle's graph, where embeddings are wanted.
    """

    bundles: list[Bundle]
    plugins: Plugins
    writer: WriterSpec
    engine: EngineSpec
    table: TableRows
    specs: list[ImageSpec]
    features: FeatureTensor | None = None

    def spec_number(self, bundle: Bundle) -> int:
        """Which of `specs` a bundle takes."""
        return self.specs.index(bundle.manifest.image)

    @property
    def width(self) -> int:
        """Cells and numbers that are kept for a row."""
        return len(self.table.names) + (self.features.size if self.features else 0)

    def open_sessions(self, options: LabelOptions) -> list[Session]:
        """Load each bundle's network.

        Raises:
            RuntimeUnavailableError: this machine does not offer what was asked for.
            BundleError: a graph is not what its bundle says.
        """
        return [
            open_session(
                bundle,
                registry=self.plugins.registry,
                runtime=options.runtime,
                precision=options.precision,
                batch_size=options.batch_size,
                device=options.device,
                features=self.features,
            )
            for bundle in self.bundles
        ]


def load(options: LabelOptions) -> Loaded:
    """Open bundles, load plugins, and check that the options fit them.

    Raises:
        BundleError: a bundle is missing, damaged or foreign.
        UnknownNameError: no such runtime, format or engine.
        FashionBatchError: the options do not fit the bundles.
    """
    bundles = [open_bundle(path) for path in options.bundles]
    plugins = load_plugins(hooks=HOOKS)
    registry = plugins.registry
    writer = registry.get(WriterSpec, options.format or _format_of(options.output, registry))
    columns = [
        BundleColumns(bundle.manifest, options.rows, f"{bundle.manifest.name}_" if len(bundles) > 1 else "")
        for bundle in bundles
    ]
    table = TableRows(columns, kept=options.keep, spreadsheet_safe=options.rows.spreadsheet_safe)
    # A format whose library is not installed says so now and not after the first shard.
    writer.encode(table.names, [])
    specs = list(dict.fromkeys(bundle.manifest.image for bundle in bundles))
    features = None
    if options.embeddings is not None:
        require_features(registry.get(RuntimeSpec, options.runtime))
        features = find_features(bundles[0])
    return Loaded(bundles, plugins, writer, registry.get(EngineSpec, options.engine), table, specs, features)


def _format_of(output: Path, registry: Registry) -> str:
    for entry in registry.entries(WriterSpec.kind):
        if isinstance(entry.spec, WriterSpec) and entry.spec.suffix == output.suffix.lower():
            return entry.spec.name
    return DEFAULT_FORMAT
