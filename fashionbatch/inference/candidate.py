"""A session for a graph that is not part of its bundle yet."""

from __future__ import annotations

from pathlib import Path

from fashionbatch.bundle.open import Bundle
from fashionbatch.inference.cores import usable_cores
from fashionbatch.inference.precision import PrecisionChoice
from fashionbatch.inference.rebuild import keras_model_of
from fashionbatch.inference.session import DEFAULT_BATCH_SIZE, DEFAULT_RUNTIME, Session
from fashionbatch.registry import Registry
from fashionbatch.specs import Precision, RuntimeRequest, RuntimeSpec


def open_candidate(bundle: Bundle, graph: Path, precision: Precision, *, registry: Registry) -> Session:
    """Load a graph that was made of a bundle's network, to see what it gives.

    Args:
        bundle: whose network it is.
        graph: the graph as OpenVINO IR, made by this program: nothing is checked.
        precision: what it is computed in.
        registry: where the runtime is registered.

    Returns:
        The session, a context manager. It does not compare itself with the bundle's reference.

    Raises:
        BundleError: the graph takes or gives something else than the bundle's.
        RuntimeUnavailableError: the graph cannot be compiled.
    """
    manifest, streams = bundle.manifest, usable_cores()
    spec = registry.get(RuntimeSpec, DEFAULT_RUNTIME)
    opened = spec.open(
        RuntimeRequest(
            graph=graph,
            batch_size=DEFAULT_BATCH_SIZE,
            input_shape=manifest.image.shape,
            outputs=manifest.outputs,
            precision=precision,
            device="cpu",
            streams=streams,
            keras_model=lambda: keras_model_of(bundle, registry),
            parameters=spec.parameters(),
        )
    )
    choice = PrecisionChoice(precision, "it is tried")
    return Session(manifest, opened, DEFAULT_RUNTIME, choice, DEFAULT_BATCH_SIZE, "cpu", streams)
