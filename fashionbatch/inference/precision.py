"""Which arithmetic a network runs in, and why."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Literal

from fashionbatch.bundle.manifest import BundleManifest
from fashionbatch.display_width import printable
from fashionbatch.errors import BundleError, RuntimeUnavailableError
from fashionbatch.specs import Precision

ACCURACY_LOSS_LIMIT = Fraction(2, 1000)
"""The accuracy that a faster precision may cost, as a share of all images."""
SAME_LABELS_LIMIT = Fraction(99, 100)
"""The share of images that must keep the label that float32 gives."""


def choose_precision(
    manifest: BundleManifest, available: Sequence[Precision], requested: Precision | Literal["auto"]
) -> tuple[Precision, str]:
    """Choose a precision before a run; a run never changes it.

    `auto` takes the first of the available ones, fastest first, that is float32 or that the bundle's measurements on
    its validation split allow: at most 0.2 points of accuracy lost, and at least 99% of the labels kept.

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
        problem = _problem(manifest, precision)
        if problem is None:
            record = manifest.precision_parity[precision]
            return precision, (
                f"it kept {record.same_labels:.2%} of the labels of float32 on {record.images:,} validation images"
            )
        refused.append(problem)
    raise RuntimeUnavailableError(
        "no precision is safe: " + ("; ".join(refused) or "this machine offers none here"),
        hint="name one by `--precision`, or another `--runtime`",
    )


def _problem(manifest: BundleManifest, precision: Precision) -> str | None:
    """Why `auto` does not take a precision, None where it may."""
    record, reference = manifest.precision_parity.get(precision), manifest.precision_parity.get("float32")
    if record is None or reference is None:
        return f"the bundle does not say whether {precision} keeps its labels"
    if Fraction(record.same_label, record.images) < SAME_LABELS_LIMIT:
        return f"{precision} kept only {record.same_labels:.2%} of the labels on {record.images:,} validation images"
    loss = Fraction(reference.right, reference.images) - Fraction(record.right, record.images)
    if loss > ACCURACY_LOSS_LIMIT:
        return f"{precision} cost {100 * float(loss):.2f} points of accuracy on {record.images:,} validation images"
    return None
