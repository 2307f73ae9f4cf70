"""Built-in runtimes: OpenVINO for CPUs, TensorFlow as the reference and for GPUs."""

from __future__ import annotations

import importlib.util
import math
import queue
import re
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fashionbatch.errors import BundleError, RuntimeUnavailableError
from fashionbatch.hookspecs import hookimpl
from fashionbatch.specs import FeatureTensor, Precision, RuntimeRequest, RuntimeSpec
from fashionbatch_plugins.signal_stack import kept_signal_stack

_PRECISION_HINTS: dict[Precision, str] = {"float32": "f32", "bfloat16": "bf16", "int8": "f32"}
"""What is computed where nothing else is written down. An int8 graph says itself which of its numbers have 8 bits."""
_CPUINFO = Path("/proc/cpuinfo")
_INT8_UNITS = frozenset({"avx_vnni", "avx512_vnni", "amx_int8"})


@hookimpl
def register_runtimes() -> Iterable[RuntimeSpec]:
    """OpenVINO and TensorFlow."""
    yield RuntimeSpec(
        name="openvino",
        summary="OpenVINO on the CPU: the default, several times faster than TensorFlow there.",
        precisions=openvino_precisions,
        open=OpenVinoRuntime,
        gives_features=True,
        version=openvino_version,
    )
    yield RuntimeSpec(
        name="tensorflow",
        summary="TensorFlow: the reference, and the way to a GPU. Needs the plugins that the network was made with.",
        precisions=tensorflow_precisions,
        open=TensorFlowRuntime,
    )


# ---------------------------------------------------------------------------------------------------------- OpenVINO


def openvino_precisions(device: str) -> tuple[Precision, ...]:
    """What OpenVINO computes on this machine's CPU; first what is the fastest as far as its instructions tell.

    int8 on every one: a graph of 8 bits needs no instructions of its own, but without them sums may saturate.
    """
    if device != "cpu":
        return ()
    flags, found = _cpu_flags(), list[Precision](["float32"])
    # Asked for bfloat16 on a CPU without it, OpenVINO raises a bare RuntimeError; so it is asked what there is.
    if "BF16" in _openvino_capabilities():
        # With avx512_bf16 alone one CPU is faster in it than in float32 and the next one slower; without that, too, it
        # is imitated.
        found.insert(0 if "amx_bf16" in flags else len(found), "bfloat16")
    found.insert(0 if flags & _INT8_UNITS else len(found), "int8")
    return tuple(found)


def openvino_version() -> str:
    """Name and version, as jobs record them."""
    with _without_converter():
        import openvino as ov

    return f"OpenVINO {ov.get_version()}"


