"""The default runtime: right numbers, and the same bits whatever happens around a batch."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from numpy.typing import NDArray
from openvino import opset13 as ops

from fashionbatch.errors import BundleError, RuntimeUnavailableError
from fashionbatch.specs import FeatureTensor, RuntimeRequest
from fashionbatch.testing.bundles import make_tiny_bundle, tiny_probabilities
from fashionbatch_plugins import runtimes
from fashionbatch_plugins.runtimes import OpenVinoRuntime, openvino_precisions

SHAPE = (16, 14, 3)
OUTPUTS = 7


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small convolutional network with random weights, so that every pixel counts."""
    random = np.random.default_rng(3)

    def weights(*shape: int) -> Any:
        return ops.constant(random.normal(0, shape[1] ** -0.5, shape).astype(np.float32))

    pixels = ops.parameter([-1, *SHAPE], ov.Type.u8, name="pixels")
    x = ops.transpose(ops.multiply(ops.convert(pixels, "f32"), np.float32(1 / 255)), ops.constant([0, 3, 1, 2]))
    for channels, into in ((3, 16), (16, 32)):
        kernel = weights(into, channels, 3, 3)
        x = ops.relu(ops.convolution(x, kernel, [1, 1], [1, 1], [1, 1], [1, 1]))
    x = ops.reshape(x, ops.constant([0, -1]), special_zero=True)
    x = ops.matmul(x, weights(32 * SHAPE[0] * SHAPE[1], OUTPUTS), False, False)
    file = tmp_path_factory.mktemp("graph") / "model.xml"
    ov.save_model(ov.Model([ops.softmax(x, 1)], [pixels], "small"), file, compress_to_fp16=False)
    return file


def no_keras_model() -> Any:
    raise AssertionError("OpenVINO needs no Keras model")


def request(graph: Path, **changes: Any) -> RuntimeRequest:
    fields: dict[str, Any] = {
        "graph": graph,
        "batch_size": 4,
        "input_shape": SHAPE,
        "outputs": OUTPUTS,
        "precision": "float32",
        "device": "cpu",
        "streams": 2,
        "keras_model": no_keras_model,
    }
    return RuntimeRequest(**{**fields, **changes})


@pytest.fixture
def runtime(graph: Path) -> Iterator[OpenVinoRuntime]:
    opened = OpenVinoRuntime(request(graph))
    yield opened
    opened.close()


def batches(count: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, 4, *SHAPE), dtype=np.uint8)


def run(runtime: OpenVinoRuntime, given: Any) -> list[NDArray[np.float32]]:
    done: dict[int, NDArray[np.float32]] = {}
    for key, batch in enumerate(given):
        runtime.submit(key, batch)
    while len(done) < len(given):
        done.update(runtime.collect(wait=True))
    return [done[key] for key in range(len(given))]


def test_it_gives_the_networks_numbers(tmp_path: Path) -> None:
    path = make_tiny_bundle(tmp_path / "b", size=SHAPE[:2])
    opened = OpenVinoRuntime(request(path / "model.xml", outputs=3))
    given = batches(3)
    for batch, found in zip(given, run(opened, given), strict=True):
        np.testing.assert_allclose(found, tiny_probabilities(batch, 3, "one_of_many"), atol=1e-5)
    opened.close()


def test_an_image_has_the_same_bits_in_every_place_order_and_company(graph: Path, runtime: OpenVinoRuntime) -> None:
    given = batches(20)
    expected = np.concatenate(run(runtime, given))
    shuffle = np.random.default_rng(1).permutation(80)
    shuffled = given.reshape(80, *SHAPE)[shuffle].reshape(given.shape)
    np.testing.assert_array_equal(np.concatenate(run(runtime, shuffled)), expected[shuffle])
    for streams in (1, 3):
        other = OpenVinoRuntime(request(graph, streams=streams))
        np.testing.assert_array_equal(np.concatenate(run(other, given)), expected)
        other.close()


