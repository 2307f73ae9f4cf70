"""Writes a bundle: whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from pydantic import JsonValue, ValidationError

from fashionbatch import __version__, disk
from fashionbatch.bundle.graph.check import check_graph
from fashionbatch.bundle.graph.convert import first_sentence
from fashionbatch.bundle.graph.features import search_features
from fashionbatch.bundle.graph.record import (
    COMPUTES,
    GRAPH_FILES,
    GRAPH_NAME,
    GRAPH_WEIGHTS_NAME,
    Graph,
    GraphKind,
    GraphOrigin,
    PrecisionRecord,
    QuantizationRecord,
)
from fashionbatch.bundle.manifest import (
    FORMAT_VERSION,
    KERAS_WEIGHTS_NAME,
    MANIFEST_NAME,
    RECIPE_NAME,
    REFERENCE_NAME,
    BundleManifest,
    Decision,
    FeatureRecord,
    FileRecord,
    Head,
    Labels,
    PluginRecord,
)
from fashionbatch.bundle.open import Bundle
from fashionbatch.bundle.part import Part
from fashionbatch.bundle.reference import Reference, write_reference
from fashionbatch.errors import BundleError, OutputError
from fashionbatch.specs import ImageSpec, Precision

if TYPE_CHECKING:
    import openvino as ov

_P = TypeVar("_P", bound=Part)


@dataclass(frozen=True)
class QuantizedGraph:
    """The network of a bundle in 8 bits, and what is known of it.

    Attributes:
        graph: the `.xml` file, under the name that it has in a bundle; its weights lie beside it.
        made: how it was made.
        quantization: by which way, with which images.
        parity: how it fared; None where nothing could be compared.
        thresholds: its own, where those of float32 would cost it labels; empty where they do not.
    """

    graph: Path
    made: GraphOrigin
    quantization: QuantizationRecord
    parity: PrecisionRecord | None = None
    thresholds: tuple[float, ...] = ()

    @property
    def versions(self) -> dict[str, str]:
        """Of what made it."""
        return self.made.versions


def write_bundle(
    directory: Path,
    *,
    name: str,
    labels: Labels,
    head: Head,
    image: ImageSpec,
    decoding_policy: Mapping[str, Any],
    graph: ov.Model,
    made: GraphOrigin | None = None,
    weights: Path | Callable[[BinaryIO], None] | None = None,
    recipe_yaml: str | None = None,
    plugins: Sequence[PluginRecord] = (),
    precision_parity: Mapping[Precision, PrecisionRecord] | None = None,
    reference: Reference | None = None,
    created_with: Mapping[str, str] | None = None,
    extensions: Mapping[str, JsonValue] | None = None,
) -> Bundle:
    """Write a bundle. The directory appears when it is whole and safely on disk, and not before.

    A bundle that is already there is replaced in one step; anything else that is there is left alone.

    Args:
        directory: where the bundle goes; its parents are made.
        name: what the bundle is called, usually the recipe's name.
        labels: the classes, in the order of the network's outputs.
        head: how probabilities become labels.
        image: the image that the network takes.
        decoding_policy: `fashionbatch.images.POLICY`.
        graph: uint8 `(?, height, width, channels)` -> float32 `(?, outputs)`, as `to_graph` makes it.
        made: how the graph was made.
        weights: a `.weights.h5` file of the Keras model, which is copied, or what writes one; None for an imported
            model.
        recipe_yaml: the resolved recipe; None for an imported model.
        plugins: what the network was made with.
        precision_parity: how each precision of this graph fared on the validation split.
        reference: images and the network's outputs for them, which later sessions are checked by.
        created_with: versions of libraries; FashionBatch's and OpenVINO's are added.
        extensions: what others want to keep in it.

    Returns:
        The bundle as `open_bundle` would give it.

    Raises:
        BundleError: the parts do not fit together, or the graph is one that opening would refuse.
        OutputError: the directory holds something else, or cannot be written.
    """
    directory = Path(os.path.realpath(directory))
    require_replaceable(directory)
    with disk.output_errors(directory), disk.new_directory(directory, replace=True) as temporary:
        _write_files(temporary, graph=graph, weights=weights, recipe_yaml=recipe_yaml, reference=reference)
        try:
            manifest = BundleManifest(
                format_version=FORMAT_VERSION,
                name=name,
                labels=labels,
                decision=Decision.of(head),
                image=image,
                decoding_policy=dict(decoding_policy),
                graphs={"float32": Graph(made=made, parity=dict(precision_parity or {}))},
                reference=reference and reference.record,
                plugins=tuple(plugins),
                created_with=_versions(created_with),
                files={file.name: _record(file) for file in sorted(temporary.iterdir())},
                extensions=dict(extensions or {}),
            )
        except ValidationError as error:
            raise BundleError(f"{directory}: {error.errors(include_url=False)[0]['msg']}") from error
        check_graph(temporary, manifest)
        features = search_features(temporary / GRAPH_NAME, image)
        if features is not None:
            manifest = _revised(manifest, features=FeatureRecord(**features._asdict()))
        data = _write_manifest(temporary, manifest)
    return Bundle(directory, manifest, hashlib.sha256(data).hexdigest())


def update_bundle(
    bundle: Bundle,
    *,
    precision_parity: Mapping[Precision, PrecisionRecord] | None = None,
    thresholds: Sequence[float] | None = None,
    reference: Reference | None = None,
    quantized: QuantizedGraph | None = None,
    directory: Path | None = None,
) -> Bundle:
    """Add what was measured with a written bundle to it; the network stays as it is, and so does what is not named.

    Args:
        bundle: as it was written or opened. One of format 1 becomes one of the newest format.
        precision_parity: how each precision fared.
        thresholds: of the head, for every precision; None leaves those that are there.
        reference: takes the place of the one that is there.
        quantized: the same network in 8 bits; takes the place of one that is there.
        directory: where the bundle goes; in its own place unless given. A bundle that is there is replaced.

    Returns:
        The bundle with its new digest.

    Raises:
        BundleError: what is added does not fit the bundle.
        OutputError: the bundle cannot be written.
    """
    manifest, place = bundle.manifest, Path(os.path.realpath(bundle.path if directory is None else directory))
    if directory is not None:
        require_replaceable(place)
    own = Path(os.path.realpath(bundle.path))
    when_full = "make room, then start the same command again"
    with disk.output_errors(place, when_full=when_full), disk.new_directory(place, replace=True) as temporary:
        changed = {*(GRAPH_FILES["int8"] if quantized else ()), *((REFERENCE_NAME,) if reference else ())}
        for name in manifest.files.keys() - changed:
            # Two bundles that shared a file would change together.
            (disk.link_or_copy if own == place else disk.copy_new)(own / name, temporary / name)
        if reference is not None:
            write_reference(reference, temporary)
        if quantized is not None:
            _copy_graph(quantized.graph, temporary)
        try:
            manifest = _revised(
                manifest,
                format_version=FORMAT_VERSION,
                decision=_with_thresholds(manifest.decision, thresholds, quantized),
                graphs=_with_parity(_with_quantized(manifest.graphs, quantized), precision_parity),
                reference=manifest.reference if reference is None else reference.record,
                created_with=dict(
                    sorted({**manifest.created_with, **(quantized.versions if quantized else {})}.items())
                ),
                files={
                    file.name: _record(file) if file.name in changed else manifest.files[file.name]
                    for file in sorted(temporary.iterdir())
                },
            )
        except ValidationError as error:
            raise BundleError(f"{bundle.path}: {error.errors(include_url=False)[0]['msg']}") from error
        if quantized is not None:
            check_graph(temporary, manifest, "int8")
        data = _write_manifest(temporary, manifest)
    return Bundle(bundle.path if directory is None else directory, manifest, hashlib.sha256(data).hexdigest())


def _copy_graph(graph: Path, directory: Path) -> None:
    names = GRAPH_FILES["int8"]
    for source, name in zip((graph, graph.with_suffix(".bin")), names, strict=True):
        disk.link_or_copy(source, directory / name)


def _with_quantized(graphs: Mapping[GraphKind, Graph], quantized: QuantizedGraph | None) -> dict[GraphKind, Graph]:
    if quantized is None:
        return dict(graphs)
    parity: dict[Precision, PrecisionRecord] = {"int8": quantized.parity} if quantized.parity else {}
    return {**graphs, "int8": Graph(made=quantized.made, quantization=quantized.quantization, parity=parity)}


def _with_thresholds(
    decision: Decision, thresholds: Sequence[float] | None, quantized: QuantizedGraph | None
) -> Decision:
    own = dict(decision.thresholds)
    if thresholds is not None:
        own = {"float32": tuple(map(float, thresholds))} if thresholds else {}
    if quantized is not None:
        own.pop("int8", None)
        own |= {"int8": quantized.thresholds} if quantized.thresholds else {}
    return _revised(decision, thresholds=own)


def _with_parity(
    graphs: Mapping[GraphKind, Graph], parity: Mapping[Precision, PrecisionRecord] | None
) -> dict[GraphKind, Graph]:
    if parity is None:
        return dict(graphs)
    return {
        kind: _revised(graph, parity={name: parity[name] for name in COMPUTES[kind] if name in parity})
        for kind, graph in graphs.items()
    }


def _revised(part: _P, **changes: object) -> _P:
    """The part with other values, checked like a new one."""
    return type(part)(**{**dict(part), **changes})


def manifest_bytes(manifest: BundleManifest) -> bytes:
    """The text of `bundle.json`: the same manifest gives the same bytes, names in other scripts stand as they are."""
    document = manifest.model_dump(mode="json")
    return (json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False) + "\n").encode("utf-8")


def _versions(given: Mapping[str, str] | None) -> dict[str, str]:
    versions = {"fashionbatch": __version__, "openvino": metadata.version("openvino"), **(given or {})}
    return dict(sorted(versions.items()))


# -------------------------------------------------------------------------------------------------------------- files


def _write_files(
    directory: Path,
    *,
    graph: ov.Model,
    weights: Path | Callable[[BinaryIO], None] | None,
    recipe_yaml: str | None,
    reference: Reference | None,
) -> None:
    import openvino as ov

    try:
        # The default halves the weights to float16, which changes results.
        ov.save_model(graph, directory / GRAPH_NAME, compress_to_fp16=False)  # disk: in a new directory
    except RuntimeError as error:
        raise OutputError(f"{directory.parent}: the graph cannot be written: {first_sentence(error)}") from error
    if not (directory / GRAPH_WEIGHTS_NAME).exists():
        with disk.write_new(directory / GRAPH_WEIGHTS_NAME, sync=False):
            pass  # A graph without weights leaves none behind.
    if recipe_yaml is not None:
        with disk.write_new(directory / RECIPE_NAME, sync=False) as file:
            file.write(recipe_yaml.encode("utf-8"))
    if weights is not None:
        with disk.write_new(directory / KERAS_WEIGHTS_NAME, sync=False) as file:
            if isinstance(weights, Path):
                with open(weights, "rb") as source:
                    shutil.copyfileobj(source, file, 1 << 20)
            else:
                weights(file)
    if reference is not None:
        write_reference(reference, directory)


def _write_manifest(directory: Path, manifest: BundleManifest) -> bytes:
    """Write `bundle.json`, the last file of a bundle; gives its bytes."""
    data = manifest_bytes(manifest)
    with disk.write_new(directory / MANIFEST_NAME, sync=False) as file:
        file.write(data)
    return data


def _record(file: Path) -> FileRecord:
    with open(file, "rb") as stream:
        digest = hashlib.file_digest(stream, "sha256")
    return FileRecord(sha256=digest.hexdigest(), size=file.stat().st_size)


# ---------------------------------------------------------------------------------------------------------- directory


BUNDLE_CONTENTS = disk.Contents(
    files=(
        MANIFEST_NAME,
        RECIPE_NAME,
        KERAS_WEIGHTS_NAME,
        REFERENCE_NAME,
        *(name for names in GRAPH_FILES.values() for name in names),
    )
)
"""What a bundle's directory holds. A bundle is replaced as a whole, so one that holds more is not."""