def _openvino_capabilities() -> list[str]:
    with _without_converter():
        import openvino as ov

    return list(ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"))


@contextmanager
def _without_converter() -> Iterator[None]:
    """Import OpenVINO without its converter of models, which takes a third of the time and is of no use here.

    OpenVINO does without it where it is not installed; who converts imports it from `openvino.tools.ovc`.
    """
    converter = "openvino.tools.ovc"
    if "openvino" in sys.modules:
        yield
        return
    sys.modules[converter] = None  # type: ignore[assignment]  # "there is no such module"
    try:
        yield
    finally:
        del sys.modules[converter]


def _cpu_flags() -> frozenset[str]:
    """The instruction sets of the CPU as Linux calls them; empty where the system does not say."""
    try:
        text = _CPUINFO.read_text(encoding="ascii", errors="replace")
    except OSError:
        return frozenset()
    found = re.search(r"^(?:flags|Features)\s*:(.*)$", text, re.MULTILINE)
    return frozenset(found[1].split() if found else ())


@dataclass
class _Slot:
    """One infer request and the batch that it works on."""

    request: Any
    batch: NDArray[np.uint8] | None = None
    key: int = -1


class OpenVinoRuntime:
    """The bundle's graph, compiled for batches of one size.

    Results are the same bits for a batch whatever stands in the other batches, in which order they come and how many
    are under way: every size is static, each stream has one thread, and the precision is stated.
    """

    def __init__(self, request: RuntimeRequest) -> None:
        """Compile the graph.

        Raises:
            RuntimeUnavailableError: the device or the precision is not there, or the graph cannot be compiled.
            BundleError: the graph takes or gives something else than the request says.
        """
        if request.precision not in openvino_precisions(request.device):
            raise RuntimeUnavailableError(
                f"OpenVINO does not compute {request.precision} on this machine's {request.device}",
                hint="`--precision float32` runs on every CPU",
            )

        self._shape = (request.batch_size, *request.input_shape)
        self.version = openvino_version()
        # One request more for each stream than runs, so that a stream never waits for Python to fill the next.
        self.slots = 2 * request.streams
        compiled = _compile(request, self._shape)
        self._compiled: Any = compiled
        self._gives_features = request.features is not None
        self._finished: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._requests = [_Slot(compiled.create_infer_request()) for _ in range(self.slots)]
        self._free = deque(range(self.slots))
        for number, slot in enumerate(self._requests):
            slot.request.set_callback(self._finished.put, number)
        self._collected: list[tuple[int, NDArray[np.float32]]] = []

    def submit(self, key: int, batch: NDArray[np.uint8]) -> None:
        """Start on a batch, uint8 `(batch_size, height, width, channels)`; waits while every slot is busy."""
        import openvino as ov

        if batch.shape != self._shape or batch.dtype != np.uint8:
            raise ValueError(f"expected a uint8 batch {self._shape}, got {batch.dtype} {batch.shape}")
        while not self._free:
            self._take(self._finished.get())
        # Shared with OpenVINO, not copied; except where it cannot be: arrays with gaps, or read-only (memory maps).
        shared = np.require(batch, requirements=["C_CONTIGUOUS", "WRITEABLE"])
        slot = self._requests[self._free.popleft()]
        slot.key, slot.batch = key, shared
        slot.request.set_input_tensor(ov.Tensor(shared, shared_memory=True))
        slot.request.start_async()

    def collect(self, *, wait: bool) -> list[tuple[int, NDArray[np.float32]]]:
        """Finished batches as (key, float32 `(batch_size, outputs)`), wider by the features where those are wanted."""
        if wait and not self._collected and len(self._free) < self.slots:
            self._take(self._finished.get())
        with suppress(queue.Empty):
            while True:
                self._take(self._finished.get_nowait())
        collected, self._collected = self._collected, []
        return collected

    def close(self) -> None:
        """Wait for what is under way, then give back memory and threads."""
        for slot in self._requests:
            with suppress(RuntimeError):
                slot.request.wait()
        self._requests.clear()
        self._compiled = None

    def _take(self, number: int) -> None:
        slot = self._requests[number]
        self._free.append(number)
        slot.batch = None
        try:
            slot.request.wait()  # It has finished; this raises what went wrong in it.
        except RuntimeError as error:
            raise RuntimeUnavailableError(f"OpenVINO failed on a batch: {_first_line(error)}") from error
        # Copies: the next batch of this request overwrites the tensors.
        probabilities = slot.request.get_output_tensor(0).data
        if self._gives_features:
            rows = np.concatenate([probabilities, _features(slot.request.get_output_tensor(1))], axis=1)
        else:
            rows = probabilities.copy()
        self._collected.append((slot.key, rows))


def _compile(request: RuntimeRequest, shape: tuple[int, ...]) -> Any:
    import openvino as ov

    core = ov.Core()
    try:
        graph = core.read_model(request.graph)
    except RuntimeError as error:
        raise BundleError(f"{request.graph}: OpenVINO cannot read it: {_first_line(error)}") from error
    _require_one_input_and_output(graph, request)
    try:
        graph.reshape(list(shape))
    except RuntimeError as error:
        raise BundleError(f"{request.graph}: does not take a batch {shape}: {_first_line(error)}") from error
    output = graph.output(0)
    if output.element_type != ov.Type.f32 or output.partial_shape != ov.PartialShape([shape[0], request.outputs]):
        raise BundleError(
            f"{request.graph}: gives {output.element_type.get_type_name()} {output.partial_shape} for a batch {shape}; "
            f"expected f32 [{shape[0]},{request.outputs}]"
        )
    if request.features is not None:
        _add_features(graph, request, request.features)
    options = {
        "NUM_STREAMS": request.streams,
        "INFERENCE_NUM_THREADS": request.streams,
        "INFERENCE_PRECISION_HINT": _PRECISION_HINTS[request.precision],
        # Nothing is to be rounded to gain speed beyond what the graph says; bfloat16 is that already.
        "EXECUTION_MODE_HINT": "PERFORMANCE" if request.precision == "bfloat16" else "ACCURACY",
        # Pinned threads of two runs on one machine would share a core while another stands idle.
        "ENABLE_CPU_PINNING": False,
    }
    try:
        with kept_signal_stack():
            return core.compile_model(graph, "CPU", options)
    except RuntimeError as error:
        raise RuntimeUnavailableError(f"{request.graph}: OpenVINO cannot compile it: {_first_line(error)}") from error


def _add_features(graph: Any, request: RuntimeRequest, features: FeatureTensor) -> None:
    """Make the features a second output, so that the first stays the same bits.

    In bfloat16 OpenVINO computes all that stands between the last heavy operation and a float32 output in float32, and
    with a new output of that kind the probabilities would change too; not so where the output is bfloat16 itself.
    What remains is small dense layers in a row, which OpenVINO fuses in bfloat16: the output in between prevents it.
    """
    import openvino as ov
    from openvino import opset13 as ops

    found = [operation for operation in graph.get_ops() if operation.get_friendly_name() == features.operation]
    if len(found) != 1 or features.port >= found[0].get_output_size():
        raise BundleError(
            f"{request.graph}: has no tensor {features.operation!r} to take features from",
            # The bundle says where they stand in the float32 graph. Quantizing keeps names, but need not.
            hint="`--precision float32` takes them from the graph that it was made of"
            if request.precision == "int8"
            else None,
        )
    tensor = found[0].output(features.port)
    shape = tensor.partial_shape
    if (
        shape.is_dynamic
        or shape[0] != request.batch_size
        or math.prod(tensor.shape) != request.batch_size * features.size
    ):
        raise BundleError(
            f"{request.graph}: {features.operation!r} is {shape}; expected {features.size} features "
            f"for each of {request.batch_size} images"
        )
    kind = ov.Type.bf16 if request.precision == "bfloat16" else ov.Type.f32
    graph.add_outputs(ops.convert(tensor, kind.get_type_name()).output(0) if tensor.element_type != kind else tensor)


def _features(tensor: Any) -> NDArray[np.float32]:
    """An output of floats as float32. NumPy has no bfloat16: its 16 bits are the upper half of a float32."""
    values = tensor.data.reshape(len(tensor.data), -1)
    if values.dtype == np.float32:
        return values  # type: ignore[no-any-return]
    return (values.view(np.uint16).astype(np.uint32) << 16).view(np.float32)  # type: ignore[no-any-return]


def _require_one_input_and_output(graph: Any, request: RuntimeRequest) -> None:
    import openvino as ov

    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise BundleError(
            f"{request.graph}: has {len(graph.inputs)} inputs and {len(graph.outputs)} outputs; expected one of each"
        )
    pixels = graph.input(0)
    if pixels.element_type != ov.Type.u8 or not pixels.partial_shape.compatible(
        ov.PartialShape([-1, *request.input_shape])
    ):
        raise BundleError(
            f"{request.graph}: takes {pixels.element_type.get_type_name()} {pixels.partial_shape}; "
            f"expected u8 images {list(request.input_shape)}"
        )


# -------------------------------------------------------------------------------------------------------- TensorFlow


def tensorflow_precisions(device: str) -> tuple[Precision, ...]:
    """What TensorFlow computes: float32, on a GPU only where TensorFlow sees one; raises where it is not installed."""
    if "tensorflow" not in sys.modules and importlib.util.find_spec("tensorflow") is None:
        raise ModuleNotFoundError("No module named 'tensorflow'", name="tensorflow")
    if device == "cpu":
        return ("float32",)
    if device != "gpu":
        return ()
    import tensorflow as tf

    return ("float32",) if tf.config.list_physical_devices("GPU") else ()


class TensorFlowRuntime:
    """The Keras model as one compiled function for batches of one size. Batches run one after the other."""

    def __init__(self, request: RuntimeRequest) -> None:
        """Build the model and trace it.

        Raises:
            RuntimeUnavailableError: TensorFlow sees no such device, or another precision is asked for.
            BundleError: the bundle has no Keras model, or one of another shape.
        """
        if request.precision not in tensorflow_precisions(request.device):
            raise RuntimeUnavailableError(
                f"TensorFlow does not compute {request.precision} on this machine's {request.device}",
                hint="`--device cpu --precision float32` runs everywhere",
            )
        model = request.keras_model()  # First, since it imports TensorFlow without its noise.
        import tensorflow as tf

        self.slots = 2
        self.version = f"TensorFlow {tf.__version__}"
        self._shape = (request.batch_size, *request.input_shape)
        device = "/GPU:0" if request.device == "gpu" else "/CPU:0"

        @tf.function(input_signature=[tf.TensorSpec(self._shape, tf.uint8)], autograph=False)  # type: ignore[untyped-decorator, unused-ignore]
        def network(pixels: Any) -> Any:
            with tf.device(device):
                return model(pixels, training=False)

        traced = network.get_concrete_function()
        expected = (request.batch_size, request.outputs)
        if tuple(traced.outputs[0].shape) != expected or traced.outputs[0].dtype != tf.float32:
            raise BundleError(
                f"the Keras model gives {traced.outputs[0].dtype.name} {tuple(traced.outputs[0].shape)} "
                f"for a batch {self._shape}; expected float32 {expected}"
            )
        # The traced function does not keep the model's variables alive.
        self._model: Any = model
        self._network: Any = traced
        # One worker: TensorFlow spreads each batch over the cores by itself.
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tensorflow-runtime")
        self._running: dict[Future[NDArray[np.float32]], int] = {}

    def submit(self, key: int, batch: NDArray[np.uint8]) -> None:
        """Start on a batch, uint8 `(batch_size, height, width, channels)`; waits while every slot is busy."""
        if batch.shape != self._shape or batch.dtype != np.uint8:
            raise ValueError(f"expected a uint8 batch {self._shape}, got {batch.dtype} {batch.shape}")
        busy = [future for future in self._running if not future.done()]
        if len(busy) >= self.slots:
            wait(busy, return_when=FIRST_COMPLETED)
        self._running[self._worker.submit(self._run, batch)] = key

    def collect(self, *, wait: bool) -> list[tuple[int, NDArray[np.float32]]]:
        """Finished batches as (key, float32 `(batch_size, outputs)`)."""
        if wait and self._running:
            _wait_for_one(self._running)
        finished = [future for future in self._running if future.done()]
        return [(self._running.pop(future), future.result()) for future in finished]

    def close(self) -> None:
        """Wait for what is under way, then give back memory and threads."""
        self._worker.shutdown(wait=True, cancel_futures=True)
        self._running.clear()
        self._network = self._model = None

    def _run(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        import tensorflow as tf

        [probabilities] = tf.nest.flatten(self._network(tf.constant(batch)))
        return np.array(probabilities.numpy(), np.float32)


def _wait_for_one(running: Iterable[Future[NDArray[np.float32]]]) -> None:
    wait(list(running), return_when=FIRST_COMPLETED)


def _first_line(error: BaseException) -> str:
    """The sentence of an OpenVINO error, which begins with places in its source."""
    lines = [line.strip() for line in str(error).splitlines()]
    sentences = [line for line in lines if line and not line.startswith(("Exception from", "Check '"))]
    return next(iter(sentences), type(error).__name__)