def test_where_a_batch_lies_in_memory_does_not_matter(runtime: OpenVinoRuntime) -> None:
    [batch] = batches(1)
    [expected] = run(runtime, [batch])
    buffer = np.empty(batch.nbytes + 64, np.uint8)
    for offset in (0, 1, 17, 63):
        view = buffer[offset : offset + batch.nbytes].reshape(batch.shape)
        view[...] = batch
        np.testing.assert_array_equal(run(runtime, [view])[0], expected)
    backwards = np.ascontiguousarray(batch[..., ::-1])[..., ::-1]
    np.testing.assert_array_equal(run(runtime, [backwards])[0], expected)
    read_only = batch.copy()
    read_only.flags.writeable = False
    np.testing.assert_array_equal(run(runtime, [read_only])[0], expected)


def test_results_are_copies(runtime: OpenVinoRuntime) -> None:
    [first] = run(runtime, batches(1, seed=1))
    kept = first.copy()
    run(runtime, batches(10, seed=2))
    np.testing.assert_array_equal(first, kept)


def test_collecting_waits_only_when_told_and_only_for_what_is_due(runtime: OpenVinoRuntime) -> None:
    assert runtime.collect(wait=False) == []
    assert runtime.collect(wait=True) == []
    runtime.submit(5, batches(1)[0])
    [(key, found)] = runtime.collect(wait=True)
    assert key == 5
    assert found.shape == (4, OUTPUTS)
    assert found.dtype == np.float32
    assert runtime.collect(wait=True) == []


def test_more_batches_than_slots_may_be_submitted_before_collecting(runtime: OpenVinoRuntime) -> None:
    count = 3 * runtime.slots
    for key, batch in enumerate(batches(count)):
        runtime.submit(key, batch)
    done: list[int] = []
    while len(done) < count:
        done += [key for key, _ in runtime.collect(wait=True)]
    assert sorted(done) == list(range(count))


def test_closing_with_work_under_way_is_safe(graph: Path) -> None:
    opened = OpenVinoRuntime(request(graph))
    for key, batch in enumerate(batches(opened.slots)):
        opened.submit(key, batch)
    opened.close()
    opened.close()


@pytest.mark.parametrize(
    "batch",
    [np.zeros((3, *SHAPE), np.uint8), np.zeros((4, 14, 16, 3), np.uint8), np.zeros((4, *SHAPE), np.float32)],
)
def test_a_batch_of_another_form_is_a_mistake_of_the_caller(runtime: OpenVinoRuntime, batch: Any) -> None:
    with pytest.raises(ValueError, match="expected a uint8 batch"):
        runtime.submit(0, batch)


def test_it_says_what_computes(runtime: OpenVinoRuntime) -> None:
    assert runtime.version.startswith("OpenVINO 20")
    assert runtime.slots >= 2


# -------------------------------------------------------------------------------------------------------- wrong graphs


def broken_graph(tmp_path: Path, text: str) -> Path:
    (tmp_path / "model.xml").write_text(text, encoding="utf-8")
    (tmp_path / "model.bin").write_bytes(b"")
    return tmp_path / "model.xml"


@pytest.mark.parametrize("text", ["", "<net>", "<net name='a' version='11'></net>", "<a/>"])
def test_what_is_no_graph_is_a_bundle_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(BundleError):
        OpenVinoRuntime(request(broken_graph(tmp_path, text)))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('<edge from-layer="0"', '<edge from-layer="99"'),
        ('shape="3, 3"', 'shape="1000000, 1000000"'),
        ('element_type="f32" shape="3, 3"', 'element_type="string" shape="3, 3"'),
        ('type="MatMul"', 'type="NoSuchOperation"'),
        ('axis="1"', 'axis="99"'),
    ],
)
def test_a_graph_that_contradicts_itself_is_a_bundle_error(tmp_path: Path, old: str, new: str) -> None:
    path = make_tiny_bundle(tmp_path / "b", size=SHAPE[:2])
    text = (path / "model.xml").read_text(encoding="utf-8")
    assert old in text
    (path / "model.xml").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(BundleError):
        OpenVinoRuntime(request(path / "model.xml", outputs=3))


