"""Exporting a bundle: the file gives the bundle's labels by its own runtime, or there is no file."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fashionbatch.bundle.open import Bundle, open_bundle
from fashionbatch.errors import BundleError, OutputError, RuntimeUnavailableError
from fashionbatch.exporting import kinds, run
from fashionbatch.exporting.kinds import KINDS, ExportDtype, ExportKind
from fashionbatch.exporting.request import ExportRequest
from fashionbatch.exporting.run import Exported, export_bundle
from fashionbatch.exporting.runtimes import onnx as onnx_runtime
from fashionbatch.exporting.runtimes import photo
from fashionbatch.exporting.sample import Sample, sample_of_photos
from fashionbatch.exporting.tflite import INT8_WAYS
from fashionbatch.images import decode_image
from fashionbatch.inference.session import open_session
from fashionbatch.plugins import load_plugins
from fashionbatch.testing.bundles import make_tiny_bundle

REGISTRY = load_plugins().registry
HEADS = ("multiclass", "binary", "multilabel")
Predict = Callable[[np.ndarray], np.ndarray]


def needs(kind: ExportKind) -> None:
    for package in KINDS[kind].packages:
        pytest.importorskip(package, reason=f"the extra {KINDS[kind].extra} is not installed: no {package}")


def export(
    bundle: Bundle,
    kind: ExportKind,
    output: Path,
    dtype: ExportDtype = "float32",
    sample: Sample | None = None,
    **rest: Any,
) -> Exported:
    needs(kind)
    return export_bundle(bundle, ExportRequest(kind, output, dtype, **rest), sample, registry=REGISTRY)


def opened(kind: ExportKind, output: Path) -> tuple[dict[str, Any], Predict]:
    import importlib

    about, network = importlib.import_module(f"fashionbatch.exporting.runtimes.{kind}").open_model(str(output))
    return about, network


@pytest.fixture(scope="module")
def exports(bundles: Mapping[str, Bundle], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Exports of the three bundles, each made once."""
    folder = tmp_path_factory.mktemp("exports")

    def of(head: str, kind: ExportKind) -> Path:
        output = folder / f"{head}{KINDS[kind].ending}"
        if not output.exists():
            export(bundles[head], kind, output, licence="CC-BY-4.0")
        return output

    return of


@pytest.mark.parametrize("kind", ["onnx", "tflite"])
@pytest.mark.parametrize("head", HEADS)
def test_an_export_gives_every_photo_the_bundles_labels(
    bundles: Mapping[str, Bundle], exports: Callable[..., Path], photos: Path, head: str, kind: ExportKind
) -> None:
    bundle = bundles[head]
    about, network = opened(kind, exports(head, kind))
    paths = sorted(photos.iterdir())
    with open_session(bundle, registry=REGISTRY, precision="float32") as session:
        outputs = session.predict(np.stack([decode_image(path, bundle.manifest.image) for path in paths]))
        decided = session.rule.decide(outputs)
    shown, given = bundle.manifest.labels.display_names, []
    for path, expected, likely, chosen in zip(paths, outputs, decided.class_probabilities, decided.chosen, strict=True):
        row = network(photo.read_photo(str(path), about["image"])[None])[0]
        np.testing.assert_allclose(row, expected, atol=1e-4)
        named = sorted(np.flatnonzero(chosen), key=lambda number: -likely[number])
        labels = photo.decide(row, about)
        assert [label for label, _ in labels] == [shown[number] for number in named]
        np.testing.assert_allclose([probability for _, probability in labels], likely[named], atol=1e-4)
        given.append(tuple(label for label, _ in labels))
    assert len(set(given)) > 1


@pytest.mark.parametrize("kind", ["onnx", "tflite"])
def test_the_script_beside_an_export_labels_a_photo_without_fashionbatch_and_tensorflow(
    bundles: Mapping[str, Bundle], exports: Callable[..., Path], photos: Path, kind: ExportKind
) -> None:
    output, picture = exports("multilabel", kind), photos / "07.jpg"
    script = output.with_name(f"multilabel_{kind}_label_photo.py")
    blocked = "import sys, runpy; sys.modules.update(dict.fromkeys(('fashionbatch', 'tensorflow', 'keras')))"
    code = f"{blocked}; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    command = [sys.executable, "-c", code, str(script), str(picture)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    bundle = bundles["multilabel"]
    with open_session(bundle, registry=REGISTRY, precision="float32") as session:
        outputs = session.predict(decode_image(picture, bundle.manifest.image)[None])
    about, _ = opened(kind, output)
    *labels, group = [line.split("\t") for line in done.stdout.splitlines()]
    expected = photo.decide(outputs[0], about)
    assert [label for label, _ in labels] == [label for label, _ in expected]
    np.testing.assert_allclose([float(number) for _, number in labels], [one for _, one in expected], atol=1e-4)
    assert group[0] in {"colour: red 옷", "colour: blue 옷"}


