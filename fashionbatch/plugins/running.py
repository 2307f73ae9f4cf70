"""The guard around an open runtime: every batch comes back once, under its key, in the shape that was asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fashionbatch.plugins.origin import Origin
from fashionbatch.specs import RuntimeRequest

_METHODS = ("submit", "collect", "close")


class GuardedRuntime:
    """A runtime whose answers are checked.

    Args:
        origin: the component that opened it.
        given: what `open` was called with: the request.
        runtime: what `open` returned.

    Raises:
        PluginError: it is no runtime.

    Attributes:
        slots: how many batches may be under way at once.
        version: name and version of what computes.
    """

    def __init__(self, origin: Origin, given: tuple[Any, ...], runtime: Any) -> None:
        request: RuntimeRequest = given[0]
        self._origin = origin
        for name in _METHODS:
            if not callable(getattr(runtime, name, None)):
                raise origin.wrong("open", f"returned {type(runtime).__name__}, which has no method {name!r}")
        with origin.calling("open"):
            slots, version = runtime.slots, runtime.version
        if not isinstance(slots, int) or isinstance(slots, bool) or slots < 1:
            raise origin.wrong("open", f"returned a runtime whose slots are {slots!r}; expected a number from 1")
        if not isinstance(version, str) or not version.strip():
            raise origin.wrong("open", f"returned a runtime whose version is {version!r}; expected text")
        self.slots: int = slots
        self.version: str = version
        self._runtime = runtime
        width = request.outputs + (request.features.size if request.features else 0)
        self._shape = (request.batch_size, width)
        self._due: set[int] = set()

    def submit(self, key: int, batch: NDArray[np.uint8]) -> None:
        """Start on a batch.

        Raises:
            PluginError: the runtime failed.
        """
        with self._origin.calling("submit"):
            self._runtime.submit(key, batch)
        self._due.add(key)

    def collect(self, *, wait: bool) -> list[tuple[int, NDArray[np.float32]]]:
        """Finished batches.

        Raises:
            PluginError: the runtime failed, answered what it was not asked, or gave nothing although it had to wait.
        """
        with self._origin.calling("collect"):
            results = [(key, answers) for key, answers in self._runtime.collect(wait=wait)]
        for key, answers in results:
            self._check(key, answers)
            self._due.remove(key)
        if wait and not results and self._due:
            raise self._origin.wrong("collect", f"gave nothing, although {len(self._due)} batches are due")
        return results

    def close(self) -> None:
        """Give back memory and threads.

        Raises:
            PluginError: the runtime failed.
        """
        with self._origin.calling("close"):
            self._runtime.close()

    def _check(self, key: object, answers: object) -> None:
        if key not in self._due:
            raise self._origin.wrong("collect", f"answered batch {key!r}, which is not under way")
        if not isinstance(answers, np.ndarray):
            raise self._origin.wrong("collect", f"gave {type(answers).__name__} for a batch; expected a NumPy array")
        if answers.shape != self._shape or answers.dtype != np.float32:
            raise self._origin.wrong(
                "collect", f"gave {answers.dtype} {answers.shape} for a batch; expected float32 {self._shape}"
            )
