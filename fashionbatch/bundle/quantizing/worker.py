"""The process in which `fashionbatch.bundle.quantizing.quantize` lets NNCF work. It alone imports NNCF."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fashionbatch.bundle.graph.convert import first_sentence, save_scratch_graph
from fashionbatch.bundle.quantizing.ways import Way
from fashionbatch.errors import BundleError
from fashionbatch.processes import answer_question, report_progress

if TYPE_CHECKING:
    import openvino as ov

_HEAVY = ("Convolution", "GroupConvolution", "MatMul")
_KEPT = 0.99
"""The share of calibration images that must keep their labels where layers are put back."""


def main(reports: int) -> None:
    """Answer the question on standard input.

    Args:
        reports: the end of a pipe that is told how many images were looked at.
    """
    answer_question(lambda question: _answer(question, lambda done: report_progress(reports, done)))


def import_nncf() -> Any:
    """NNCF, which reports nothing to anybody and prints nothing.

    Its telemetry is the package `openvino_telemetry`, which importing `fashionbatch` has made absent; besides, NNCF
    leaves it alone where `NNCF_CI` is set.
    """
    os.environ["NNCF_CI"] = "1"
    import nncf

    nncf.set_log_level(logging.ERROR)
    return nncf


def _answer(question: dict[str, Any], progress: Callable[[int], object]) -> dict[str, Any]:
    import openvino as ov

    way = Way(**question["way"])
    try:
        nncf = import_nncf()
        graph = ov.Core().read_model(question["graph"])
        quantized = _quantize(nncf, graph, question, way, progress)
    except Exception as error:  # NNCF and OpenVINO raise classes of many modules; NNCF may not even be importable
        raise BundleError(f"{question['graph']}: cannot be quantized: {first_sentence(error)}") from error
    if quantized is None:
        return {"applies": False}
    if not any(operation.get_type_name() == "FakeQuantize" for operation in quantized.get_ops()):
        raise BundleError(f"{question['graph']}: cannot be quantized: it has no layer that would be faster in 8 bits")
    save_scratch_graph(quantized, Path(question["output"]))  # in a directory of the asker
    return {"applies": True, "versions": {name: metadata.version(name) for name in ("nncf", "openvino")}}


def _quantize(
    nncf: Any, graph: ov.Model, question: dict[str, Any], way: Way, progress: Callable[[int], object]
) -> ov.Model | None:
    if way.smooth and not _is_made_of_matrices(graph):
        return None
    images = np.load(question["images"], mmap_mode="r", allow_pickle=False)
    calibration = nncf.Dataset(range(len(images)), _looking_at(images, progress))
    options = _options(nncf, graph, way, len(images))
    if way.restore:
        return _restored(nncf, graph, calibration, _KeptLabels(graph, images, question["thresholds"]), options)
    return nncf.quantize(graph, calibration, advanced_parameters=_portable(), **options)


def _portable() -> Any:
    """7 bits for weights, so that no CPU saturates."""
    from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters, OverflowFix

    return AdvancedQuantizationParameters(overflow_fix=OverflowFix.ENABLE)


def _options(nncf: Any, graph: ov.Model, way: Way, images: int) -> dict[str, Any]:
    options: dict[str, Any] = {
        "preset": nncf.QuantizationPreset.MIXED,
        "subset_size": images,
        "fast_bias_correction": not way.full_bias_correction,
    }
    if way.float_ends:
        heavy = [one.get_friendly_name() for one in graph.get_ordered_ops() if one.get_type_name() in _HEAVY]
        options["ignored_scope"] = nncf.IgnoredScope(names=sorted({heavy[0], heavy[-1]} if heavy else ()))
    if way.smooth:
        options["model_type"] = nncf.ModelType.TRANSFORMER
    return options


def _restored(
    nncf: Any, graph: ov.Model, calibration: Any, keeps_labels: _KeptLabels, options: dict[str, Any]
) -> ov.Model:
    return nncf.quantize_with_accuracy_control(
        graph,
        calibration_dataset=calibration,
        validation_dataset=calibration,
        validation_fn=keeps_labels,
        max_drop=1 - _KEPT,
        advanced_quantization_parameters=_portable(),
        **options,
    )


def _looking_at(images: NDArray[np.uint8], progress: Callable[[int], object]) -> Callable[[int], NDArray[np.uint8]]:
    """Gives images one by one: statistics of several at once would be those of the batch."""
    looked = 0

    def look(number: int) -> NDArray[np.uint8]:
        nonlocal looked
        looked += 1
        progress(looked)
        return np.ascontiguousarray(images[number : number + 1])

    return look


def _is_made_of_matrices(graph: ov.Model) -> bool:
    kinds = [operation.get_type_name() for operation in graph.get_ops()]
    return kinds.count("MatMul") > 1 and kinds.count("MatMul") > kinds.count("Convolution")


class _KeptLabels:
    """The share of images that keep the label of float32: what NNCF asks for to see which layer costs most.

    Args:
        graph: in float32.
        images: uint8 `(n, height, width, channels)`.
        thresholds: as in `quantize_graph`.
    """

    def __init__(self, graph: ov.Model, images: NDArray[np.uint8], thresholds: list[float] | None) -> None:
        import openvino as ov

        self._thresholds = None if thresholds is None else np.array(thresholds, np.float32)
        compiled = ov.Core().compile_model(graph.clone(), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        self._labels = [self._label(compiled(images[number : number + 1])[0]) for number in range(len(images))]
        self._images = images

    def __call__(self, network: Any, numbers: Iterable[int]) -> tuple[float, list[float]]:
        kept = [
            float((self._label(network(self._images[number : number + 1])[0]) == self._labels[number]).all())
            for number in numbers
        ]
        return float(np.mean(kept)), kept

    def _label(self, outputs: NDArray[np.float32]) -> NDArray[Any]:
        if self._thresholds is not None:
            return np.asarray(outputs[0] >= self._thresholds)
        return np.asarray(outputs[0].argmax())
