"""How long a bundle takes for a photo on this machine, in each precision that it has."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import numpy as np

from fashionbatch.bundle.graph.gate import judge
from fashionbatch.bundle.open import open_bundle
from fashionbatch.errors import BundleError, RuntimeUnavailableError
from fashionbatch.inference.session import DEFAULT_RUNTIME, open_session, usable_cores
from fashionbatch.inference.speed import machine_clock, time_in_turns
from fashionbatch.registry import Registry
from fashionbatch.specs import Precision, Runtime, RuntimeSpec


def milliseconds_of(path: Path, registry: Registry) -> dict[Precision, float]:
    """Milliseconds a photo, with all cores of this machine to itself; empty where the runtime cannot run the bundle.

    Args:
        path: of the bundle.
        registry: where the runtime is registered.
    """
    try:
        bundle = open_bundle(path)
        offered = registry.get(RuntimeSpec, DEFAULT_RUNTIME).precisions("cpu")
        wanted: list[Precision] = [name for name in bundle.manifest.precisions if name in offered]
        with ExitStack() as stack:
            runtimes: dict[Precision, Runtime] = {}
            batch_size = 1
            for precision in wanted:
                session = stack.enter_context(open_session(bundle, registry=registry, precision=precision))
                session.verify()
                runtimes[precision], batch_size = session.runtime, session.batch_size
            photos = np.random.default_rng(0).integers(
                0, 256, (batch_size, *bundle.manifest.image.shape), dtype=np.uint8
            )
            streams = usable_cores()
            rates = time_in_turns(runtimes, photos, streams=streams, clock=machine_clock("cpu", streams))
    except (BundleError, RuntimeUnavailableError):
        return {}
    return {precision: 1000 / rate for precision, rate in rates.items()}


def refusals_of(path: Path) -> dict[Precision, str]:
    """The precisions of a bundle that `--precision auto` does not take, each with the reason in a sentence.

    Args:
        path: of the bundle.
    """
    manifest = open_bundle(path).manifest
    verdicts = {name: judge(name, manifest.precision_parity) for name in manifest.precisions if name != "float32"}
    return {name: verdict.sentence for name, verdict in verdicts.items() if not verdict.allowed}
