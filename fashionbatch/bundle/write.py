"""Writes a bundle: whole or not at all."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from fashionbatch import __version__
from fashionbatch.bundle.graph import first_sentence
from fashionbatch.bundle.graph_check import check_graph
from fashionbatch.bundle.manifest import (
    FORMAT_VERSION,
    GRAPH_NAME,
    GRAPH_WEIGHTS_NAME,
    KERAS_WEIGHTS_NAME,
    MANIFEST_NAME,
    RECIPE_NAME,
    BundleManifest,
    FileRecord,
    Head,
    Labels,
    PluginRecord,
    PrecisionRecord,
)
from fashionbatch.bundle.open import Bundle
from fashionbatch.errors import BundleError, OutputError
from fashionbatch.specs import ImageSpec, Precision

if TYPE_CHECKING:
    import openvino as ov

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


def write_bundle(
    directory: Path,
    *,
    name: str,
    labels: Labels,
    head: Head,
    image: ImageSpec,
    decoding_policy: Mapping[str, Any],
    graph: ov.Model,
    weights: Path | None = None,
    recipe_yaml: str | None = None,
    plugins: Sequence[PluginRecord] = (),
    precision_parity: Mapping[Precision, PrecisionRecord] | None = None,
    created_with: Mapping[str, str] | None = None,
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
        weights: a `.weights.h5` file of the Keras model, which is copied; None for an imported model.
        recipe_yaml: the resolved recipe; None for an imported model.
        plugins: what the network was made with.
        precision_parity: how each precision fared on the validation split.
        created_with: versions of libraries; FashionBatch's and OpenVINO's are added.

    Returns:
        The bundle as `open_bundle` would give it.

    Raises:
        BundleError: the parts do not fit together, or the graph is one that opening would refuse.
        OutputError: the directory holds something else, or cannot be written.
    """
    directory = Path(os.path.realpath(directory))
    _require_replaceable(directory)
    with _new_directory_beside(directory) as temporary:
        _write_files(temporary, graph=graph, weights=weights, recipe_yaml=recipe_yaml)
        try:
            manifest = BundleManifest(
                format_version=FORMAT_VERSION,
                name=name,
                labels=labels,
                head=head,
                image=image,
                decoding_policy=dict(decoding_policy),
                plugins=tuple(plugins),
                precision_parity=dict(precision_parity or {}),
                created_with=_versions(created_with),
                files={file.name: _record(file) for file in sorted(temporary.iterdir())},
            )
        except ValidationError as error:
            raise BundleError(f"{directory}: {error.errors(include_url=False)[0]['msg']}") from error
        check_graph(temporary, manifest)
        data = manifest_bytes(manifest)
        _write_durably(temporary / MANIFEST_NAME, data)
        _sync_directory(temporary)
        _put_in_place(temporary, directory)
    return Bundle(directory, manifest, hashlib.sha256(data).hexdigest())


def update_bundle(
    bundle: Bundle,
    *,
    precision_parity: Mapping[Precision, PrecisionRecord] | None = None,
    thresholds: Sequence[float] | None = None,
) -> Bundle:
    """Add what was measured with a written bundle to its `bundle.json`; the network stays as it is.

    Returns:
        The bundle with its new digest.

    Raises:
        BundleError: the thresholds do not fit the head.
        OutputError: the file cannot be written.
    """
    document = bundle.manifest.model_dump()
    if precision_parity is not None:
        document["precision_parity"] = dict(precision_parity)
    if thresholds is not None:
        document["head"]["thresholds"] = tuple(float(threshold) for threshold in thresholds)
    try:
        manifest = BundleManifest.model_validate(document)
    except ValidationError as error:
        raise BundleError(f"{bundle.path}: {error.errors(include_url=False)[0]['msg']}") from error
    data = manifest_bytes(manifest)
    temporary = bundle.path / f".{MANIFEST_NAME}.{secrets.token_hex(4)}"
    try:
        _write_durably(temporary, data)
        temporary.replace(bundle.path / MANIFEST_NAME)
        _sync_directory(bundle.path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OutputError(f"{bundle.path}: cannot be written: {error.strerror or error}") from error
    return Bundle(bundle.path, manifest, hashlib.sha256(data).hexdigest())


def manifest_bytes(manifest: BundleManifest) -> bytes:
    """The text of `bundle.json`: the same manifest gives the same bytes, names in other scripts stand as they are."""
    document = manifest.model_dump(mode="json")
    return (json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False) + "\n").encode("utf-8")


