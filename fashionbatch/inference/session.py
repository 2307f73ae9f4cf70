"""A bundle's network, ready to be asked: the one way in which evaluation, training and labeling compute."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from fashionbatch.bundle.graph.check import check_graph
from fashionbatch.bundle.graph.record import graph_kind
from fashionbatch.bundle.manifest import BundleManifest
from fashionbatch.bundle.open import Bundle
from fashionbatch.bundle.reference import read_reference
from fashionbatch.decisions import DecisionRule
from fashionbatch.errors import BundleError, RuntimeUnavailableError
from fashionbatch.images import POLICY
from fashionbatch.inference.computing import DEFAULT_BATCH_SIZE, DEFAULT_RUNTIME, Computing
from fashionbatch.inference.cores import usable_cores
from fashionbatch.inference.precision import PrecisionChoice
from fashionbatch.inference.rebuild import keras_model_of
from fashionbatch.inference.reference import Agreement, CheckedRuntime
from fashionbatch.inference.stream import in_order, whole_batches
from fashionbatch.registry import Registry
from fashionbatch.specs import FeatureTensor, Parameters, Precision, Runtime, RuntimeRequest, RuntimeSpec

__all__ = ["DEFAULT_BATCH_SIZE", "DEFAULT_RUNTIME", "Session", "open_session", "require_features", "usable_cores"]


@dataclass(frozen=True)
class Session:
    """A network that is ready to run, with what was chosen for it.

    Attributes:
        manifest: of the bundle.
        runtime: what computes; labeling drives it by `submit` and `collect`. It gives no result before those for the
            bundle's reference images were right, where the bundle has them.
        runtime_name: how it is registered.
        choice: the arithmetic, fixed for the session, and why it is that one.
        batch_size: images in each batch that goes in.
        device: `cpu` or `gpu`.
        streams: batches computed side by side.
        opened_s: the time that opening it took.
    """

    manifest: BundleManifest
    runtime: Runtime
    runtime_name: str
    choice: PrecisionChoice
    batch_size: int
    device: str
    streams: int
    opened_s: float = 0.0

    @property
    def precision(self) -> Precision:
        """The arithmetic, fixed for the session."""
        return self.choice.precision

    @property
    def precision_reason(self) -> str:
        """Why that one, in words for the user."""
        return self.choice.reason

    def predict(
        self,
        images: NDArray[np.uint8] | Iterable[NDArray[np.uint8]],
        *,
        progress: Callable[[int], object] | None = None,
    ) -> NDArray[np.float32]:
        """Probabilities of many images, in their order.

        Whole batches of an array are views of it; only the last one, filled up with black, is a copy. An iterable
        may read its arrays from disk as they are asked for: no more of them than the runtime has slots are held.

        Args:
            images: uint8 `(n, height, width, channels)`, which may be memory-mapped or be `TakenImages`, or arrays of
                such, of any length.
            progress: called with the number of images that are done, after each batch.

        Returns:
            float32 `(n, outputs)`.

        Raises:
            ValueError: an array of another shape or dtype.
        """
        # Some images of an array, such as those of a fold, are no array, and are indexed as one.
        source = cast("Iterable[NDArray[np.uint8]]", [images] if hasattr(images, "dtype") else images)
        found: list[NDArray[np.float32]] = []
        finished = 0
        for rows in in_order(self.runtime, self._batches(source)):
            found.append(rows)
            finished += len(rows)
            if progress is not None:
                progress(finished)
        return np.concatenate(found) if found else np.empty((0, self.manifest.outputs), np.float32)

    @property
    def rule(self) -> DecisionRule:
        """By which the outputs of this session become labels: thresholds may depend on the precision."""
        return self.manifest.rule_in(self.precision)

    def verify(self) -> Agreement | None:
        """Wait until the runtime has computed the bundle's reference images, and compare; no result comes before that.

        Calling it is needed only where something else depends on it than the results.

        Returns:
            How well they agree with what the bundle has recorded; None for a bundle that has no reference.

        Raises:
            RuntimeUnavailableError: they do not.
        """
        return self.runtime.verify() if isinstance(self.runtime, CheckedRuntime) else None

    def close(self) -> None:
        """Give back memory and threads. Closing again does nothing."""
        self.runtime.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _batches(self, arrays: Iterable[NDArray[np.uint8]]) -> Iterator[tuple[NDArray[np.uint8], int]]:
        return whole_batches(arrays, self.batch_size, self.manifest.image.shape)


def open_session(
    bundle: Bundle,
    *,
    registry: Registry,
    runtime: str = DEFAULT_RUNTIME,
    parameters: Parameters | None = None,
    precision: Precision | PrecisionChoice | Literal["auto"] = "auto",
    batch_size: int = DEFAULT_BATCH_SIZE,
    device: str = "cpu",
    streams: int | None = None,
    features: FeatureTensor | None = None,
) -> Session:
    """Load a bundle's network into a runtime.

    Args:
        bundle: as `open_bundle` gave it.
        registry: where the runtime is registered. Architectures are needed for the `tensorflow` runtime alone, and
            looked for when it asks for them.
        runtime: the name of a runtime.
        parameters: the runtime's own, checked; None takes its defaults.
        precision: `auto` takes the fastest that the bundle's measurements allow, as far as that is known without
            timing it now; or what somebody has chosen already.
        batch_size: images in each batch. Numbers differ in their last digits from one batch size to another.
        device: `cpu` or `gpu`.
        streams: batches computed side by side, each on one thread; by default as many as cores may be used.
        features: what the runtime is to give beside the probabilities, for callers that drive it themselves.

    Returns:
        The session, which is a context manager: leaving it closes the runtime.

    Raises:
        BundleError: the graph or the reference is not what the bundle says, images were decoded by other rules in
            training, or there is no graph for the precision.
        UnknownNameError: no such runtime.
        RuntimeUnavailableError: this machine does not offer the runtime, the device or the precision.
    """
    computing = Computing(
        registry, runtime, parameters, batch_size, device, usable_cores() if streams is None else streams
    )
    return open_with(computing, bundle, precision, features=features)


def open_with(
    computing: Computing,
    bundle: Bundle,
    precision: Precision | PrecisionChoice | Literal["auto"] = "auto",
    *,
    features: FeatureTensor | None = None,
) -> Session:
    """As `open_session`, for one who opens several sessions in the same way.

    Raises:
        FashionBatchError: as `open_session`.
    """
    began = time.monotonic()
    manifest = bundle.manifest
    _require_same_decoding(bundle)
    _require_plain_probabilities(bundle)
    spec, batch_size, device = computing.spec, computing.batch_size, computing.device
    if features is not None:
        require_features(spec)
    choice = precision if isinstance(precision, PrecisionChoice) else computing.choose(bundle, precision)
    chosen = choice.precision
    check_graph(bundle.path, manifest, graph_kind(chosen))
    reference = read_reference(bundle)
    opened = spec.open(
        RuntimeRequest(
            graph=bundle.graph_for(chosen),
            batch_size=batch_size,
            input_shape=manifest.image.shape,
            outputs=manifest.outputs,
            precision=chosen,
            device=device,
            streams=computing.streams,
            keras_model=lambda: keras_model_of(bundle, computing.registry),
            features=features,
            parameters=computing.parameters or spec.parameters(),
        )
    )
    if reference is not None:
        try:
            opened = CheckedRuntime(
                opened,
                reference,
                manifest,
                batch_size=batch_size,
                precision=chosen,
                device=device,
                name=computing.runtime,
            )
        except BaseException:
            opened.close()
            raise
    return Session(
        manifest=manifest,
        runtime=opened,
        runtime_name=computing.runtime,
        choice=choice,
        batch_size=batch_size,
        device=device,
        streams=computing.streams,
        opened_s=time.monotonic() - began,
    )


def require_features(spec: RuntimeSpec) -> None:
    """Insist on a runtime that gives features beside probabilities.

    Raises:
        RuntimeUnavailableError: it gives probabilities alone.
    """
    if not spec.gives_features:
        raise RuntimeUnavailableError(
            f"runtime {spec.name!r} gives probabilities alone, no features",
            hint=f"use the runtime `{DEFAULT_RUNTIME}`",
        )


def _require_same_decoding(bundle: Bundle) -> None:
    trained = bundle.manifest.decoding_policy.get("version")
    if trained != POLICY["version"]:
        raise BundleError(
            f"{bundle.path}: its network was trained on images decoded by rules of version {trained}; "
            f"this FashionBatch decodes by version {POLICY['version']}",
            hint="train again, or use the FashionBatch that the bundle names in `created_with`",
        )


def _require_plain_probabilities(bundle: Bundle) -> None:
    if bundle.manifest.decision.calibration:
        raise BundleError(
            f"{bundle.path}: its probabilities are to be calibrated, which this FashionBatch does not do",
            hint="update FashionBatch",
        )
