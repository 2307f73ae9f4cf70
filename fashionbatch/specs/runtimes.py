"""What computes a bundle's network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fashionbatch.specs.base import Parameters, Spec

if TYPE_CHECKING:
    import keras


Precision: TypeAlias = Literal["float32", "bfloat16", "int8"]
"""What labeling computes in. int8 takes a graph that was quantized to it, the others the graph that training left."""


class FeatureTensor(NamedTuple):
    """What the head reads: output `port` of an operation of the bundle's graph (its friendly name), `size` an image."""

    operation: str
    port: int
    size: int


@dataclass(frozen=True, kw_only=True)
class RuntimeRequest:
    """What a runtime is asked to run.

    Attributes:
        graph: the bundle's `model.xml`; `model.bin` lies beside it.
        batch_size: images in each batch; the last batch of a run comes padded.
        input_shape: `(height, width, channels)` of one image.
        outputs: numbers for each image.
        precision: the arithmetic of the network.
        device: `cpu` or `gpu`.
        streams: batches computed side by side, each on one thread.
        keras_model: rebuilds the Keras model with its trained weights; raises BundleError for a bundle that has none.
        features: what is wanted beside the probabilities: each row that comes out of `collect` is then its
            probabilities and, after them, its features. Asked only of runtimes whose spec says `gives_features`.
        parameters: the runtime's own, checked, as `--runtime-set` gave them.
    """

    graph: Path
    batch_size: int
    input_shape: tuple[int, int, int]
    outputs: int
    precision: Precision
    device: str
    streams: int
    keras_model: Callable[[], keras.Model]
    features: FeatureTensor | None = None
    parameters: Parameters = field(default_factory=Parameters)


class Runtime(Protocol):
    """A network that is ready to run. Batches go in by `submit` and come out of `collect`, in any order."""

    slots: int
    """How many batches may be under way at once."""

    version: str
    """Name and version of what computes, as the job file records it."""

    def submit(self, key: int, batch: NDArray[np.uint8]) -> None:
        """Start on uint8 `(batch_size, height, width, channels)`; waits while every slot is busy.

        The batch must stay unchanged until its key has been collected. A key is any whole number: those of the images
        that a session is checked by, which come first, are negative.
        """

    def collect(self, *, wait: bool) -> list[tuple[int, NDArray[np.float32]]]:
        """Finished batches as (key, probabilities `(batch_size, outputs)`); with `wait`, at least one if any is due."""

    def close(self) -> None:
        """Give back memory and threads."""


@dataclass(frozen=True, kw_only=True)
class RuntimeSpec(Spec):
    """Something that computes a bundle's network.

    Attributes:
        precisions: what this machine can compute with it on a device, first what is the fastest as far as the runtime
            can tell without trying; empty where the runtime cannot be used.
        open: makes the network ready; raises RuntimeUnavailableError where the request cannot be met.
        gives_features: whether it heeds `RuntimeRequest.features`; the probabilities must be the same bits then.
        version: what `Runtime.version` will be. How fast a network was is kept for one version; a runtime that does not
            say it is taken to change with its distribution.
    """

    kind: ClassVar[str] = "runtime"
    hook: ClassVar[str] = "register_runtimes"

    precisions: Callable[[str], tuple[Precision, ...]]
    open: Callable[[RuntimeRequest], Runtime]
    gives_features: bool = False
    version: Callable[[], str] | None = None
