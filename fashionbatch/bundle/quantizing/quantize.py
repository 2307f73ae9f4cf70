"""Quantizes a graph in a process of its own.

NNCF is large: it changes Python's logging when it is imported, draws bars on the terminal, and reports its use unless
it is kept from that. All of that ends with the process, which also gives back the memory, and can be stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fashionbatch import disk
from fashionbatch.bundle.graph.record import GRAPH_FILES
from fashionbatch.bundle.quantizing.ways import Way
from fashionbatch.errors import BundleError, RuntimeUnavailableError
from fashionbatch.processes import ProcessEndedError, ask_python

_MODULE = "fashionbatch.bundle.quantizing.worker"


@dataclass(frozen=True)
class QuantizedFile:
    """A graph of 8 bits.

    Attributes:
        graph: the `.xml` file; its weights lie beside it.
        images: how many calibrated it.
        versions: of what made it.
    """

    graph: Path
    images: int
    versions: dict[str, str]


def require_nncf() -> None:
    """Insist on the extra `int8`.

    Raises:
        RuntimeUnavailableError: it is not installed.
    """
    if not is_available():
        raise RuntimeUnavailableError(
            "quantizing needs NNCF, which is not installed", hint="pip install 'fashionbatch[int8]'"
        )


def is_available() -> bool:
    """Whether the extra `int8` is installed."""
    from importlib.util import find_spec

    return find_spec("nncf") is not None


def quantize_graph(
    graph: Path,
    images: NDArray[np.uint8],
    directory: Path,
    way: Way,
    *,
    thresholds: Sequence[float] | None = None,
    time_limit_s: float | None = None,
    progress: Callable[[int], object] | None = None,
) -> QuantizedFile | None:
    """Quantize a network. The same graph, images and way give the same files.

    Args:
        graph: a float32 graph as OpenVINO IR, which has been checked: uint8 `(?, height, width, channels)` ->
            float32 `(?, outputs)`.
        images: uint8 `(n, height, width, channels)`, n > 0: photos as the network will see them, but none by which it
            is judged.
        directory: where the files go, under the names that they have in a bundle; a folder for temporary files.
        way: how.
        thresholds: for each output of several labels what a probability must reach, None where the largest one wins. By
            them the way that puts layers back sees which labels are kept.
        time_limit_s: seconds that it may take; None for no limit.
        progress: called with the number of images that were looked at; some ways look at them more than once.

    Returns:
        The graph; None where the way is none for this network.

    Raises:
        BundleError: the network cannot be quantized.
        RuntimeUnavailableError: NNCF is not installed.
        ScratchError: there is no room for temporary files.
        TimeoutError: it took longer.
    """
    require_nncf()
    name, _ = GRAPH_FILES["int8"]
    with disk.scratch_folder() as folder:
        calibration = folder / "images.npy"
        with disk.scratch_errors():
            np.save(calibration, images)  # disk: read by the process that is started now, and gone after it
        question = {
            "graph": str(graph),
            "images": str(calibration),
            "output": str(directory / name),
            "way": asdict(way),
            "thresholds": None if thresholds is None else list(map(float, thresholds)),
        }
        try:
            answer = ask_python(_MODULE, question, time_limit_s=time_limit_s, progress=progress or _nowhere)
        except ProcessEndedError as ended:
            if not ended.signal:
                raise
            why = "wants more memory than there is" if ended.wants_memory else f"crashed ({ended.signal})"
            raise BundleError(
                f"{graph}: cannot be quantized: what quantizes it {why}", hint="label in float32"
            ) from ended
    if not answer["applies"]:
        return None
    return QuantizedFile(directory / name, len(images), dict(answer["versions"]))


def _nowhere(_: int) -> None:
    pass
