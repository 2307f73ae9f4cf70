"""Finds the features in a bundle's graph: the tensor that the head reads, for embeddings.

Bundles that training made name it. In others, and in those of earlier versions, it is what the last dense layer reads:
the graph is followed back from the probabilities to where all of the way leads through one such layer. A tensor's name
is ignored by versions that know nothing of it, where `bundle.json` would be refused for a field more.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from fashionbatch.bundle.graph import FEATURES_NAME, first_sentence
from fashionbatch.bundle.graph_check import check_graph
from fashionbatch.bundle.open import Bundle
from fashionbatch.errors import BundleError
from fashionbatch.specs import FeatureTensor

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
    import openvino as ov

    check_graph(bundle.path, bundle.manifest)
    try:
        graph = ov.Core().read_model(bundle.graph)
        graph.reshape([1, *bundle.manifest.image.shape])
    except RuntimeError as error:
        raise BundleError(f"{bundle.graph}: OpenVINO cannot read it: {first_sentence(error)}") from error
    tensor = _named(graph) or _read_by_last_dense_layer(graph)
    if tensor is None or not _is_row(tensor):
        raise BundleError(
            f"{bundle.path}: its network has no row of features for each image",
            hint="embeddings need a network whose last layer is a dense one",
        )
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