@pytest.mark.parametrize(
    ("changes", "says"),
    [({"outputs": 3}, r"expected f32 \[4,3\]"), ({"input_shape": (14, 16, 3)}, r"expected u8 images \[14, 16, 3\]")],
)
def test_a_graph_with_other_ports_is_a_bundle_error(graph: Path, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(BundleError, match=says):
        OpenVinoRuntime(request(graph, **changes))


# ----------------------------------------------------------------------------------------------------- what there is


def test_float32_is_always_there_and_gpus_are_for_tensorflow() -> None:
    assert "float32" in openvino_precisions("cpu")
    assert openvino_precisions("gpu") == ()


@pytest.mark.parametrize(
    ("capabilities", "flags", "expected"),
    [
        (["FP32", "INT8"], "avx2", ("float32", "int8")),
        (
            ["FP32", "BF16"],
            "avx512f avx512_bf16",
            ("float32", "bfloat16", "int8"),
        ),  # faster on some CPUs, slower on others
        (["FP32", "BF16"], "avx512f amx_bf16 amx_tile", ("bfloat16", "float32", "int8")),
        (["FP32", "INT8"], "avx2 avx_vnni", ("int8", "float32")),
        (["FP32", "BF16"], "avx512f avx512_vnni avx512_bf16", ("int8", "float32", "bfloat16")),
        (["FP32", "BF16"], "avx512f avx512_vnni amx_bf16 amx_int8", ("int8", "bfloat16", "float32")),
        (["FP32", "BF16"], "avx512f avx512bw", ("float32", "bfloat16", "int8")),  # imitated, and slower
    ],
)
def test_what_the_cpu_has_instructions_for_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capabilities: list[str], flags: str, expected: tuple[str, ...]
) -> None:
    (tmp_path / "cpuinfo").write_text(f"flags\t\t: fpu {flags} sse2\n", encoding="ascii")
    monkeypatch.setattr(runtimes, "_openvino_capabilities", lambda: capabilities)
    monkeypatch.setattr(runtimes, "_CPUINFO", tmp_path / "cpuinfo")
    assert openvino_precisions("cpu") == expected


def test_on_a_system_that_does_not_list_its_cpu_float32_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtimes, "_openvino_capabilities", lambda: ["BF16"])
    monkeypatch.setattr(runtimes, "_CPUINFO", tmp_path / "absent")
    assert openvino_precisions("cpu") == ("float32", "bfloat16", "int8")


def test_bfloat16_on_a_cpu_without_it_is_a_clear_error(graph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtimes, "_openvino_capabilities", lambda: ["FP32"])
    with pytest.raises(RuntimeUnavailableError, match="does not compute bfloat16 on this machine's cpu"):
        OpenVinoRuntime(request(graph, precision="bfloat16"))


# ------------------------------------------------------------------------------------------------------------- int8


