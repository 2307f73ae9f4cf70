"""The backbone of a network, ready to give features: by the runtime that labels, or by Keras."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fashionbatch import disk
from fashionbatch.bundle.graph.convert import save_scratch_graph
from fashionbatch.bundle.graph.features import search_features
from fashionbatch.errors import BundleError
from fashionbatch.inference.session import DEFAULT_BATCH_SIZE, DEFAULT_RUNTIME, require_features, usable_cores
from fashionbatch.inference.stream import in_order, whole_batches
from fashionbatch.model.network import Network
from fashionbatch.plan import Plan
from fashionbatch.registry import Registry
from fashionbatch.specs import RuntimeRequest, RuntimeSpec

if TYPE_CHECKING:
    import openvino as ov

BATCH = DEFAULT_BATCH_SIZE
"""Images at once: as in the sessions that judge the network, whose answers are to come of the same numbers."""
_KERAS_BATCH = 32


@dataclass(frozen=True)
class Backbone:
    """What computes features.

    Attributes:
        version: its name and version.
        compute: uint8 images `(n, height, width, channels)` -> their features float32 `(part, features)`, part by part.
    """

    version: str
    compute: Callable[[NDArray[np.uint8]], Iterator[NDArray[np.float32]]]


@contextmanager
def backbone_by_runtime(
    network: Network, plan: Plan, registry: Registry, convert: Callable[[], ov.Model]
) -> Iterator[Backbone]:
    """Open the network's graph in float32.

    Args:
        network: its head may be untrained.
        plan: says which images it takes.
        registry: where the runtime is registered.
        convert: gives the graph that a bundle of the network would hold.

    Raises:
        BundleError: the network cannot be converted, or its features are no row for each image there.
        ScratchError: there is no room for the graph among the temporary files.
        RuntimeUnavailableError: the runtime cannot run it on this machine.
    """
    spec = registry.get(RuntimeSpec, DEFAULT_RUNTIME)
    require_features(spec)
    image = plan.recipe.data.image
    outputs, size = (int(tensor.shape[-1]) for tensor in (network.model.outputs[0], network.backbone.outputs[0]))
    converted = convert()
    with disk.scratch_folder() as folder:
        graph = folder / "model.xml"
        save_scratch_graph(converted, graph)
        tensor = search_features(graph, image)
        if tensor is None or tensor.size != size:
            raise BundleError(f"the converted network has no row of {size} features for each image")
        runtime = spec.open(
            RuntimeRequest(
                graph=graph,
                batch_size=BATCH,
                input_shape=image.shape,
                outputs=outputs,
                precision="float32",
                device="cpu",
                streams=usable_cores(),
                keras_model=lambda: network.model,
                features=tensor,
                parameters=spec.parameters(),
            )
        )
    try:

        def compute(images: NDArray[np.uint8]) -> Iterator[NDArray[np.float32]]:
            for rows in in_order(runtime, whole_batches([images], BATCH, image.shape)):
                yield rows[:, outputs:]

        yield Backbone(runtime.version, compute)
    finally:
        runtime.close()


@contextmanager
def backbone_by_keras(network: Network) -> Iterator[Backbone]:
    """The backbone as Keras computes it, in the arithmetic that TensorFlow was imported in."""

    def compute(images: NDArray[np.uint8]) -> Iterator[NDArray[np.float32]]:
        for start in range(0, len(images), _KERAS_BATCH):
            pixels = np.asarray(images[start : start + _KERAS_BATCH], np.float32)
            yield np.asarray(network.backbone.predict_on_batch(pixels), np.float32)

    yield Backbone(f"Keras {metadata.version('keras')}", compute)
