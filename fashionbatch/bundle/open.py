"""Opens a bundle: every file's name, size and digest is checked before anything in it is parsed."""

from __future__ import annotations

import errno
import hashlib
import os
import shlex
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fashionbatch import disk
from fashionbatch.bundle.graph.record import GRAPH_FILES, GRAPH_NAME, graph_kind
from fashionbatch.bundle.manifest import (
    KERAS_WEIGHTS_NAME,
    MANIFEST_NAME,
    RECIPE_NAME,
    BundleManifest,
    FileRecord,
)
from fashionbatch.bundle.parse import parse_manifest
from fashionbatch.errors import BundleError
from fashionbatch.names import path_alike
from fashionbatch.specs import Precision

MANIFEST_LIMIT = 16 * 2**20
"""The largest `bundle.json` in bytes: room for 100,000 long label names, not for filling the memory."""
_RECIPE_LIMIT = 2**20
_COPY_AGAIN = "the copy is damaged or somebody changed it; copy the bundle again, or train again"


@dataclass(frozen=True)
class Bundle:
    """A bundle whose files are as its `bundle.json` says.

    Attributes:
        path: the directory.
        manifest: the checked `bundle.json`.
        digest: SHA-256 of `bundle.json`, in hex. It holds the other files' digests, so it stands for all of them.
    """

    path: Path
    manifest: BundleManifest
    digest: str

    @property
    def graph(self) -> Path:
        """The network as OpenVINO IR, as training left it; its weights lie beside it."""
        return self.path / GRAPH_NAME

    def graph_for(self, precision: Precision) -> Path:
        """The graph that a precision computes, one of `manifest.precisions`."""
        return self.path / GRAPH_FILES[graph_kind(precision)][0]

    @property
    def keras_weights(self) -> Path | None:
        """The trained weights of the Keras model; None for an imported bundle."""
        return self.path / KERAS_WEIGHTS_NAME if KERAS_WEIGHTS_NAME in self.manifest.files else None

    @property
    def recipe(self) -> Path | None:
        """The resolved recipe; None for an imported bundle."""
        return self.path / RECIPE_NAME if RECIPE_NAME in self.manifest.files else None

    def recipe_text(self) -> str | None:
        """The text of `recipe.yaml`, None for an imported bundle.

        Raises:
            BundleError: it is not UTF-8 text, or far too long for a recipe.
        """
        if self.recipe is None:
            return None
        try:
            data = disk.read_regular(self.recipe, _RECIPE_LIMIT, follow_links=False)
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise BundleError(f"{self.recipe}: not UTF-8 text: {error.reason} at byte {error.start}") from None
        except OSError as error:
            raise BundleError(f"{self.recipe}: {_reason(error)}", hint=_COPY_AGAIN) from None


@dataclass(frozen=True)
class FileCheck:
    """What became of checking one file of a bundle.

    Attributes:
        problem: what is wrong with it, None where it is as recorded.
    """

    name: str
    record: FileRecord
    problem: str | None


def open_bundle(path: Path | str, *, progress: Callable[[str], None] | None = None) -> Bundle:
    """Open a bundle after checking names, sizes and digests of all its files.

    Nothing but `bundle.json` is parsed here, and that only within limits of size and depth. The graph's inputs and
    outputs are compared with it where the graph is loaded.

    Args:
        path: the bundle's directory.
        progress: called with each file's name before it is read.

    Returns:
        The bundle; `digest` names it in job files and tables.

    Raises:
        BundleError: there is no bundle, or it is damaged, foreign or of another version; the hint says what to do.

    Example:
        >>> bundle = open_bundle("runs/cnn/bundle")  # doctest: +SKIP
        >>> bundle.manifest.labels.class_names  # doctest: +SKIP
        ('T-shirt/top', 'Trouser', ...)
    """
    bundle = read_manifest(path)
    for name, record in bundle.manifest.files.items():
        if progress is not None:
            progress(name)
        check = check_file(bundle.path, name, record)
        if check.problem is not None:
            raise BundleError(f"{bundle.path / name}: {check.problem}", hint=_COPY_AGAIN)
    return bundle