def test_an_onnx_file_holds_labels_and_preparation_for_other_programs(
    bundles: Mapping[str, Bundle], exports: Callable[..., Path]
) -> None:
    output = exports("binary", "onnx")
    import onnx

    proto = onnx.load(output)
    onnx.checker.check_model(proto, full_check=True)
    metadata = {entry.key: entry.value for entry in proto.metadata_props}
    assert json.loads(metadata["labels"]) == ["cat 옷", "dog 옷"]
    assert metadata["decoding"] == "yes_or_no"
    assert json.loads(metadata["thresholds"]) == [0.4]
    assert json.loads(metadata["image"])["size"] == [12, 10]
    assert metadata["bundle"] == bundles["binary"].digest
    assert metadata["licence"] == "CC-BY-4.0"
    assert metadata["format_version"] == "1"
    assert json.loads(metadata["fashionbatch"])["format_version"] == 1
    [image], [probabilities] = proto.graph.input, proto.graph.output
    assert (image.name, image.type.tensor_type.elem_type) == ("image", onnx.TensorProto.UINT8)
    shape = [side.dim_param or side.dim_value for side in image.type.tensor_type.shape.dim]
    assert shape == ["batch", 12, 10, 3]
    assert probabilities.name == "probabilities"
    assert [entry.version for entry in proto.opset_import if entry.domain in {"", "ai.onnx"}] == [18]


def test_a_tflite_file_holds_metadata_as_its_format_defines_them(exports: Callable[..., Path]) -> None:
    output = exports("multiclass", "tflite")
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    with zipfile.ZipFile(output) as archive:
        assert archive.read("labels.txt").decode() == "dress 옷\nboot 옷\nhat 옷\n"
    model = schema.Model.GetRootAsModel(output.read_bytes(), 0)
    entries = {model.Metadata(n).Name(): model.Metadata(n).Buffer() for n in range(model.MetadataLength())}
    data = model.Buffers(entries[b"TFLITE_METADATA"]).DataAsNumpy().tobytes()
    assert data[4:8] == b"M001"

    def table(buffer: bytes, place: int) -> Any:
        return flatbuffers.table.Table(buffer, place)

    def field(one: Any, number: int) -> int:
        offset = one.Offset(4 + 2 * number)
        assert offset, number
        return one.Pos + offset

    def first(one: Any, number: int) -> Any:
        vector = one.Vector(field(one, number) - one.Pos)
        return table(data, one.Indirect(vector))

    root = table(data, flatbuffers.encode.Get(flatbuffers.packer.uoffset, data, 0))
    assert root.String(field(root, 0)) == b"patches-multiclass"
    assert root.String(field(root, 5)) == b"CC-BY-4.0"
    graph = first(root, 3)
    image, probabilities = first(graph, 2), first(graph, 3)
    assert image.String(field(image, 0)) == b"image"
    labels = first(probabilities, 6)
    assert labels.String(field(labels, 0)) == b"labels.txt"
    assert labels.Get(flatbuffers.number_types.Int8Flags, field(labels, 2)) == 2


def test_weights_of_float16_halve_an_onnx_file_and_keep_the_labels(
    bundles: Mapping[str, Bundle], exports: Callable[..., Path], photos: Path, tmp_path: Path
) -> None:
    bundle = bundles["multiclass"]
    whole = exports("multiclass", "onnx")
    found = export(bundle, "onnx", tmp_path / "half.onnx", "float16", sample_of_photos(photos, bundle.manifest))
    assert found.size < 0.75 * whole.stat().st_size
    assert "60 photos" in found.checks[0]


def test_a_saved_model_takes_uint8_images_by_its_usual_signature(
    bundles: Mapping[str, Bundle], photos: Path, tmp_path: Path
) -> None:
    bundle = bundles["multilabel"]
    found = export(bundle, "saved_model", tmp_path / "served", sample=sample_of_photos(photos, bundle.manifest))
    assert len(found.checks) == 2
    about, network = opened("saved_model", found.output)
    assert about["labels"] == list(bundle.manifest.labels.display_names)
    assert network(np.zeros((3, 12, 10, 3), np.uint8)).shape == (3, 4)
    # A second time it is an earlier export that is replaced; with a file of somebody's in it, it is left alone.
    export(bundle, "saved_model", tmp_path / "served", overwrite=True)
    (tmp_path / "served" / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"notes\.txt"):
        export(bundle, "saved_model", tmp_path / "served", overwrite=True)
    assert (tmp_path / "served" / "notes.txt").read_text() == "mine"


def test_a_graph_of_8_bits_is_exported_from_any_bundle_that_has_one(int8_bundle: Path, tmp_path: Path) -> None:
    found = export(open_bundle(int8_bundle), "openvino_int8", tmp_path / "graph", "int8")
    assert sorted(file.name for file in found.output.iterdir()) == [
        "fashionbatch.json",
        "labels.txt",
        "model.bin",
        "model.xml",
    ]
    assert "8 of 8 labels" in found.checks[0]


