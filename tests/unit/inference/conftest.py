from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fashionbatch.registry import Provider, Registry
from fashionbatch.specs import RuntimeRequest, RuntimeSpec

FakeNetwork = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


class FakeRuntime:
    """Answers with the mean of each channel over 255; finishes the later batches first."""

    slots = 3
    version = "fake 1"

    def __init__(self, request: RuntimeRequest) -> None:
        self.request = request
        self.waiting: list[tuple[int, NDArray[np.uint8]]] = []
        self.most_waiting = 0
        self.closed = False
        self.fail_on: int | None = None

    def submit(self, key: int, batch: NDArray[np.uint8]) -> None:
        assert batch.shape == (self.request.batch_size, *self.request.input_shape)
        self.waiting.append((key, batch))
        self.most_waiting = max(self.most_waiting, len(self.waiting))

    def collect(self, *, wait: bool) -> list[tuple[int, NDArray[np.float32]]]:
        if not wait and len(self.waiting) < self.slots:
            return []
        done = [(key, self.answer(batch)) for key, batch in reversed(self.waiting)]
        self.waiting.clear()
        if self.fail_on in [key for key, _ in done]:
            raise MemoryError
        return done

    def answer(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.asarray(batch.mean(axis=(1, 2)) / 255, np.float32)[:, : self.request.outputs]

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def registry() -> Registry:
    """Runtimes `fake`, which computes in both precisions, and `slow`, on which float32 is the faster one."""
    offered: dict[str, Any] = {"fake": ("bfloat16", "float32"), "slow": ("float32", "bfloat16")}
    registry = Registry()
    for name, precisions in offered.items():

        def available(device: str, precisions: Sequence[Any] = precisions) -> tuple[Any, ...]:
            return tuple(precisions) if device == "cpu" else ()

        spec = RuntimeSpec(name=name, summary="For tests.", precisions=available, open=FakeRuntime)
        registry.add(spec, Provider("tests", "1"))
    return registry