@pytest.fixture(scope="module")
def quantized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that says itself that its convolution multiplies numbers of 8 bits."""
    random = np.random.default_rng(6)
    pixels = ops.parameter([-1, *SHAPE], ov.Type.u8, name="pixels")
    x = ops.transpose(ops.multiply(ops.convert(pixels, "f32"), np.float32(1 / 255)), ops.constant([0, 3, 1, 2]))
    low, high = (ops.constant(np.float32(value)) for value in (0, 1))
    x = ops.fake_quantize(x, low, high, low, high, 256)
    kernel = ops.constant(random.integers(-64, 64, (32, 3, 3, 3)).astype(np.int8))
    kernel = ops.multiply(ops.convert(kernel, "f32"), np.float32(0.01))
    x = ops.relu(ops.convolution(x, kernel, [1, 1], [1, 1], [1, 1], [1, 1], name="convolution"))
    features = ops.reduce_mean(x, ops.constant([2, 3]), keep_dims=False, name="mean")
    weights = ops.constant(random.normal(0, 1, (32, OUTPUTS)).astype(np.float32))
    file = tmp_path_factory.mktemp("quantized") / "model.int8.xml"
    model = ov.Model([ops.softmax(ops.matmul(features, weights, False, False), 1)], [pixels], "quantized")
    ov.save_model(model, file, compress_to_fp16=False)
    return file


def test_an_int8_graph_is_computed_in_8_bits(quantized: Path) -> None:
    opened = OpenVinoRuntime(request(quantized, precision="int8"))
    layers = {
        operation.get_friendly_name(): operation.get_rt_info()
        for operation in opened._compiled.get_runtime_model().get_ops()
    }
    opened.close()
    kinds = {str(info["runtimePrecision"].astype(str)) for name, info in layers.items() if "convolution" in name}
    assert kinds
    assert kinds <= {"u8", "i8", "U8", "I8"}


def test_int8_gives_an_image_the_same_bits_in_every_batch(quantized: Path) -> None:
    given = batches(6)
    opened = OpenVinoRuntime(request(quantized, precision="int8"))
    first = np.concatenate(run(opened, given))
    turned = np.concatenate(run(opened, np.ascontiguousarray(given[:, ::-1])))
    opened.close()
    alone = OpenVinoRuntime(request(quantized, precision="int8", batch_size=1, streams=1))
    single = np.concatenate(run(alone, given.reshape(-1, 1, *SHAPE)))
    alone.close()
    np.testing.assert_array_equal(first, turned.reshape(6, 4, OUTPUTS)[:, ::-1].reshape(24, OUTPUTS))
    np.testing.assert_array_equal(first, single)


# ---------------------------------------------------------------------------------------------------------- features


@pytest.fixture(scope="module")
def pooled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network as photos are labeled by: convolutions, their mean, one dense layer that reads `features`."""
    random = np.random.default_rng(5)
    pixels = ops.parameter([-1, *SHAPE], ov.Type.u8, name="pixels")
    x = ops.transpose(ops.multiply(ops.convert(pixels, "f32"), np.float32(1 / 255)), ops.constant([0, 3, 1, 2]))
    kernel = ops.constant(random.normal(0, 0.3, (32, 3, 3, 3)).astype(np.float32))
    x = ops.relu(ops.convolution(x, kernel, [1, 1], [1, 1], [1, 1], [1, 1]))
    features = ops.reduce_mean(x, ops.constant([2, 3]), keep_dims=False, name="mean")
    weights = ops.constant(random.normal(0, 1, (32, OUTPUTS)).astype(np.float32))
    file = tmp_path_factory.mktemp("pooled") / "model.xml"
    model = ov.Model([ops.softmax(ops.matmul(features, weights, False, False), 1)], [pixels], "pooled")
    ov.save_model(model, file, compress_to_fp16=False)
    return file


@pytest.mark.skipif("bfloat16" not in openvino_precisions("cpu"), reason="this CPU has no bfloat16")
def test_bfloat16_is_near_float32_and_as_repeatable(pooled: Path) -> None:
    given = batches(6)
    fine, rough = (OpenVinoRuntime(request(pooled, precision=precision)) for precision in ("float32", "bfloat16"))
    exact, first, second = (np.concatenate(run(runtime, given)) for runtime in (fine, rough, rough))
    fine.close()
    rough.close()
    np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(first, exact, atol=0.05)


