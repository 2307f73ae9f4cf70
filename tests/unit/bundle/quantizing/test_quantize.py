"""A float32 graph becomes one of 8 bits, in a process of its own that tells nobody."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from numpy.typing import NDArray
from openvino import opset13 as ops

from fashionbatch.bundle.quantizing import quantize, worker
from fashionbatch.bundle.quantizing.quantize import quantize_graph
from fashionbatch.bundle.quantizing.ways import WAYS, Way
from fashionbatch.errors import BundleError, RuntimeUnavailableError, ScratchError

SHAPE = (12, 12, 3)
FAST, FULL, MORE, ENDS, SMOOTH, RESTORE = WAYS


@pytest.fixture(scope="module")
def images() -> NDArray[np.uint8]:
    return np.random.default_rng(3).integers(0, 256, (16, *SHAPE), dtype=np.uint8)


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two convolutions, their mean and a dense layer."""
    random = np.random.default_rng(4)

    def weights(*shape: int) -> Any:
        return ops.constant(random.normal(0, 0.3, shape).astype(np.float32))

    pixels = ops.parameter([-1, *SHAPE], ov.Type.u8, name="pixels")
    x = ops.transpose(ops.multiply(ops.convert(pixels, "f32"), np.float32(1 / 255)), ops.constant([0, 3, 1, 2]))
    for channels in (3, 8):
        kernel = weights(8, channels, 3, 3)
        x = ops.relu(ops.add(ops.convolution(x, kernel, [1, 1], [0, 0], [0, 0], [1, 1]), weights(1, 8, 1, 1)))
    mean = ops.reduce_mean(x, ops.constant([2, 3]), keep_dims=False)
    return saved(
        ov.Model([ops.softmax(ops.matmul(mean, weights(8, 4), False, False), 1)], [pixels], "cnn"), tmp_path_factory
    )


