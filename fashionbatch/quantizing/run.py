"""Gives a bundle its graph of 8 bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fashionbatch import disk
from fashionbatch.bundle.graph.gate import Verdict
from fashionbatch.bundle.graph.record import GraphOrigin, QuantizationRecord
from fashionbatch.bundle.open import Bundle
from fashionbatch.bundle.quantizing.ways import WAYS, Way
from fashionbatch.bundle.reference import Reference, choose_reference, read_reference, synthetic_images
from fashionbatch.bundle.write import QuantizedGraph, update_bundle
from fashionbatch.inference.candidate import open_candidate
from fashionbatch.inference.session import open_session
from fashionbatch.quantizing.judge import Judge
from fashionbatch.quantizing.ladder import Calibration, Observer, Try, climb
from fashionbatch.quantizing.material import Material
from fashionbatch.registry import Registry

TIME_LIMIT_S = 600.0
"""How long the ways are tried; the first one takes seconds for most networks."""
JUDGES_FOR_ALL_WAYS = 539
"""With fewer images the gate's bound lets through only what changes hardly any label, and of so few one label more or
less says nothing about a way: then the two that take seconds are tried."""
_QUICK = 2


@dataclass(frozen=True)
class Quantized:
    """What came of it.

    Attributes:
        bundle: with the graph of 8 bits.
        verdict: whether `auto` may take it, and why.
    """

    bundle: Bundle
    verdict: Verdict


def quantize_bundle(
    bundle: Bundle,
    calibration: Calibration,
    by: Judge,
    *,
    registry: Registry,
    observer: Observer,
    directory: Path | None = None,
    time_limit_s: float = TIME_LIMIT_S,
    ways: Sequence[Way] | None = None,
) -> Quantized:
    """Quantize a bundle's network by the first way that keeps its labels, or the best that there is.

    Args:
        bundle: a graph of 8 bits that it has is replaced.
        calibration: images that calibrate.
        by: images that judge.
        registry: where the runtime is registered.
        observer: what the user sees.
        directory: where the bundle goes; in its own place unless given.
        time_limit_s: seconds that the ways may take together.
        ways: those that are tried, in this order; None for all of them, or the quick ones where few images judge.

    Returns:
        The bundle, which is there whole or as it was.

    Raises:
        BundleError: the network cannot be quantized.
        RuntimeUnavailableError: the extra `int8` is not installed.
        OutputError: the bundle cannot be written.
        ScratchError: there is no room for temporary files.
    """
    judges = len(by.images)
    if ways is None:
        ways = WAYS if judges >= JUDGES_FOR_ALL_WAYS else WAYS[:_QUICK]
    with disk.scratch_folder() as folder:
        best, tried = climb(
            bundle,
            calibration,
            by,
            folder,
            registry=registry,
            observer=observer,
            time_limit_s=time_limit_s,
            ways=ways,
        )
        if not best.verdict.allowed and len(ways) < len(WAYS):
            observer.show(
                f"slower ways are not tried: of {judges:,} images that judge, one label more or less decides; give "
                f"`bundle quantize` {JUDGES_FOR_ALL_WAYS:,} or more, or a --time-limit for all ways"
            )
        images = best.file.images
        quantized = QuantizedGraph(
            best.file.graph,
            GraphOrigin(
                converter="nncf",
                method=f"quantized after training: {best.way.summary}, {images:,} images",
                versions=best.file.versions,
            ),
            QuantizationRecord(
                way=best.way.name, tried=tried, images=images, source=calibration.source, seed=calibration.seed
            ),
            best.record,
            best.thresholds,
        )
        reference = _with_int8(bundle, best, registry)
        updated = update_bundle(bundle, quantized=quantized, reference=reference, directory=directory)
    return Quantized(updated, best.verdict)


def judge_of(bundle: Bundle, material: Material, registry: Registry, observer: Observer) -> Judge:
    """Let float32 label the images that judge.

    Args:
        bundle: whose float32 graph it is.
        material: the images.
        registry: where the runtime is registered.
        observer: what the user sees.
    """
    images = material.images
    with (
        open_session(bundle, registry=registry, precision="float32") as session,
        observer.bar("labeling in float32", len(images), "image") as advance,
    ):
        float32 = session.predict(images, progress=lambda done: advance(done, {}))
    return Judge(images, material.targets, float32, bundle.manifest.rule, material.source)


def _with_int8(bundle: Bundle, best: Try, registry: Registry) -> Reference:
    """The bundle's reference with what int8 gives for its images; a new one, where it has none."""
    known = read_reference(bundle)
    if known is None:
        patterns = synthetic_images(bundle.manifest.image.shape)
        with open_session(bundle, registry=registry, precision="float32") as session:
            known = choose_reference(patterns, {"float32": session.predict(patterns)}, "synthetic")
    with open_candidate(bundle, best.file.graph, "int8", registry=registry) as session:
        return Reference(known.images, {**known.outputs, "int8": session.predict(known.images)}, known.source)
