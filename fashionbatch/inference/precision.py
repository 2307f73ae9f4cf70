"""Which arithmetic a network runs in, and why."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from fashionbatch.bundle.graph.gate import judge
from fashionbatch.bundle.manifest import BundleManifest
from fashionbatch.display_width import printable
from fashionbatch.errors import BundleError, RuntimeUnavailableError
from fashionbatch.specs import Precision

EXACTNESS: tuple[Precision, ...] = ("float32", "bfloat16", "int8")
"""The precisions, the most exact first."""
LEAST_GAIN = 1.15
"""How many times as fast a less exact precision must be to displace a more exact one. Two measurements of one network
on a quiet machine differ by less, so the choice does not change with the weather."""


@dataclass(frozen=True)
class PrecisionChoice:
    """The precision of a run, and what it was chosen by.

    Attributes:
        precision: the arithmetic.
        reason: why that one, in words for the user.
        rates: images a second in each precision, where they were timed on this machine.
        untimed: the precisions that might be the better choice, this one among them, where nobody has timed them here;
            empty where there is but one, or where nothing can change the choice any more.
    """

    precision: Precision
    reason: str
    rates: Mapping[Precision, float] = field(default_factory=dict)
    untimed: tuple[Precision, ...] = ()


def choose_precision(
    manifest: BundleManifest,
    available: Sequence[Precision],
    requested: Precision | Literal["auto"],
    rates: Mapping[Precision, float] | None = None,
) -> PrecisionChoice:
    """Choose a precision before a run; a run never changes it.

    `auto` takes float32 or what the bundle's measurements allow, see `fashionbatch.bundle.graph.gate`. Among those it
    goes by the rates that were measured on this machine, see `fastest`; where they are not known it takes the first
    that is available.

    Args:
        manifest: of the bundle, which says what fared how.
        available: what the runtime computes on this machine, first what is the fastest as far as it can tell; `auto`
            passes over those that the bundle holds no graph for.
        requested: a precision, or `auto`.
        rates: images a second in each precision; None where they were not measured.

    Raises:
        BundleError: the bundle holds no graph for the requested one.
        RuntimeUnavailableError: the machine does not offer it.
    """
    if requested != "auto":
        require_precision(manifest, available, requested)
        return PrecisionChoice(requested, "as asked for")
    held = [precision for precision in available if precision in manifest.precisions]
    verdicts = {precision: judge(precision, manifest.precision_parity) for precision in held if precision != "float32"}
    allowed = tuple(precision for precision in held if precision == "float32" or verdicts[precision].allowed)
    refused = [verdict.sentence for verdict in verdicts.values() if not verdict.allowed]
    if not allowed:
        raise RuntimeUnavailableError(
            "no precision is safe: " + ("; ".join(refused) or "this machine offers none here"),
            hint="name one by `--precision`, or another `--runtime`",
        )
    known = {precision: rates[precision] for precision in allowed if rates and precision in rates}
    is_timed = len(known) == len(allowed)
    chosen = fastest(known) if is_timed else allowed[0]
    others = [precision for precision in allowed if precision != chosen]
    reasons = []
    if others:
        reasons.append(
            _comparison(chosen, known)
            if is_timed
            else f"not timed here against {' and '.join(others)} (`classify --measure` does it)"
        )
    if chosen != "float32":
        reasons.append(verdicts[chosen].sentence)
    reason = "; ".join(reasons + refused) or "the fastest that this machine computes here"
    return PrecisionChoice(
        chosen, reason, known if is_timed and others else {}, allowed if others and not is_timed else ()
    )


def require_precision(
    manifest: BundleManifest, available: Collection[Precision], precision: Precision, hint: str | None = None
) -> None:
    """Insist on a precision that was settled by somebody else than this machine.

    Args:
        manifest: of the bundle.
        available: what the runtime computes on this machine.
        precision: the one.
        hint: what to do where it is not there.

    Raises:
        BundleError: the bundle holds no graph for it.
        RuntimeUnavailableError: the machine does not offer it.
    """
    hint = hint or "`--precision auto` takes the fastest that is safe"
    if precision not in manifest.precisions:
        raise BundleError(
            f"bundle {printable(manifest.name)} holds no graph for {precision}, "
            f"only for {' and '.join(manifest.precisions)}",
            hint=hint,
        )
    if precision not in available:
        raise RuntimeUnavailableError(
            f"precision {precision} is not available: this machine computes {', '.join(available) or 'none'} here",
            hint=hint,
        )


def fastest(rates: Mapping[Precision, float]) -> Precision:
    """The precision to take by the rates that were measured: a less exact one only for a clear gain.

    Each, from the most exact one on, is displaced by the next one that is at least `LEAST_GAIN` times as fast.

    Args:
        rates: images a second, of one precision at least.

    Example:
        >>> fastest({"float32": 301.0, "bfloat16": 210.0, "int8": 724.0})
        'int8'
        >>> fastest({"float32": 301.0, "int8": 340.0})
        'float32'
    """
    chosen, *others = sorted(rates, key=EXACTNESS.index)
    for precision in others:
        if rates[precision] >= LEAST_GAIN * rates[chosen]:
            chosen = precision
    return chosen


def _comparison(chosen: Precision, rates: Mapping[Precision, float]) -> str:
    """Such as `724 images/s against 301 in float32`."""
    others = [f"{rate_text(rates[other])} in {other}" for other in EXACTNESS if other in rates and other != chosen]
    too_little = max(rates.values()) > rates[chosen]
    gain = f", too little gained by less exact arithmetic (it takes {LEAST_GAIN} times)" if too_little else ""
    return f"{rate_text(rates[chosen])} images/s against {' and '.join(others)}{gain}"


def rate_text(rate: float) -> str:
    """A rate as a person would say it: `724`, or `3.2` where there are few."""
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"
