"""Finds the features in a bundle's graph: the tensor that the head reads, for embeddings.

`bundle.json` says where they stand. They are searched for when a bundle is written, and in bundles of format 1. In a
graph that training made the tensor has its name. In others it is what the last dense layer reads: the graph is followed
back from the probabilities to where all of the way leads through one such layer.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fashionbatch.bundle.graph.check import check_graph
from fashionbatch.bundle.graph.convert import FEATURES_NAME, first_sentence
from fashionbatch.bundle.open import Bundle
from fashionbatch.errors import BundleError
from fashionbatch.specs import FeatureTensor, ImageSpec

if TYPE_CHECKING:
    import openvino as ov

_DENSE = ("MatMul", "Convolution")
# A shape is known beforehand, whatever stands in the tensor.
_WITHOUT_VALUES = ("ShapeOf",)


def find_features(bundle: Bundle) -> FeatureTensor:
    """Look for the features of a bundle's network.

    Args:
        bundle: as `open_bundle` gave it.

    Returns:
        Where they stand, and how many an image has.

    Raises:
        BundleError: the graph is not what the bundle says, or has no row of features for each image.
    """
    if bundle.manifest.features is not None:
        return bundle.manifest.features.tensor
    check_graph(bundle.path, bundle.manifest)
    found = search_features(bundle.graph, bundle.manifest.image)
    if found is None:
        raise BundleError(
            f"{bundle.path}: its network has no row of features for each image",
            hint="embeddings need a network whose last layer is a dense one",
        )
    return found


def search_features(file: Path, image: ImageSpec) -> FeatureTensor | None:
    """Look for the features in a graph.

    Args:
        file: the graph as OpenVINO IR, which has been checked.
        image: the image that it takes.

    Returns:
        Where they stand; None where the graph has no row of features for each image.

    Raises:
        BundleError: OpenVINO cannot read the graph.
    """
    import openvino as ov

    try:
        graph = ov.Core().read_model(file)
        graph.reshape([1, *image.shape])
    except RuntimeError as error:
        raise BundleError(f"{file}: OpenVINO cannot read it: {first_sentence(error)}") from error
    tensor = _named(graph) or _read_by_last_dense_layer(graph)
    if tensor is None or not _is_row(tensor):
        return None
    operation = tensor.get_node().get_friendly_name()
    return FeatureTensor(operation=operation, port=tensor.get_index(), size=max(tensor.shape))


def _named(graph: ov.Model) -> Any:
    for operation in graph.get_ordered_ops():
        for port in operation.outputs():
            if FEATURES_NAME in port.get_names() and operation.get_type_name() != "Result":
                return port
    return None


def _read_by_last_dense_layer(graph: ov.Model) -> Any:
    """What the last dense layer reads, None where there is no such layer.

    The way back may fork and join again, as a softmax made of single operations does; a layer is the last one where it
    is all that is left of the way.
    """
    position: dict[str, int] = {}
    for number, operation in enumerate(graph.get_ordered_ops()):
        # Friendly names are the maker's; these are OpenVINO's own, and distinct.
        name = operation.get_name()
        if operation.get_type_name() == "Parameter" or any(
            port.get_node().get_name() in position for port in _values_read_by(operation)
        ):
            position[name] = number

    def images_read_by(operation: Any) -> list[Any]:
        return [port for port in _values_read_by(operation) if port.get_node().get_name() in position]

    way = {graph.get_results()[0].get_name(): graph.get_results()[0]}
    while way:
        last = way.pop(max(way, key=position.__getitem__))
        inputs = images_read_by(last)
        if not way and len(inputs) == 1 and last.get_type_name() in _DENSE:
            return inputs[0]
        way |= {port.get_node().get_name(): port.get_node() for port in inputs}
    return None


def _values_read_by(operation: Any) -> list[Any]:
    if operation.get_type_name() in _WITHOUT_VALUES:
        return []
    return [port.get_source_output() for port in operation.inputs()]


def _is_row(tensor: Any) -> bool:
    """Whether one image's values are a row; that of a 1x1 convolution has axes of length 1 beside it."""
    shape = tensor.partial_shape
    return bool(
        shape.is_static
        and tensor.element_type.is_real()
        and math.prod(tensor.shape) == max(tensor.shape, default=0) > 0
    )