def saved(model: ov.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("float32") / "model.xml"
    ov.save_model(model, file, compress_to_fp16=False)
    return file


def kinds(file: Path) -> list[str]:
    return [operation.get_type_name() for operation in ov.Core().read_model(file).get_ordered_ops()]


@pytest.fixture(scope="module")
def quantized(graph: Path, images: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = quantize_graph(graph, images, tmp_path_factory.mktemp("int8"), FAST)
    assert found is not None
    assert found.images == len(images)
    assert set(found.versions) == {"nncf", "openvino"}
    return found.graph


def test_the_same_images_and_way_give_the_same_files(
    graph: Path, images: NDArray[np.uint8], quantized: Path, tmp_path: Path
) -> None:
    again = quantize_graph(graph, images, tmp_path, FAST)
    assert again is not None
    for one, other in ((quantized, again.graph), (quantized.with_suffix(".bin"), again.graph.with_suffix(".bin"))):
        assert one.read_bytes() == other.read_bytes()


def test_convolutions_read_8_bits_and_answers_stay_near(
    graph: Path, images: NDArray[np.uint8], quantized: Path
) -> None:
    assert "FakeQuantize" in kinds(quantized)
    assert quantized.name == "model.int8.xml"
    options = {"INFERENCE_PRECISION_HINT": "f32"}
    exact, rough = (ov.Core().compile_model(file, "CPU", options)(images)[0] for file in (graph, quantized))
    np.testing.assert_allclose(rough, exact, atol=0.05)
    assert not np.array_equal(rough, exact)


def test_weights_use_7_bits_so_that_no_cpu_saturates(quantized: Path) -> None:
    constants = [
        operation.get_data()
        for operation in ov.Core().read_model(quantized).get_ordered_ops()
        if operation.get_type_name() == "Constant" and operation.get_element_type() == ov.Type.i8
    ]
    assert len(constants) == 3
    assert max(int(np.abs(values.astype(np.int32)).max()) for values in constants) <= 64


def test_it_tells_how_many_images_it_has_looked_at(graph: Path, images: NDArray[np.uint8], tmp_path: Path) -> None:
    told: list[int] = []
    found = quantize_graph(graph, images, tmp_path, ENDS, progress=told.append)
    assert found is not None
    assert told[-1] >= len(images)
    assert kinds(found.graph).count("FakeQuantize") < 4  # the layers at the ends stay as they are


def test_a_way_for_networks_of_matrices_is_none_for_convolutions(
    graph: Path, images: NDArray[np.uint8], tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert quantize_graph(graph, images, tmp_path, SMOOTH) is None
    random = np.random.default_rng(5)
    pixels = ops.parameter([-1, *SHAPE], ov.Type.u8, name="pixels")
    x = ops.reshape(ops.convert(pixels, "f32"), ops.constant([-1, int(np.prod(SHAPE))]), False)
    for inputs, outputs in ((int(np.prod(SHAPE)), 8), (8, 4)):
        kernel = ops.constant(random.normal(0, 0.01, (inputs, outputs)).astype(np.float32))
        x = ops.relu(ops.matmul(x, kernel, False, False))
    dense = saved(ov.Model([ops.softmax(x, 1)], [pixels], "dense"), tmp_path_factory)
    found = quantize_graph(dense, images, tmp_path, SMOOTH)
    assert found is not None
    assert "FakeQuantize" in kinds(found.graph)


@pytest.mark.parametrize("thresholds", [None, [0.2, 0.3, 0.3, 0.2]])
def test_layers_are_put_back_until_labels_are_kept(
    graph: Path, images: NDArray[np.uint8], tmp_path: Path, thresholds: list[float] | None
) -> None:
    found = quantize_graph(graph, images, tmp_path, RESTORE, thresholds=thresholds)
    assert found is not None
    options = {"INFERENCE_PRECISION_HINT": "f32"}
    exact, rough = (ov.Core().compile_model(file, "CPU", options)(images)[0] for file in (graph, found.graph))
    if thresholds is None:
        assert (exact.argmax(axis=1) == rough.argmax(axis=1)).all()
    else:
        limits = np.array(thresholds, np.float32)
        assert ((exact >= limits) == (rough >= limits)).all()


def test_nothing_is_sent_nor_tried_and_no_other_framework_is_imported(
    run_python: Callable[[str], str], graph: Path, images: NDArray[np.uint8], tmp_path: Path
) -> None:
    np.save(tmp_path / "images.npy", images)
    question = {
        "graph": str(graph),
        "images": str(tmp_path / "images.npy"),
        "output": str(tmp_path / "model.int8.xml"),
        "way": {"name": "full", "summary": "", "full_bias_correction": True},
        "thresholds": None,
    }
    said = run_python(
        "import json, sys\n"
        "seen, wanted = [], ('socket.', 'os.fork', 'os.posix_spawn', 'subprocess.', 'urllib.', 'http.client')\n"
        "def hook(event, arguments):\n"
        "    if event.startswith(wanted) and event not in ('socket.__new__', 'os.fork_exec'):\n"
        "        seen.append(event)\n"
        "        raise OSError('the network is cut')\n"
        "sys.addaudithook(hook)\n"
        "from fashionbatch.bundle.quantizing.worker import _answer\n"
        f"answer = _answer(json.loads({json.dumps(json.dumps(question))}), lambda done: None)\n"
        "frameworks = {'torch', 'tensorflow', 'keras', 'pandas'} & sys.modules.keys()\n"
        "telemetry = [name for name in sys.modules if name.startswith('openvino_telemetry.')]\n"
        "print(json.dumps([answer['applies'], seen, sorted(frameworks), telemetry]))\n"
    )
    assert json.loads(said.splitlines()[-1]) == [True, [], [], []]


def test_what_takes_too_long_is_ended(graph: Path, images: NDArray[np.uint8], tmp_path: Path) -> None:
    with pytest.raises(TimeoutError):
        quantize_graph(graph, images, tmp_path, FAST, time_limit_s=0.01)
    assert list(tmp_path.iterdir()) == []


def test_a_graph_that_cannot_be_quantized_is_one_clear_error(images: NDArray[np.uint8], tmp_path: Path) -> None:
    damaged = tmp_path / "model.xml"
    damaged.write_text("<net", encoding="utf-8")
    with pytest.raises(BundleError, match=r"model\.xml: cannot be quantized"):
        quantize_graph(damaged, images, tmp_path, FAST)


def test_an_nncf_that_cannot_be_imported_is_one_clear_error(
    monkeypatch: pytest.MonkeyPatch, graph: Path, tmp_path: Path
) -> None:
    def fail() -> None:
        raise ImportError("numpy is too new")

    monkeypatch.setattr(worker, "import_nncf", fail)
    question = {"graph": str(graph), "images": "", "output": str(tmp_path / "model.int8.xml"), "thresholds": None}
    with pytest.raises(BundleError, match="cannot be quantized: numpy is too new"):
        worker._answer({**question, "way": {"name": "fast", "summary": ""}}, lambda done: None)


def test_a_full_disk_under_temporary_files_is_one_clear_error(
    graph: Path, images: NDArray[np.uint8], tmp_path: Path
) -> None:
    no_directory = tmp_path / "file"
    no_directory.touch()
    with pytest.raises(ScratchError, match=r"temporary files cannot be written into .*\.tmp: ") as raised:
        quantize_graph(graph, images, no_directory, FAST)
    assert "TMPDIR" in str(raised.value.hint)


def test_without_nncf_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, graph: Path, images: NDArray[np.uint8], tmp_path: Path
) -> None:
    monkeypatch.setattr(quantize, "is_available", lambda: False)
    with pytest.raises(RuntimeUnavailableError, match="needs NNCF") as raised:
        quantize_graph(graph, images, tmp_path, FAST)
    assert raised.value.hint == "pip install 'fashionbatch[int8]'"


def test_ways_have_names_of_their_own() -> None:
    assert len({way.name for way in WAYS}) == len(WAYS)
    assert WAYS[0] == Way("fast", "fast bias correction")


def test_a_full_temporary_folder_is_told_with_its_place(
    graph: Path, images: NDArray[np.uint8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError("27648 requested and 3968 written")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(ScratchError, match=r"temporary files cannot be written into .*: 27648 requested") as raised:
        quantize_graph(graph, images, tmp_path, FAST)
    assert raised.value.hint is not None
    assert "TMPDIR" in raised.value.hint
