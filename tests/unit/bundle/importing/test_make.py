"""Other people's models: what their files do not say is asked for, and what comes out are probabilities or an error."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import openvino as ov
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from fashionbatch.bundle.importing.adapt import SCALINGS
from fashionbatch.bundle.importing.make import ImportOptions, import_model
from fashionbatch.bundle.importing.read import ForeignModel, read_keras_application, read_model
from fashionbatch.bundle.open import Bundle, open_bundle
from fashionbatch.bundle.reference import read_reference
from fashionbatch.errors import BundleError, FashionBatchError, WeightsError

SIZE = (6, 4)
LABELS = ("red", "green", "blue")
SaveOnnx = Callable[..., Path]


@pytest.fixture
def save_onnx(tmp_path: Path) -> SaveOnnx:
    """Save an ONNX network that gives the mean of each channel, and what is put behind it."""

    def save(
        *,
        behind: Sequence[tuple[str, dict[str, Any]]] = (),
        batch: int | str = "N",
        layout: str = "nchw",
        size: tuple[int | str, int | str] = SIZE,
        also: str | None = None,
        name: str = "net.onnx",
    ) -> Path:
        shape = [batch, 3, *size] if layout == "nchw" else [batch, *size, 3]
        axes = [2, 3] if layout == "nchw" else [1, 2]
        nodes = [helper.make_node("ReduceMean", ["x"], ["mean"], axes=axes, keepdims=0)]
        last = "mean"
        for number, (operation, attributes) in enumerate(behind):
            nodes.append(helper.make_node(operation, [last], [f"y{number}"], **attributes))
            last = f"y{number}"
        outputs = [helper.make_tensor_value_info(last, TensorProto.FLOAT, None)]
        if also == "label":
            nodes.append(helper.make_node("ArgMax", [last], ["label"], axis=1, keepdims=0))
            outputs.insert(0, helper.make_tensor_value_info("label", TensorProto.INT64, None))
        elif also == "features":
            outputs.append(helper.make_tensor_value_info("mean", TensorProto.FLOAT, None))
        inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
        return write(helper.make_graph(nodes, "net", inputs, outputs), tmp_path / name)

    return save


def write(graph: onnx.GraphProto, file: Path) -> Path:
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("ai.onnx.ml", 3)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), file)
    return file


def read(file: Path, *, output: str | None = None, trusted: bool = False) -> ForeignModel:
    return read_model(file, trusted=trusted, output=output, size=None)


def imported(model: ForeignModel, directory: Path, **changes: Any) -> Bundle:
    fields: dict[str, Any] = {"name": "net", "class_names": LABELS, "scaling": "0..1"}
    return import_model(model, directory, ImportOptions(**{**fields, **changes}))


def refusal(model: ForeignModel, directory: Path, **changes: Any) -> BundleError:
    with pytest.raises(BundleError) as caught:
        imported(model, directory, **changes)
    assert not directory.exists()
    return caught.value


def ask(bundle: Bundle, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    compiled = ov.Core().compile_model(bundle.graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.array(compiled(images)[0])


def photos(count: int = 5) -> NDArray[np.uint8]:
    return np.random.default_rng(count).integers(0, 256, (count, *SIZE, 3), dtype=np.uint8)


def softmax(scores: NDArray[Any]) -> NDArray[Any]:
    exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))


SOFTMAX = ("Softmax", {"axis": 1})

# ------------------------------------------------------------------------------------------------------------- pixels


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize("scaling", list(SCALINGS))
def test_pixels_are_scaled_inside_the_graph(save_onnx: SaveOnnx, tmp_path: Path, layout: str, scaling: str) -> None:
    model = read(save_onnx(layout=layout))
    bundle = imported(model, tmp_path / "b", scaling=scaling, activation="softmax")
    mean, scale = (np.array(values) for values in (SCALINGS[scaling].mean, SCALINGS[scaling].scale))  # type: ignore[index]
    pixels = (photos().astype(np.float64) - mean) / scale
    if scaling == "caffe":
        pixels = pixels[..., ::-1]
    np.testing.assert_allclose(ask(bundle, photos()), softmax(pixels.mean(axis=(1, 2))), atol=1e-5)
    assert bundle.manifest.image.size == SIZE
    assert open_bundle(tmp_path / "b") == bundle
    assert bundle.manifest.created_with["imported_from"] == "net.onnx"


def test_an_imported_bundle_says_what_it_was_made_of_and_what_it_gives_for_patterns(
    save_onnx: SaveOnnx, tmp_path: Path
) -> None:
    bundle = imported(read(save_onnx()), tmp_path / "b", activation="softmax")
    made = bundle.manifest.graphs["float32"].made
    assert made is not None
    assert made.method.startswith("imported from ")
    reference = read_reference(bundle)
    assert reference is not None
    assert reference.source == "synthetic"
    np.testing.assert_allclose(reference.outputs["float32"], ask(bundle, reference.images), atol=1e-6)


def test_known_values_of_the_presets() -> None:
    grey = {name: tuple(np.round((128 - np.array(s.mean)) / np.array(s.scale), 4)) for name, s in SCALINGS.items()}
    assert grey["0..255"] == (128, 128, 128)
    assert grey["0..1"] == (0.502, 0.502, 0.502)
    assert grey["-1..1"] == (0.0039, 0.0039, 0.0039)
    assert grey["imagenet"] == (0.0741, 0.2052, 0.4265)
    assert grey["caffe"] == (4.32, 11.221, 24.061)


@pytest.mark.parametrize(("scaling", "order", "turned"), [("0..1", "bgr", True), ("caffe", "rgb", False)])
def test_the_channel_order_may_be_said(
    save_onnx: SaveOnnx, tmp_path: Path, scaling: str, order: str, turned: bool
) -> None:
    bundle = imported(read(save_onnx(behind=[SOFTMAX])), tmp_path / "b", scaling=scaling, order=order)
    red = np.zeros((1, *SIZE, 3), np.uint8)
    red[..., 0] = 255
    assert ask(bundle, red).argmax() == (2 if turned else 0)


def test_a_batch_size_that_is_fixed_is_opened_where_the_network_allows_it(save_onnx: SaveOnnx, tmp_path: Path) -> None:
    bundle = imported(read(save_onnx(batch=1, behind=[SOFTMAX])), tmp_path / "b")
    assert ask(bundle, photos(7)).shape == (7, 3)


@pytest.mark.parametrize("batch", [1, "N"])
def test_a_network_that_is_made_for_one_image_runs_in_a_loop(
    save_onnx: SaveOnnx, tmp_path: Path, batch: int | str
) -> None:
    file = save_onnx(batch=batch)
    model = onnx.load(file)
    model.graph.initializer.append(numpy_helper.from_array(np.array([1, 3], np.int64), "one_row"))
    model.graph.node.append(helper.make_node("Reshape", ["mean", "one_row"], ["row"]))
    model.graph.output[0].name = "row"
    onnx.save(model, file)
    bundle = imported(read(file), tmp_path / "b", activation="softmax")
    np.testing.assert_allclose(ask(bundle, photos(7)), softmax(photos(7).mean(axis=(1, 2)) / 255), atol=1e-5)
    assert bundle.manifest.created_with["computes"] == "one image after the other"
    assert open_bundle(tmp_path / "b") == bundle
    reference = read_reference(bundle)
    assert reference is not None
    np.testing.assert_allclose(reference.outputs["float32"], ask(bundle, reference.images), atol=1e-6)


def test_a_network_for_another_number_of_images_is_refused(save_onnx: SaveOnnx, tmp_path: Path) -> None:
    file = save_onnx(batch=2)
    model = onnx.load(file)
    model.graph.initializer.append(numpy_helper.from_array(np.array([2, 3], np.int64), "two_rows"))
    model.graph.node.append(helper.make_node("Reshape", ["mean", "two_rows"], ["rows"]))
    model.graph.output[0].name = "rows"
    onnx.save(model, file)
    assert "batch" in (refusal(read(file), tmp_path / "b", activation="softmax").hint or "")


def test_a_size_that_is_open_must_be_said(save_onnx: SaveOnnx, tmp_path: Path) -> None:
    file = save_onnx(size=("h", "w"), behind=[SOFTMAX])
    assert "--size" in (refusal(read(file), tmp_path / "b").hint or "")
    assert imported(read(file), tmp_path / "b", size=(9, 8)).manifest.image.size == (9, 8)


def test_a_layout_that_the_shape_does_not_tell_must_be_said(save_onnx: SaveOnnx, tmp_path: Path) -> None:
    file = save_onnx(size=(3, 3), behind=[SOFTMAX])
    assert "--layout" in (refusal(read(file), tmp_path / "b").hint or "")
    imported(read(file), tmp_path / "b", layout="nchw")


def test_a_scaling_that_is_nowhere_must_be_said(save_onnx: SaveOnnx, tmp_path: Path) -> None:
    assert "--scaling" in (refusal(read(save_onnx(behind=[SOFTMAX])), tmp_path / "b", scaling=None).hint or "")


def test_a_size_that_the_network_does_not_take_is_refused(save_onnx: SaveOnnx, tmp_path: Path) -> None:
    error = refusal(read(save_onnx(behind=[SOFTMAX])), tmp_path / "b", size=(8, 8))
    assert "takes images of 6 x 4, not of 8 x 8" in error.message
    assert "--size" in (error.hint or "")
    assert imported(read(save_onnx(behind=[SOFTMAX])), tmp_path / "b", size=SIZE).manifest.image.size == SIZE
    half_open = save_onnx(size=(6, "w"), behind=[SOFTMAX])
    assert "takes images of 6 x any, not of 7 x 4" in refusal(read(half_open), tmp_path / "c", size=(7, 4)).message
    assert imported(read(half_open), tmp_path / "c", size=(6, 9)).manifest.image.size == (6, 9)


def test_a_layout_that_the_shape_contradicts_is_refused(save_onnx: SaveOnnx, tmp_path: Path) -> None:
    error = refusal(read(save_onnx(behind=[SOFTMAX])), tmp_path / "b", layout="nhwc")
    assert "which is nchw, not nhwc" in error.message


def whole_numbers(file: Path, kind: int, shape: Sequence[int | str]) -> Path:
    """Save a network for pixels of a type of whole numbers."""
    nodes = [
        helper.make_node("Cast", ["x"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["f"], ["mean"], axes=[1, 2], keepdims=0),
        helper.make_node("Softmax", ["mean"], ["p"], axis=1),
    ]
    inputs = [helper.make_tensor_value_info("x", kind, shape)]
    outputs = [helper.make_tensor_value_info("p", TensorProto.FLOAT, None)]
    return write(helper.make_graph(nodes, "net", inputs, outputs), file)


@pytest.mark.parametrize("scaling", [name for name in SCALINGS if name != "0..255"])
@pytest.mark.parametrize("kind", [TensorProto.UINT8, TensorProto.INT32, TensorProto.INT64])
def test_a_network_for_whole_numbers_takes_pixels_as_they_are(tmp_path: Path, kind: int, scaling: str) -> None:
    file = whole_numbers(tmp_path / "net.onnx", kind, ["N", 6, 4, 3])
    error = refusal(read(file), tmp_path / "b", scaling=scaling)
    assert "takes whole numbers" in error.message
    assert "leave --scaling out" in (error.hint or "")
    for fitting in (None, "0..255"):
        bundle = imported(read(file), tmp_path / "b" / str(fitting), scaling=fitting)
        np.testing.assert_allclose(ask(bundle, photos()), softmax(photos().mean(axis=(1, 2))), atol=1e-5)


def test_a_network_for_numbers_that_do_not_hold_pixels_is_refused(tmp_path: Path) -> None:
    file = whole_numbers(tmp_path / "net.onnx", TensorProto.INT8, ["N", 6, 4, 3])
    assert "labeling has pixels of 0 to 255" in refusal(read(file), tmp_path / "b", scaling=None).message


@pytest.mark.parametrize("shape", [["N", 4, 224, 224], ["N", 224, 224, 4], [1, 2, 96, 64]])
def test_channels_that_labeling_does_not_have_are_said_first(tmp_path: Path, shape: Sequence[int | str]) -> None:
    file = whole_numbers(tmp_path / "net.onnx", TensorProto.FLOAT, shape)
    message = refusal(read(file), tmp_path / "b", scaling=None).message
    assert "channels; labeling has 1 (grey) or 3 (colour)" in message


def test_rows_of_numbers_are_flat_images(tmp_path: Path) -> None:
    weights = np.random.default_rng(0).normal(0, 0.1, (24, 3)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"]), helper.make_node("Softmax", ["y"], ["p"], axis=1)],
        "linear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 24])],
        [helper.make_tensor_value_info("p", TensorProto.FLOAT, ["N", 3])],
        [numpy_helper.from_array(weights, "w")],
    )
    file = write(graph, tmp_path / "linear.onnx")
    assert "--size" in (refusal(read(file), tmp_path / "b").hint or "")
    assert "24 numbers" in refusal(read(file), tmp_path / "b", size=(5, 5)).message
    bundle = imported(read(file), tmp_path / "b", size=SIZE)
    assert bundle.manifest.image.channels == 1
    grey = photos()[..., :1]
    np.testing.assert_allclose(ask(bundle, grey), softmax(grey.reshape(5, 24) / 255 @ weights), atol=1e-5)


# ------------------------------------------------------------------------------------------------------ probabilities


def test_logits_are_recognised_and_the_right_activation_asked_for(save_onnx: SaveOnnx, tmp_path: Path) -> None:
    file = save_onnx(behind=[("Neg", {})])
    error = refusal(read(file), tmp_path / "b")
    assert "logits" in error.message
    assert error.hint == "write --activation softmax"
    assert refusal(read(file), tmp_path / "b", head="multilabel").hint == "write --activation sigmoid"
    bundle = imported(read(file), tmp_path / "b", activation="softmax")
    np.testing.assert_allclose(ask(bundle, photos()).sum(axis=1), 1, atol=1e-5)


def test_an_activation_on_probabilities_is_refused(save_onnx: SaveOnnx, tmp_path: Path) -> None:
    error = refusal(read(save_onnx(behind=[SOFTMAX])), tmp_path / "b", activation="softmax")
    assert "already" in error.message
    error = refusal(read(save_onnx()), tmp_path / "b", activation="sigmoid", head="multilabel")
    assert "already" in error.message


def test_labels_that_stand_for_themselves_are_no_multiclass(save_onnx: SaveOnnx, tmp_path: Path) -> None:
    hint = refusal(read(save_onnx()), tmp_path / "b").hint or ""
    assert "--head multilabel" in hint
    assert "--activation softmax" in hint  # all of these may be logits, too
    assert imported(read(save_onnx()), tmp_path / "b", head="multilabel").manifest.head.decoding == "several_of_many"


def test_labels_that_exclude_each_other_are_no_multilabel(save_onnx: SaveOnnx, tmp_path: Path) -> None:
    error = refusal(read(save_onnx(behind=[SOFTMAX])), tmp_path / "b", head="multilabel")
    assert error.hint == "write --head multiclass"


def test_one_output_and_two_labels_are_a_binary_head(save_onnx: SaveOnnx, tmp_path: Path) -> None:
    file = save_onnx(behind=[("ReduceMean", {"axes": [1], "keepdims": 1})])
    bundle = imported(read(file), tmp_path / "b", class_names=("dark", "light"))
    assert bundle.manifest.head.decoding == "yes_or_no"
    assert bundle.manifest.outputs == 1
    np.testing.assert_allclose(ask(bundle, photos())[:, 0], photos().mean(axis=(1, 2, 3)) / 255, atol=1e-5)


@pytest.mark.parametrize(
    ("labels", "changes", "says"),
    [
        (("a", "b"), {}, "3 numbers for each image, but there are 2 labels"),
        (("a", "b", "c", "d"), {}, "there are 4 labels"),
        (LABELS, {"head": "binary"}, "this network gives 3"),
    ],
)
def test_labels_that_do_not_match_the_outputs_are_refused(
    save_onnx: SaveOnnx, tmp_path: Path, labels: tuple[str, ...], changes: dict[str, Any], says: str
) -> None:
    assert says in refusal(read(save_onnx(behind=[SOFTMAX])), tmp_path / "b", class_names=labels, **changes).message


def test_answers_that_are_no_numbers_are_refused(save_onnx: SaveOnnx, tmp_path: Path) -> None:
    assert "NaN" in refusal(read(save_onnx(behind=[("Log", {}), ("Sqrt", {})])), tmp_path / "b").message


def test_a_network_that_mixes_the_images_of_a_batch_is_refused(save_onnx: SaveOnnx, tmp_path: Path) -> None:
    file = save_onnx(behind=[("Softmax", {"axis": 0}), SOFTMAX])
    assert "other images of its batch" in refusal(read(file), tmp_path / "b").message


def test_trailing_axes_of_length_one_are_dropped(tmp_path: Path) -> None:
    graph = helper.make_graph(
        [helper.make_node("GlobalAveragePool", ["x"], ["y"]), helper.make_node("Softmax", ["y"], ["p"], axis=1)],
        "pool",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, *SIZE])],
        [helper.make_tensor_value_info("p", TensorProto.FLOAT, ["N", 3, 1, 1])],
    )
    assert ask(imported(read(write(graph, tmp_path / "p.onnx")), tmp_path / "b"), photos()).shape == (5, 3)


# -------------------------------------------------------------------------------------------------------------- files


def test_a_class_number_beside_the_probabilities_is_left_out(save_onnx: SaveOnnx, tmp_path: Path) -> None:
    bundle = imported(read(save_onnx(behind=[SOFTMAX], also="label")), tmp_path / "b")
    assert ask(bundle, photos()).shape == (5, 3)


def test_several_outputs_must_be_chosen_from(save_onnx: SaveOnnx, tmp_path: Path) -> None:
    file = save_onnx(behind=[SOFTMAX], also="features")
    with pytest.raises(BundleError, match="gives 2 outputs: y0, mean") as caught:
        read(file)
    assert "--output-name" in (caught.value.hint or "")
    with pytest.raises(BundleError, match="no output 'z'; there are: y0, mean"):
        read(file, output="z")
    imported(read(file, output="y0"), tmp_path / "b")


def test_an_openvino_file_is_read_too(save_onnx: SaveOnnx, tmp_path: Path) -> None:
    graph = read(save_onnx(behind=[SOFTMAX])).graph
    ov.save_model(graph, tmp_path / "net.xml", compress_to_fp16=True)
    bundle = imported(read(tmp_path / "net.xml"), tmp_path / "b")
    np.testing.assert_allclose(ask(bundle, photos()).sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "data", "says", "hint"),
    [
        ("net.onnx", b"", "is empty", ""),
        ("net.onnx", b"hello", "is damaged, or no ONNX file", ""),
        ("net.xml", b"<net>", "not XML", "openvino.save_model"),
        ("net.pt", b"", "no model that can be imported", "torch.onnx.export"),
        ("net.joblib", b"", "no model that can be imported", "ONNX"),
        ("net.tflite", b"", "no model that can be imported", "ONNX"),
        ("net.txt", b"", "no model that can be imported", ".onnx"),
        ("net.keras", b"", "can hold Python code", "--trust-model"),
        ("net.h5", b"", "can hold Python code", "--trust-model"),
    ],
)
def test_a_file_that_is_no_model_says_what_to_do(tmp_path: Path, name: str, data: bytes, says: str, hint: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(BundleError) as caught:
        read(tmp_path / name)
    assert says in caught.value.message
    assert hint in (caught.value.hint or "")


def test_directories_that_are_no_models_say_so(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no such model"):
        read(tmp_path / "none")
    with pytest.raises(BundleError, match="can be imported") as caught:
        read(tmp_path)
    assert "SavedModel" in (caught.value.hint or "")
    (tmp_path / "saved_model.pb").write_bytes(b"")
    with pytest.raises(BundleError, match="is a program"):
        read(tmp_path)


def test_operations_that_openvino_lacks_are_named(tmp_path: Path) -> None:
    node = helper.make_node(
        "LinearClassifier", ["x"], ["label", "p"], domain="ai.onnx.ml", coefficients=[0.1] * 6, intercepts=[0.0, 0.0]
    )
    outputs = [
        helper.make_tensor_value_info("label", TensorProto.INT64, ["N"]),
        helper.make_tensor_value_info("p", TensorProto.FLOAT, ["N", 2]),
    ]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3])]
    with pytest.raises(BundleError, match=r"OpenVINO has no ai\.onnx\.ml\.LinearClassifier") as caught:
        read(write(helper.make_graph([node], "sklearn", inputs, outputs), tmp_path / "s.onnx"))
    assert "skl2onnx" in (caught.value.hint or "")


def test_operations_beside_the_way_to_the_probabilities_do_not_matter(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("Softmax", ["mean"], ["probabilities"], axis=1),
        helper.make_node("ArgMax", ["mean"], ["number"], axis=1, keepdims=0),
        helper.make_node("ArrayFeatureExtractor", ["names", "number"], ["label"], domain="ai.onnx.ml"),
    ]
    outputs = [
        helper.make_tensor_value_info("label", TensorProto.INT64, None),
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 3]),
    ]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, *SIZE])]
    names = numpy_helper.from_array(np.arange(3, dtype=np.int64), "names")
    file = write(helper.make_graph(nodes, "sklearn", inputs, outputs, [names]), tmp_path / "s.onnx")
    assert ask(imported(read(file), tmp_path / "b"), photos()).shape == (5, 3)
    with pytest.raises(BundleError, match="ArrayFeatureExtractor"):
        read(file, output="label")


def test_two_inputs_are_refused(tmp_path: Path) -> None:
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 3]) for name in "ab"]
    outputs = [helper.make_tensor_value_info("c", TensorProto.FLOAT, ["N", 3])]
    graph = helper.make_graph([helper.make_node("Add", ["a", "b"], ["c"])], "sum", inputs, outputs)
    with pytest.raises(BundleError, match=r"takes 2 inputs \(a, b\)"):
        read(write(graph, tmp_path / "two.onnx"))


# -------------------------------------------------------------------------------------------------------------- Keras


def test_keras_files_are_loaded_when_trusted(tmp_path: Path) -> None:
    import keras

    model = keras.Sequential([keras.Input((*SIZE, 3)), keras.layers.GlobalAveragePooling2D(), keras.layers.Softmax()])
    model.save(tmp_path / "net.keras")
    model.export(tmp_path / "saved", verbose=False)
    for name in ("net.keras", "saved"):
        bundle = imported(read(tmp_path / name, trusted=True), tmp_path / "b" / name)
        expected = softmax(photos().mean(axis=(1, 2)) / 255)
        np.testing.assert_allclose(ask(bundle, photos()), expected, atol=1e-5)
    (tmp_path / "broken.keras").write_bytes(b"PK")
    with pytest.raises(BundleError, match="Keras cannot load it"):
        read(tmp_path / "broken.keras", trusted=True)


def test_an_old_keras_file_says_in_one_line_what_is_wrong_with_it(tmp_path: Path) -> None:
    import h5py

    layer = {
        "class_name": "DepthwiseConv2D",
        "config": {"name": "d", "kernel_size": [3, 3], "groups": 1},
    }
    with h5py.File(tmp_path / "old.h5", "w") as file:
        config = {"class_name": "Sequential", "config": {"name": "s", "layers": [layer]}}
        file.attrs["model_config"] = json.dumps(config)
        file.attrs["keras_version"] = "2.4.0"
    with pytest.raises(BundleError, match="Keras cannot load it: ") as caught:
        read(tmp_path / "old.h5", trusted=True)
    assert "\n" not in caught.value.message
    assert "groups" in caught.value.message
    assert len(caught.value.message) < 400 + len(str(tmp_path))
    assert "Keras 2.4.0 wrote it" in (caught.value.hint or "")


def test_a_file_of_weights_alone_says_that_it_is_one(tmp_path: Path) -> None:
    import h5py

    with h5py.File(tmp_path / "net.weights.h5", "w") as file:
        file["layers"] = np.zeros(3)
    with pytest.raises(BundleError, match="cannot load it: No model config") as caught:
        read(tmp_path / "net.weights.h5", trusted=True)
    assert "--weights FILE" in (caught.value.hint or "")


def of_one_layer(outputs: list[Any]) -> Any:
    from keras import ops

    return ops.unstack(ops.stack(outputs), len(outputs))


@pytest.mark.parametrize(
    ("form", "wanted", "listed"),
    [
        (list, "second", "first, second"),
        (lambda outputs: dict(zip("ba", outputs, strict=True)), "a", "a, b"),
        (of_one_layer, "output_1", "output_0, output_1"),
    ],
    ids=["a list", "a dictionary", "two of one layer"],
)
def test_outputs_of_a_keras_model_are_chosen_by_name(
    form: Callable[[list[Any]], Any], wanted: str, listed: str, tmp_path: Path
) -> None:
    import keras

    pixels = keras.Input((*SIZE, 3))
    means = keras.layers.GlobalAveragePooling2D()(pixels)
    outputs = [keras.layers.Rescaling(2, name="first")(means), keras.layers.Softmax(name="second")(means)]
    keras.Model(pixels, form(outputs)).save(tmp_path / "net.keras")
    with pytest.raises(BundleError, match=f"gives 2 outputs: {listed}"):
        read(tmp_path / "net.keras", trusted=True)
    bundle = imported(read(tmp_path / "net.keras", trusted=True, output=wanted), tmp_path / "bundle")
    np.testing.assert_allclose(ask(bundle, photos()), softmax(photos().mean(axis=(1, 2)) / 255), atol=1e-5)


def test_keras_applications_know_their_scaling(tmp_path: Path) -> None:
    model = read_keras_application("mobilenet", "none", classes=3, size=(32, 32))
    assert model.scaling == "-1..1"
    bundle = imported(model, tmp_path / "b", scaling=None)
    assert bundle.manifest.image.size == (32, 32)
    assert "applications.MobileNet " in bundle.manifest.created_with["imported_from"]


@pytest.mark.parametrize(
    ("name", "weights", "kind", "says"),
    [
        ("MobileNetV9", "none", BundleError, "did you mean 'MobileNetV"),
        ("Xyz", "none", BundleError, "there are: ConvNeXtBase"),
        ("MobileNetV2", "absent.h5", WeightsError, "no such weights file"),
        ("MobileNetV2", "imagenet", WeightsError, "have 1,000 classes, but there are 3 labels"),
    ],
)
def test_a_keras_application_that_cannot_be_made_says_why(
    name: str, weights: str, kind: type[FashionBatchError], says: str
) -> None:
    with pytest.raises(kind) as caught:
        read_keras_application(name, weights, classes=3, size=(32, 32))
    assert says in str(caught.value)


def test_weights_in_the_data_directory_come_before_the_network(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "mobilenetv2_imagenet.weights.h5").write_bytes(b"not weights")
    with pytest.raises(WeightsError, match="cannot be built"):
        read_keras_application("MobileNetV2", "imagenet", classes=1000, size=None, data_directory=tmp_path)