@pytest.mark.parametrize("precision", openvino_precisions("cpu"))
def test_features_follow_probabilities_that_stay_the_same_bits(pooled: Path, precision: str) -> None:
    given = batches(6)
    wanted = FeatureTensor(operation="mean", port=0, size=32)
    plain = OpenVinoRuntime(request(pooled, precision=precision))
    opened = OpenVinoRuntime(request(pooled, precision=precision, features=wanted))
    for without, beside in zip(run(plain, given), run(opened, given), strict=True):
        assert beside.shape == (4, OUTPUTS + 32)
        assert beside.dtype == np.float32
        np.testing.assert_array_equal(beside[:, :OUTPUTS], without)
    plain.close()
    opened.close()


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-5), ("bfloat16", 2e-2)])
def test_features_are_the_tensors_numbers(pooled: Path, precision: str, tolerance: float) -> None:
    if precision not in openvino_precisions("cpu"):
        pytest.skip(f"no {precision} on this CPU")
    graph = ov.Core().read_model(pooled)
    [mean] = [operation for operation in graph.get_ops() if operation.get_friendly_name() == "mean"]
    graph.add_outputs(mean.output(0))
    reference = ov.Core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    [batch] = batches(1)
    opened = OpenVinoRuntime(
        request(pooled, precision=precision, features=FeatureTensor(operation="mean", port=0, size=32))
    )
    [found] = run(opened, [batch])
    np.testing.assert_allclose(found[:, OUTPUTS:], reference(batch)[1], atol=tolerance)
    opened.close()


@pytest.mark.parametrize(("operation", "size"), [("nowhere", 32), ("mean", 31)])
def test_features_that_the_graph_does_not_have_are_told(pooled: Path, operation: str, size: int) -> None:
    with pytest.raises(BundleError, match=operation):
        OpenVinoRuntime(request(pooled, features=FeatureTensor(operation=operation, port=0, size=size)))


def test_features_that_int8_does_not_have_point_at_float32(quantized: Path) -> None:
    wanted = FeatureTensor(operation="nowhere", port=0, size=32)
    with pytest.raises(BundleError, match="has no tensor 'nowhere' to take features from") as raised:
        OpenVinoRuntime(request(quantized, precision="int8", features=wanted))
    assert raised.value.hint is not None
    assert raised.value.hint.startswith("`--precision float32`")


def test_features_of_an_int8_graph_follow_probabilities_that_stay_the_same_bits(quantized: Path) -> None:
    given, wanted = batches(6), FeatureTensor(operation="mean", port=0, size=32)
    plain = OpenVinoRuntime(request(quantized, precision="int8"))
    opened = OpenVinoRuntime(request(quantized, precision="int8", features=wanted))
    for without, beside in zip(run(plain, given), run(opened, given), strict=True):
        np.testing.assert_array_equal(beside[:, :OUTPUTS], without)
        assert np.abs(beside[:, OUTPUTS:]).max() > 0
    plain.close()
    opened.close()


def test_a_signal_does_no_harm_after_networks_that_ended_in_another_order_than_they_began(graph: Path) -> None:
    program = """
import signal, sys
from pathlib import Path
from fashionbatch.specs import RuntimeRequest
from fashionbatch_plugins.runtimes import OpenVinoRuntime

graph, shape, outputs = Path(sys.argv[1]), tuple(map(int, sys.argv[2].split(","))), int(sys.argv[3])
request = RuntimeRequest(
    graph=graph, batch_size=4, input_shape=shape, outputs=outputs, precision="float32", device="cpu", streams=2,
    keras_model=None,
)
opened = [OpenVinoRuntime(request) for _ in range(3)]
for number in (0, 2, 1):
    opened[number].close()
    opened[number] = None
signal.signal(signal.SIGINT, lambda *_: print("told"))
signal.raise_signal(signal.SIGINT)
"""
    arguments = [str(graph), ",".join(map(str, SHAPE)), str(OUTPUTS)]
    done = subprocess.run([sys.executable, "-c", program, *arguments], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "told\n"), done.stderr
