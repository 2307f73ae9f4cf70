"""Everything that writes, but for labeling: what zygote.py does in a child that is killed, and what can be seen then.

A writer writes a version, in the place of the one before; its reader tells which one is there, and fails where neither
is whole.
"""

from __future__ import annotations

import functools
import io
import json
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from fashionbatch.exporting.kinds import ExportKind
    from fashionbatch.plan import Plan

Write = Callable[[Path, str], None]
Read = Callable[[Path], str | None]


class Writer(NamedTuple):
    """Something that is written.

    Attributes:
        write: a version into a folder.
        read: the version that is in a folder; None where there is none.
    """

    write: Write
    read: Read


def _write_bundle(place: Path, version: str) -> None:
    from fashionbatch.testing.bundles import make_tiny_bundle

    make_tiny_bundle(place / "bundle", name=version)


def _read_bundle(place: Path) -> str | None:
    from fashionbatch.bundle.open import open_bundle

    return open_bundle(place / "bundle").manifest.name if (place / "bundle").exists() else None


def _measure_bundle(place: Path, version: str) -> None:
    from fashionbatch.bundle.open import open_bundle
    from fashionbatch.bundle.write import update_bundle
    from fashionbatch.testing.bundles import make_tiny_bundle

    if version == "old":
        make_tiny_bundle(place / "bundle", decoding="several_of_many")
    update_bundle(open_bundle(place / "bundle"), thresholds=[0.25 if version == "old" else 0.75] * 3)


def _read_measured_bundle(place: Path) -> str:
    from fashionbatch.bundle.open import open_bundle

    manifest = open_bundle(place / "bundle").manifest
    return {0.25: "old", 0.75: "new"}[dict(manifest.decision.thresholds)["float32"][0]]


def _quantize_bundle(place: Path, version: str) -> None:
    from fashionbatch.bundle.graph.record import GraphOrigin, QuantizationRecord
    from fashionbatch.bundle.open import open_bundle
    from fashionbatch.bundle.write import QuantizedGraph, update_bundle
    from fashionbatch.testing.bundles import make_tiny_bundle

    if version == "old":
        make_tiny_bundle(place / "bundle")
    bundle = open_bundle(place / "bundle")
    record = QuantizationRecord(
        way=version, tried=(version,), images=1, source="photos", seed={"old": 0, "new": 1}[version]
    )
    with tempfile.TemporaryDirectory() as folder:
        for ending in (".xml", ".bin"):
            shutil.copy(bundle.path / f"model{ending}", Path(folder) / f"model.int8{ending}")
        graph = Path(folder) / "model.int8.xml"
        update_bundle(bundle, quantized=QuantizedGraph(graph, GraphOrigin(converter="", method=""), record))


def _read_quantized_bundle(place: Path) -> str:
    from fashionbatch.bundle.open import open_bundle

    quantization = open_bundle(place / "bundle").manifest.graphs["int8"].quantization
    assert quantization is not None
    return quantization.way


class _Model:
    """Stands for a network whose weights are a word."""

    def __init__(self, weights: str) -> None:
        self._weights = weights

    def save_weights(self, file: io.BytesIO, *, overwrite: bool) -> None:
        file.write(self._weights.encode())


def _save_checkpoint(place: Path, version: str) -> None:
    from fashionbatch.training.checkpoint import Progress, State
    from fashionbatch.training.directory import RunDirectory, locked

    directory = RunDirectory(place)
    epoch = {"old": 1, "new": 2}[version]
    with locked(directory):
        best = directory.checkpoints.save_best(_Model(version), epoch)  # type: ignore[arg-type]
        progress = Progress(
            0, phase_is_done=False, epochs_in_phase=epoch, history=[{"version": version}], best_file=best
        )
        directory.checkpoints.save(State(progress, [np.full(9, epoch)], [], [np.full(3, epoch)]))