def read_manifest(path: Path | str) -> Bundle:
    """As `open_bundle`, without looking at the other files: for reports about a damaged bundle.

    Raises:
        BundleError: there is no bundle, or its `bundle.json` cannot be read.
    """
    directory = Path(path)
    _require_bundle_directory(directory)
    manifest_path = directory / MANIFEST_NAME
    try:
        data = disk.read_regular(manifest_path, MANIFEST_LIMIT, follow_links=False)
    except OSError as error:
        raise BundleError(f"{manifest_path}: {_reason(error)}", hint=_COPY_AGAIN) from None
    manifest = parse_manifest(data, name=str(manifest_path))
    return Bundle(directory, manifest, hashlib.sha256(data).hexdigest())


def check_file(directory: Path, name: str, record: FileRecord) -> FileCheck:
    """Compare one file's kind, size and SHA-256 with its record."""
    try:
        problem = _compare(directory / name, record)
    except OSError as error:
        problem = _reason(error)
    return FileCheck(name, record, problem)


def _compare(file: Path, record: FileRecord) -> str | None:
    # A link could lead out of the bundle.
    with disk.open_regular(file, follow_links=False) as stream:
        size = os.fstat(stream.fileno()).st_size
        if size != record.size:
            return f"has {size} bytes where {MANIFEST_NAME} says {record.size}"
        digest = hashlib.file_digest(stream, "sha256")
    if digest.hexdigest() != record.sha256:
        return f"its contents are not those that {MANIFEST_NAME} was written for (SHA-256 differs)"
    return None


def _reason(error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return "is a symbolic link; a bundle holds plain files only (`cp -rL` copies what links lead to)"
    if error.errno == errno.EFBIG:
        return f"{error.strerror}, so FashionBatch did not write it"
    return "is missing" if isinstance(error, FileNotFoundError) else disk.why_unreadable(error)


# ------------------------------------------------------------------------------------------------------ wrong paths


def _require_bundle_directory(path: Path) -> None:
    """Raise BundleError, with what was probably meant, where the path is no directory with a `bundle.json`."""
    try:
        is_directory = stat.S_ISDIR(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        raise BundleError(f"{path}: no such bundle", hint=_hint_for_missing(path)) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the name
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise BundleError(f"{path}: cannot be opened: {reason}") from None
    if not is_directory:
        raise BundleError(f"{path}: is a file; a bundle is a directory", hint=_hint_for_file(path))
    if not os.path.lexists(path / MANIFEST_NAME):
        raise BundleError(f"{path}: not a bundle: it holds no {MANIFEST_NAME}", hint=_hint_for_directory(path))


def _hint_for_missing(path: Path) -> str:
    if path.name.isdecimal():
        return f"-b names the bundle; for images in a batch write `--batch-size {path.name}`"
    if path.name == "bundle" and path.parent.is_dir():
        return f"the run {path.parent} has no bundle yet: its training did not finish"
    if (meant := path_alike(path)) is not None:
        return f"did you mean {meant}?"
    return "training leaves the bundle in its run directory, as RUN/bundle"


def _hint_for_file(path: Path) -> str:
    if path.name in {MANIFEST_NAME, GRAPH_NAME}:
        return f"give the directory: {path.parent}"
    if path.suffix.lower() in {".onnx", ".xml", ".keras", ".h5"}:
        return f"`fashionbatch bundle import {shlex.quote(str(path))}` makes a bundle from a model"
    if path.suffix.lower() == ".fbz":
        command = shlex.join(["fashionbatch", "bundle", "unpack", str(path), "-o", str(path.with_suffix(""))])
        return f"`{command}` makes it one"
    if path.suffix.lower() in {".zip", ".tar", ".gz", ".tgz", ".zst", ".xz"}:
        return "unpack the archive first"
    if path.suffix.lower() in {".yaml", ".yml"}:
        return "that looks like a recipe; `fashionbatch train` makes a bundle from it"
    return "training leaves the bundle in its run directory, as RUN/bundle"


def _hint_for_directory(path: Path) -> str:
    for inner in ("bundle", "model"):
        if (path / inner / MANIFEST_NAME).is_file():
            return f"did you mean {path / inner}?"
    if (path / "saved_model.pb").is_file():
        return f"`fashionbatch bundle import {shlex.quote(str(path))}` makes a bundle from a SavedModel"
    if (path / GRAPH_NAME).is_file():
        return (
            f"`fashionbatch bundle import {shlex.quote(str(path / GRAPH_NAME))}` makes a bundle from an OpenVINO model"
        )
    runs = sorted(path.glob(f"*/bundle/{MANIFEST_NAME}"))[:2]
    if len(runs) == 1:
        return f"did you mean {runs[0].parent}?"
    return "training leaves the bundle in its run directory, as RUN/bundle"