def require_replaceable(directory: Path) -> None:
    """See that a bundle may be written there: nothing, an empty directory, or a bundle and no more.

    Raises:
        OutputError: something else is there; the message names it.
    """
    if not os.path.lexists(directory):
        return
    if not directory.is_dir():
        raise OutputError(f"{directory}: exists and is no directory", hint="choose another place for the bundle")
    try:
        with disk.OwnDirectory(directory) as opened:
            foreign = next(opened.foreign(BUNDLE_CONTENTS), None)
            is_bundle = opened.holds_files(disk.Contents(files=(MANIFEST_NAME,)))
    except OSError as error:
        raise OutputError(f"{directory}: cannot be read: {error.strerror or error}") from error
    if foreign is None:
        return
    if not is_bundle:
        raise OutputError(
            f"{directory}: holds files, but no bundle, so it is not replaced",
            hint="choose another place for the bundle, or empty the directory",
        )
    raise OutputError(
        f"{directory}: holds {str(foreign)!r}, which is no part of a bundle, so it is not replaced",
        hint="move that away, or choose another place for the bundle",
    )


def require_free(directory: Path, *, overwrite: bool) -> None:
    """See that nothing is there, unless a bundle there is to be replaced.

    Raises:
        OutputError: something is.
    """
    if not overwrite and os.path.lexists(directory) and not (directory.is_dir() and not any(directory.iterdir())):
        raise OutputError(f"{directory}: exists already", hint="--overwrite replaces a bundle that is there")
