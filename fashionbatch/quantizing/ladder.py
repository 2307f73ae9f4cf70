"""Tries the ways to quantize a network, the cheap ones first, until one keeps the labels or the time is over.

All tries are judged by the same images, so the 95% of the gate's bound hold for each try and not for all together: of
several that lose a little too much, one may pass by luck. The record names all that were tried.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from fashionbatch.bundle.graph.gate import Verdict, judge
from fashionbatch.bundle.graph.record import PrecisionRecord
from fashionbatch.bundle.open import Bundle
from fashionbatch.bundle.quantizing.quantize import QuantizedFile, quantize_graph
from fashionbatch.bundle.quantizing.ways import CALIBRATION_IMAGES, WAYS, Way
from fashionbatch.errors import BundleError, DataError, FashionBatchError
from fashionbatch.inference.candidate import open_candidate
from fashionbatch.quantizing.judge import Judge
from fashionbatch.registry import Registry


class Observer(Protocol):
    """Shows how far it is; `fashionbatch.training.report.Reporter` is one."""

    @property
    def show(self) -> Callable[[str], None]:
        """Prints one line."""

    def bar(self, title: str, total: int, unit: str) -> AbstractContextManager[Callable[[int, dict[str, float]], None]]:
        """A bar for the time of a block, which is told how many are done."""


@dataclass(frozen=True)
class Calibration:
    """Images that quantization may look at: none of them judges it.

    Attributes:
        images: uint8 `(n, height, width, channels)`, in the order in which they are taken.
        source: where they come from.
        seed: by which that order was chosen.
    """

    images: NDArray[np.uint8]
    source: Literal["train", "photos"]
    seed: int


@dataclass(frozen=True)
class Try:
    """One way, and what came of it.

    Attributes:
        way: the way.
        file: the graph.
        int8: float32 `(n, outputs)`: what it gives for the judge's images.
        thresholds: of its own; empty where those of float32 serve it.
        record: how it fared.
        verdict: what the gate says.
    """

    way: Way
    file: QuantizedFile
    int8: NDArray[np.float32]
    thresholds: tuple[float, ...]
    record: PrecisionRecord
    verdict: Verdict


def climb(
    bundle: Bundle,
    calibration: Calibration,
    by: Judge,
    directory: Path,
    *,
    registry: Registry,
    observer: Observer,
    time_limit_s: float,
    ways: Sequence[Way] = WAYS,
) -> tuple[Try, tuple[str, ...]]:
    """Try one way after the other.

    Args:
        bundle: whose float32 graph is quantized; it stays as it is.
        calibration: images that calibrate.
        by: what each try is judged by.
        directory: where the graphs go, a directory for each way.
        registry: where the runtime is registered.
        observer: what the user sees.
        time_limit_s: seconds after which no other way is begun, and one that is under way is given up.
        ways: those that are tried, in this order.

    Returns:
        The first try that passes the gate, else the best one; and the names of all ways that were tried.

    Raises:
        BundleError: the network cannot be quantized, or not in that time.
        DataError: there are no images to calibrate with.
    """
    if not len(calibration.images):
        raise DataError("there are no images to calibrate with")
    ends = time.monotonic() + time_limit_s
    ladder = _Ladder(bundle, calibration, by, directory, registry, observer)
    best: Try | None = None
    problem: FashionBatchError | None = None
    tried: list[str] = []
    for way in ways:
        if way.images > CALIBRATION_IMAGES >= len(calibration.images):
            continue
        started = time.monotonic()
        try:
            found = ladder.climb(way, ends - started)
        except TimeoutError:
            observer.show(f"int8 by {way.summary}: given up, the {time_limit_s:g} s are over")
            break
        except (BundleError, DataError) as error:
            problem = error
            continue
        if found is None:
            continue
        tried.append(way.name)
        seconds = time.monotonic() - started
        observer.show(f"int8 by {way.summary}, {found.file.images:,} images, {seconds:.1f} s: {found.verdict.sentence}")
        if best is None or _rank(found) > _rank(best):
            best = found
        if found.verdict.allowed:
            break
    if best is not None:
        return best, tuple(tried)
    raise problem or BundleError(
        f"{bundle.path}: could not be quantized within {time_limit_s:g} s", hint="--time-limit SECONDS allows more"
    )


@dataclass(frozen=True)
class _Ladder:
    """What all tries have in common; see `climb`."""

    bundle: Bundle
    calibration: Calibration
    by: Judge
    directory: Path
    registry: Registry
    observer: Observer

    def climb(self, way: Way, time_limit_s: float) -> Try | None:
        """Try one way; None where it is none for this network."""
        if time_limit_s <= 0:
            raise TimeoutError
        directory, images = self.directory / way.name, self.calibration.images[: way.images]
        directory.mkdir()
        with self.observer.bar(f"quantizing: {way.summary}", len(images), "image") as advance:
            file = quantize_graph(
                self.bundle.graph,
                images,
                directory,
                way,
                thresholds=_limits(self.by),
                time_limit_s=time_limit_s,
                progress=lambda done: advance(min(done, len(images)), {}),
            )
        if file is None:
            return None
        with (
            open_candidate(self.bundle, file.graph, "int8", registry=self.registry) as session,
            self.observer.bar("labeling in int8", len(self.by.images), "image") as advance,
        ):
            int8 = session.predict(self.by.images, progress=lambda done: advance(done, {}))
        thresholds = self.by.thresholds(int8)
        record = self.by.record(int8, thresholds)
        return Try(way, file, int8, thresholds, record, judge("int8", {"int8": record}))


def _limits(by: Judge) -> tuple[float, ...] | None:
    """What each output must reach, for a network whose outputs stand each for itself."""
    if by.rule.sums_to_one:
        return None
    limits = by.rule.class_thresholds[by.rule.output_classes.start :]
    return tuple(0.5 if limit is None else limit for limit in limits)


def _rank(one: Try) -> tuple[bool, float, float]:
    """By what of two tries the better one is found: the gate, then what it may cost, then the labels that it keeps."""
    bound = one.verdict.loss_bound
    return one.verdict.allowed, -float(bound) if bound is not None else -1.0, one.record.same_labels