def _versions(given: Mapping[str, str] | None) -> dict[str, str]:
    versions = {"fashionbatch": __version__, "openvino": metadata.version("openvino"), **(given or {})}
    return dict(sorted(versions.items()))


# -------------------------------------------------------------------------------------------------------------- files


def _write_files(directory: Path, *, graph: ov.Model, weights: Path | None, recipe_yaml: str | None) -> None:
    import openvino as ov

    try:
        # The default halves the weights to float16, which changes results.
        ov.save_model(graph, directory / GRAPH_NAME, compress_to_fp16=False)
    except RuntimeError as error:
        raise OutputError(f"{directory.parent}: the graph cannot be written: {first_sentence(error)}") from error
    (directory / GRAPH_WEIGHTS_NAME).touch()  # A graph without weights leaves none behind.
    if recipe_yaml is not None:
        (directory / RECIPE_NAME).write_text(recipe_yaml, encoding="utf-8")
    if weights is not None:
        shutil.copyfile(weights, directory / KERAS_WEIGHTS_NAME)
    for file in directory.iterdir():
        _sync_file(file)


def _record(file: Path) -> FileRecord:
    with open(file, "rb") as stream:
        digest = hashlib.file_digest(stream, "sha256")
    return FileRecord(sha256=digest.hexdigest(), size=file.stat().st_size)


def _write_durably(file: Path, data: bytes) -> None:
    with open(file, "xb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _sync_file(file: Path) -> None:
    with open(file, "rb") as stream:
        os.fsync(stream.fileno())


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# ---------------------------------------------------------------------------------------------------------- directory


def _require_replaceable(directory: Path) -> None:
    if not os.path.lexists(directory):
        return
    if not directory.is_dir():
        raise OutputError(f"{directory}: exists and is no directory", hint="choose another place for the bundle")
    try:
        is_empty = next(directory.iterdir(), None) is None
    except OSError as error:
        raise OutputError(f"{directory}: cannot be read: {error.strerror or error}") from error
    if not (is_empty or (directory / MANIFEST_NAME).is_file()):
        raise OutputError(
            f"{directory}: holds files, but no bundle, so it is not replaced",
            hint="choose another place for the bundle, or empty the directory",
        )


@contextmanager
def _new_directory_beside(directory: Path) -> Iterator[Path]:
    """A fresh directory on the same file system; gone afterwards, unless it was renamed."""
    # Not tempfile.mkdtemp: its directories are closed to everyone else, and this one becomes the bundle.
    temporary = directory.with_name(f".{directory.name}.{secrets.token_hex(4)}.tmp")
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        temporary.mkdir()
        yield temporary
    except OSError as error:
        raise OutputError(f"{directory}: cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _put_in_place(temporary: Path, directory: Path) -> None:
    if not os.path.lexists(directory):
        temporary.rename(directory)
    elif not _exchange(temporary, directory):
        _replace_in_two_steps(temporary, directory)
    _sync_directory(directory.parent)


def _exchange(one: Path, other: Path) -> bool:
    """Swap two directories in one step; False where the system or its file system cannot."""
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    paths = os.fsencode(one), os.fsencode(other)
    return bool(renameat2(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE) == 0)


def _replace_in_two_steps(temporary: Path, directory: Path) -> None:
    # Between the two renames a kill leaves the old bundle, whole, under its other name.
    retired = temporary.with_name(f"{temporary.name}.old")
    directory.rename(retired)
    try:
        temporary.rename(directory)
    except OSError:
        retired.rename(directory)
        raise
    shutil.rmtree(retired, ignore_errors=True)
