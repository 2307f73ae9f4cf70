"""A bundle's head alone: what its network gives for images whose features are known already."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fashionbatch.bundle.graph.check import check_graph
from fashionbatch.bundle.graph.convert import first_sentence
from fashionbatch.bundle.open import Bundle
from fashionbatch.errors import BundleError
from fashionbatch.specs import FeatureTensor

if TYPE_CHECKING:
    import openvino as ov

_BATCH = 8
"""As labeling's default: other sizes change last digits."""


def probabilities_of_features(
    bundle: Bundle, features: NDArray[np.float32], *, progress: Callable[[int], object] | None = None
) -> NDArray[np.float32]:
    """Run the part of a bundle's float32 graph that reads the features.

    Whether that is what the whole graph gives is for the caller to check on a few images: what stands before and after
    the features is compiled apart, and may be rounded otherwise.

    Args:
        bundle: its manifest names the features.
        features: float32 `(n, features)`, which may be memory-mapped.
        progress: called with the number of images that are done, now and then.

    Returns:
        float32 `(n, outputs)`.

    Raises:
        BundleError: the bundle names no features of that size, or its graph cannot be cut there.
    """
    record = bundle.manifest.features
    if record is None or features.ndim != 2 or features.shape[1] != record.tensor.size:
        raise BundleError(f"{bundle.path}: has no features of the shape {features.shape}")
    check_graph(bundle.path, bundle.manifest)
    try:
        head = _compiled_head(bundle, record.tensor)
    except RuntimeError as error:
        raise BundleError(f"{bundle.path}: its head cannot be run alone: {first_sentence(error)}") from error
    found = np.empty((len(features), bundle.manifest.outputs), np.float32)
    filled = np.zeros((_BATCH, features.shape[1]), np.float32)
    for start in range(0, len(features), _BATCH):
        rows = features[start : start + _BATCH]
        filled[: len(rows)] = rows
        found[start : start + len(rows)] = head([filled])[0][: len(rows)]
        if progress is not None:
            progress(start + len(rows))
    return found


def _compiled_head(bundle: Bundle, tensor: FeatureTensor) -> Callable[[Sequence[Any]], Any]:
    import openvino as ov

    core = ov.Core()
    graph = core.read_model(bundle.graph_for("float32"))
    graph.reshape([_BATCH, *bundle.manifest.image.shape])
    head = _cut(graph, tensor)
    options = {"INFERENCE_PRECISION_HINT": "f32", "EXECUTION_MODE_HINT": "ACCURACY", "INFERENCE_NUM_THREADS": 1}
    compiled = core.compile_model(head, "CPU", options)
    return lambda inputs: compiled(inputs, share_inputs=True)


def _cut(graph: ov.Model, tensor: FeatureTensor) -> ov.Model:
    """The graph from the features on: they are its input.

    Raises:
        RuntimeError: something behind the features reads the image by another way.
    """
    import openvino as ov
    from openvino import opset13 as ops

    [operation] = [one for one in graph.get_ops() if one.get_friendly_name() == tensor.operation]
    cut = operation.output(tensor.port)
    features = ops.parameter([_BATCH, tensor.size], ov.Type.f32)
    # A row of features may have axes of length 1 beside it.
    row = features if list(cut.shape) == [_BATCH, tensor.size] else ops.reshape(features, list(cut.shape), False)
    for reader in cut.get_target_inputs():
        reader.replace_source_output(row.output(0))
    return ov.Model(graph.get_results(), [features])