def _read_checkpoint(place: Path) -> str | None:
    from fashionbatch.training.checkpoint import Checkpoints

    checkpoints = Checkpoints(place / "checkpoints")
    state = checkpoints.load()
    if state is None:
        return None
    version = str(state.progress.history[0]["version"])
    assert state.network[0].tolist() == [state.progress.epochs_in_phase] * 9
    assert state.progress.best_file is not None
    assert checkpoints.best_weights(state.progress.best_file).read_text() == version
    return version


@functools.cache
def _plan() -> Plan:
    from fashionbatch.plan import load_plan
    from fashionbatch.plugins import load_plugins

    return load_plan("quickstart", load_plugins().registry)


def _begin_run(place: Path, version: str) -> None:
    from fashionbatch.training.directory import RunDirectory, begin, locked, require_usable

    directory = RunDirectory(place / "run")
    require_usable(directory, resume=False, overwrite=True)
    with locked(directory):
        begin(directory, _plan(), {"version": version})
        (directory.path / "checkpoints").mkdir()
        (directory.path / "checkpoints" / "last.npz").touch()


def _read_run(place: Path) -> str | None:
    from fashionbatch.training.directory import RunDirectory

    directory = RunDirectory(place / "run")
    if not directory.marker.exists():
        return None
    version = str(json.loads(directory.marker.read_text(encoding="utf-8"))["version"])
    # A run that is being replaced loses what is in it, and its marker last.
    assert version == "old" or directory.recipe.read_text(encoding="utf-8").startswith("version: 1")
    return version


def _keep_features(place: Path, version: str) -> None:
    from fashionbatch.training.epochs.features import _write

    rows = np.full((64, 8), {"old": 1, "new": 2}[version], np.float32)
    _write(place / "cache" / "train.npy", rows.shape, iter((rows[:32], rows[32:])))


def _read_features(place: Path) -> str | None:
    path = place / "cache" / "train.npy"
    if not path.exists():
        return None
    rows = np.load(path)
    assert rows.shape == (64, 8)
    [value] = set(rows.ravel())
    return {1: "old", 2: "new"}[int(value)]


def _draw(place: Path, version: str) -> None:
    from fashionbatch.pictures.drawing.files import write_picture

    write_picture(place / "pictures" / "a.png", version.encode() * 1000)


def _read_picture(place: Path) -> str | None:
    path = place / "pictures" / "a.png"
    return {b"old" * 1000: "old", b"new" * 1000: "new"}[path.read_bytes()] if path.exists() else None


def _unpack(place: Path, version: str) -> None:
    from fashionbatch.data.archives import unpack_once

    if version == "old":
        with tarfile.open(place / "shoes.tar", "w") as tar:
            for number in range(5):
                tar.addfile(tarfile.TarInfo(f"shoes/{number}.jpg"))
    else:
        unpack_once(place / "shoes.tar", place / "cache")


def _read_unpacked(place: Path) -> str:
    unpacked = list((place / "cache").glob("[!.]*"))
    if not unpacked:
        return "old"
    assert len(list(unpacked[0].rglob("*.jpg"))) == 5
    return "new"


def _begin_plugin(place: Path, version: str) -> None:
    from fashionbatch.cli.plugins.new import create_plugin

    if version == "new" and not (place / "plugin").exists():
        create_plugin("shoes-for-faults", place / "plugin")


def _read_plugin(place: Path) -> str:
    if not (place / "plugin").exists():
        return "old"
    assert {path.name for path in (place / "plugin").rglob("*.*")} >= {"pyproject.toml", "shoes_for_faults.py"}
    return "new"


def _append(place: Path, version: str) -> None:
    from fashionbatch import disk

    path = place / "corrections.jsonl"
    if version == "old" or _read_appended(place) != "new":
        disk.append_line(path, json.dumps({"version": version}).encode())


