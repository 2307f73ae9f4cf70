"""Whether an exported file gives what its bundle gives, by the format's own runtime."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fashionbatch.bundle.graph.gate import judge
from fashionbatch.bundle.graph.record import PrecisionRecord
from fashionbatch.decisions import DecisionRule
from fashionbatch.errors import BundleError
from fashionbatch.evaluation.measures.parity import measure_parity
from fashionbatch.exporting.kinds import ExportDtype

TOLERANCE = 1e-4
"""How far a probability may be from the bundle's where nothing was rounded on purpose."""


class LabelsLostError(BundleError):
    """Rounded weights that do not keep the labels.

    Attributes:
        sentence: how many they keep, and what that may cost.
    """

    def __init__(self, dtype: ExportDtype, sentence: str) -> None:
        super().__init__(
            f"weights of {dtype} do not keep the labels: {sentence}; nothing was written",
            hint="--dtype float32 keeps them",
        )
        self.sentence = sentence


@dataclass(frozen=True)
class Agreement:
    """How an exported file fared.

    Attributes:
        record: its labels beside the bundle's.
        difference: the largest between two probabilities.
        sentence: the same in words, for the user.
    """

    record: PrecisionRecord
    difference: float
    sentence: str


def require_agreement(
    given: NDArray[np.float32],
    expected: NDArray[np.float32],
    rule: DecisionRule,
    dtype: ExportDtype,
    *,
    exact: bool,
    targets: NDArray[np.float32] | None = None,
    source: Literal["validation", "photos"] = "photos",
) -> Agreement:
    """Compare what a file gives with what the bundle gives.

    Args:
        given: float32 `(n, outputs)`, n > 0, by the format's runtime.
        expected: the same by the bundle.
        rule: by which both become labels.
        dtype: of the weights, for messages.
        exact: whether every label has to be the same, and each probability to 1e-4. Otherwise the labels have to pass
            the gate by which `--precision auto` takes int8.
        targets: float32 `(n, outputs)`, what is right; None where nobody knows.
        source: where the images come from.

    Raises:
        BundleError: they do not agree; the message says by how much. It is a `LabelsLostError` where the gate does not
            let rounded numbers through.
    """
    if given.shape != expected.shape or not np.isfinite(given).all():
        raise BundleError(
            f"the exported network gives an array {given.shape} with numbers that are none, or not the "
            f"{expected.shape} of the bundle"
        )
    record = measure_parity(targets, expected, given, rule, source=source)
    difference = float(np.abs(given - expected).max())
    if exact:
        changed = record.images - record.same_label
        told = (
            f"{record.same_label:,} of {record.images:,} labels as the bundle's, probabilities within {difference:.2g}"
        )
        if changed or difference > TOLERANCE:
            raise BundleError(
                f"the exported network is not the bundle's: {told}; nothing was written",
                hint=f"all labels have to be the same, and probabilities within {TOLERANCE:g}",
            )
        return Agreement(record, difference, told)
    verdict = judge("int8", {"int8": record})
    sentence = verdict.sentence.removeprefix("int8 ")
    if not verdict.allowed:
        raise LabelsLostError(dtype, sentence)
    return Agreement(record, difference, f"{sentence.removeprefix('it ')}, probabilities within {difference:.2g}")