def test_without_a_graph_of_8_bits_the_error_says_to_quantize_first(tmp_path: Path) -> None:
    bundle = open_bundle(make_tiny_bundle(tmp_path / "b"))
    with pytest.raises(BundleError, match="no graph of 8 bits") as caught:
        export(bundle, "openvino_int8", tmp_path / "graph", "int8")
    assert "bundle quantize" in str(caught.value.hint)
    assert not (tmp_path / "graph").exists()


def test_an_imported_bundle_is_refused_with_the_way_out(tmp_path: Path) -> None:
    bundle = open_bundle(make_tiny_bundle(tmp_path / "b"))
    with pytest.raises(BundleError, match="was imported") as caught:
        export(bundle, "onnx", tmp_path / "a.onnx")
    assert "can be exported to it by the program that made it" in str(caught.value.hint)
    assert sorted(tmp_path.iterdir()) == [tmp_path / "b"]


def test_an_export_that_gives_other_probabilities_is_never_written(
    bundles: Mapping[str, Bundle], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs("onnx")
    right = onnx_runtime.open_model

    def wrong(path: str) -> tuple[dict[str, Any], Predict]:
        about, network = right(path)
        return about, lambda images: network(images) + np.float32(0.001)

    monkeypatch.setattr(onnx_runtime, "open_model", wrong)
    with pytest.raises(BundleError, match=r"probabilities within 0\.001"):
        export(bundles["multiclass"], "onnx", tmp_path / "a.onnx")
    assert not list(tmp_path.iterdir())


def _eight_bits(bundle: Bundle, photos: Path) -> Sample:
    images = sample_of_photos(photos, bundle.manifest).images
    return Sample(images[20:], None, "photos", "photos", images[:20])


def test_where_no_way_to_8_bits_keeps_the_labels_the_error_has_the_figures_of_each(
    bundles: Mapping[str, Bundle], photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = bundles["multiclass"]
    monkeypatch.setattr(run._Export, "ask", lambda _, __, images: np.eye(3, dtype=np.float32)[[2] * len(images)])
    with pytest.raises(BundleError, match="no way to 8 bits keeps the labels, nothing was written") as caught:
        export(bundle, "tflite", tmp_path / "a.tflite", "int8", _eight_bits(bundle, photos))
    for way in INT8_WAYS:
        assert f"{way.summary}: kept only 5.0% of the labels on 40 photos" in caught.value.message
    assert "--dtype float16" in str(caught.value.hint)
    assert not list(tmp_path.iterdir())


def test_weights_of_8_bits_that_keep_the_labels_make_a_smaller_file_which_names_the_way(
    bundles: Mapping[str, Bundle], exports: Callable[..., Path], photos: Path, tmp_path: Path
) -> None:
    bundle, shown = bundles["multiclass"], []
    sample = _eight_bits(bundle, photos)
    needs("tflite")
    request = ExportRequest("tflite", tmp_path / "a.tflite", "int8")
    found = export_bundle(bundle, request, sample, registry=REGISTRY, show=shown.append)
    assert "kept 100.0% of the labels on 40 photos" in found.checks[0]
    assert found.size < exports("multiclass", "tflite").stat().st_size
    about, network = opened("tflite", found.output)
    assert network(sample.images[:2]).shape == (2, 3)
    assert about["labels"] == list(bundle.manifest.labels.display_names)
    assert about["dtype"] == "int8"
    assert about["quantization"] == {"way": "integer", "tried": ["integer"], "images": 20}
    [line] = shown
    assert line.startswith("int8 by weights and activations in 8 bits: kept 100.0%")


def test_the_next_way_to_8_bits_is_tried_where_one_loses_labels(
    bundles: Mapping[str, Bundle], photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, right = bundles["multilabel"], run._Export.ask

    def ask(one: run._Export, made: Path, images: np.ndarray) -> np.ndarray:
        given = right(one, made, images)
        return 1 - given if made.name == "integer.tflite" else given

    monkeypatch.setattr(run._Export, "ask", ask)
    found = export(bundle, "tflite", tmp_path / "a.tflite", "int8", _eight_bits(bundle, photos))
    about, _ = opened("tflite", found.output)
    assert about["quantization"] == {"way": "weights", "tried": ["integer", "weights"], "images": 20}


def test_what_is_there_already_is_not_replaced_unless_asked(bundles: Mapping[str, Bundle], tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"mine")
    with pytest.raises(OutputError, match="exists already"):
        export(bundles["multiclass"], "onnx", tmp_path / "a.onnx")
    assert (tmp_path / "a.onnx").read_bytes() == b"mine"


def test_a_missing_package_is_named_with_the_extra_that_brings_it(
    bundles: Mapping[str, Bundle], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kinds, "find_spec", lambda name: None if name == "tf2onnx" else object())
    with pytest.raises(RuntimeUnavailableError, match="tf2onnx, which is not installed") as caught:
        export_bundle(bundles["binary"], ExportRequest("onnx", tmp_path / "a.onnx"), None, registry=REGISTRY)
    assert caught.value.hint == "pip install 'fashionbatch[onnx]'"