def _read_appended(place: Path) -> str:
    versions: list[Any] = [
        json.loads(line)["version"] for line in (place / "corrections.jsonl").read_bytes().splitlines()
    ]
    assert versions in (["old"], ["old", "new"])
    return str(versions[-1])


@functools.cache
def _bundle_folder(version: str) -> tempfile.TemporaryDirectory[str]:
    """A folder with a bundle: made before the first child, so that its steps are not among those of packing it."""
    from fashionbatch.testing.bundles import make_tiny_bundle

    folder = tempfile.TemporaryDirectory()
    make_tiny_bundle(Path(folder.name, "bundle"), name=version)
    return folder


def _pack_bundle(place: Path, version: str) -> None:
    from fashionbatch.bundle.open import open_bundle
    from fashionbatch.bundle.pack import pack_bundle

    bundle = open_bundle(Path(_bundle_folder(version).name, "bundle"))
    pack_bundle(bundle, place / "shoes.fbz", overwrite=True)


def _read_packed_bundle(place: Path) -> str | None:
    from fashionbatch.bundle.pack import unpack_bundle

    if not (place / "shoes.fbz").exists():
        return None
    with tempfile.TemporaryDirectory() as folder:
        return unpack_bundle(place / "shoes.fbz", Path(folder, "bundle")).manifest.name


def _put_export(kind: ExportKind, place: Path, version: str) -> None:
    from fashionbatch.exporting.kinds import KINDS
    from fashionbatch.exporting.placing import put_in_place, require_place
    from fashionbatch.exporting.request import ExportRequest

    request = ExportRequest(kind, place / f"shoes{KINDS[kind].ending}", overwrite=True)
    # As a user does after a kill that left nothing but the script.
    left = replace(request, overwrite=False) if not request.output.exists() else request
    require_place(left)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, "made")
        if KINDS[kind].is_directory:
            made.mkdir()
            for name in ("model.xml", "model.bin", "fashionbatch.json", "labels.txt"):
                (made / name).write_text(version)
        else:
            made.write_text(version)
        put_in_place(made, left)


def _read_export(kind: ExportKind, place: Path) -> str | None:
    from fashionbatch.exporting.kinds import KINDS
    from fashionbatch.exporting.script import script_path, script_text

    output = place / f"shoes{KINDS[kind].ending}"
    if script_path(output).exists():
        assert script_path(output).read_text(encoding="utf-8") == script_text(kind, output)
    if not output.exists():
        return None
    assert script_path(output).exists()
    [version] = {file.read_text() for file in (output.iterdir() if output.is_dir() else [output])}
    return version


WRITERS = {
    "bundle": Writer(_write_bundle, _read_bundle),
    "measured bundle": Writer(_measure_bundle, _read_measured_bundle),
    "quantized bundle": Writer(_quantize_bundle, _read_quantized_bundle),
    "checkpoint": Writer(_save_checkpoint, _read_checkpoint),
    "run directory": Writer(_begin_run, _read_run),
    "kept features": Writer(_keep_features, _read_features),
    "picture": Writer(_draw, _read_picture),
    "archive": Writer(_unpack, _read_unpacked),
    "plugin": Writer(_begin_plugin, _read_plugin),
    "appended line": Writer(_append, _read_appended),
    "packed bundle": Writer(_pack_bundle, _read_packed_bundle),
    "exported file": Writer(functools.partial(_put_export, "onnx"), functools.partial(_read_export, "onnx")),
    "exported directory": Writer(
        functools.partial(_put_export, "openvino_int8"), functools.partial(_read_export, "openvino_int8")
    ),
}


def write(name: str, place: str, version: str) -> int:
    """What a child does; gives its exit code."""
    from fashionbatch.errors import FashionBatchError

    try:
        WRITERS[name].write(Path(place), version)
    except FashionBatchError as error:
        sys.stdout.write(f"{error}\n")
        sys.stdout.flush()
        return error.exit_code
    return 0
