"""Which arithmetic a network runs in, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from fashionbatch.bundle.graph.gate import judge
from fashionbatch.bundle.manifest import BundleManifest
from fashionbatch.display_width import printable
from fashionbatch.errors import BundleError, RuntimeUnavailableError
from fashionbatch.specs import Precision


def choose_precision(
    manifest: BundleManifest, available: Sequence[Precision], requested: Precision | Literal["auto"]
) -> tuple[Precision, str]:
    """Choose a precision before a run; a run never changes it.

    `auto` takes the first of the available ones, fastest first, that is float32 or that the bundle's measurements
    allow, see `fashionbatch.bundle.graph.gate`.

    Args:
        manifest: of the bundle, which stores the measurements.
        available: what the runtime computes on this machine, the fastest first; `auto` passes over those that the
            bundle holds no graph for.
        requested: a precision, or `auto`.

    Returns:
        The precision, and a sentence that says why, for the user.

    Raises:
        BundleError: the bundle holds no graph for the requested one.
        RuntimeUnavailableError: the machine does not offer it.
    """
    if requested != "auto":
        if requested not in manifest.precisions:
            raise BundleError(
                f"bundle {printable(manifest.name)} holds no graph for {requested}, "
                f"only for {' and '.join(manifest.precisions)}",
                hint="`--precision auto` takes the fastest that is safe",
            )
        if requested not in available:
            raise RuntimeUnavailableError(
                f"precision {requested} is not available: this machine computes {', '.join(available) or 'none'} here",
                hint="`--precision auto` takes the fastest that is safe",
            )
        return requested, "as asked for"
    refused: list[str] = []
    for precision in available:
        if precision not in manifest.precisions:
            continue
        if precision == "float32":
            return precision, "; ".join(refused) or "the fastest that this machine computes here"
        verdict = judge(precision, manifest.precision_parity)
        if verdict.allowed:
            return precision, verdict.sentence
        refused.append(verdict.sentence)
    raise RuntimeUnavailableError(
        "no precision is safe: " + ("; ".join(refused) or "this machine offers none here"),
        hint="name one by `--precision`, or another `--runtime`",
    )
