"""The gate before a faster precision: whether its labels are as good as those of float32, from counts of images.

`--precision auto` takes a precision only where this lets it through. It does so on one of two conditions:

1. it kept at least 99% of the labels and cost at most 0.2 points of accuracy, as counted;
2. with 95% confidence it costs at most 0.5 points of accuracy, whatever labels changed. The confidence is that of
   Tango's score interval for the difference of paired proportions (T. Tango, Statistics in Medicine 17, 1998,
   891-908): both precisions labeled the same images, so only those tell that one alone labeled right, as in McNemar's
   test. Unlike the textbook's interval it says something of small counts, and where both were always right together:
   then the bound is z²/(n + z²), which is 0.5 points from 539 images on. A precision that costs 0.5 points or more is
   let through in about 5% of all cases, and in 6.7% at worst, with 539 images.

Where nobody knows the right labels, every changed label counts as one that was right.

All is computed in whole numbers and fractions, so the answer at a border is the same everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from fashionbatch.bundle.graph.record import PrecisionRecord
from fashionbatch.specs import Precision

SAME_LABELS_LIMIT = Fraction(99, 100)
"""The share of images that must keep the label that float32 gives."""
ACCURACY_LOSS_LIMIT = Fraction(2, 1000)
"""The accuracy that a faster precision may cost as counted, as a share of all images."""
LOSS_BOUND_LIMIT = Fraction(5, 1000)
"""The accuracy that it may cost with 95% confidence."""
TELLING_BOUND = Fraction(2, 100)
"""The accuracy that may be lost with 95% confidence from which on so few images are said to prove little."""
ONE_SIDED_95 = Fraction("2.705543454095404")
"""The square of the 95% quantile of the normal distribution."""
_STEPS = 10_000
"""The bound is given in hundredths of a point of accuracy, rounded up."""


@dataclass(frozen=True)
class Verdict:
    """Whether `auto` may take a precision.

    Attributes:
        allowed: whether it may.
        sentence: why, for the user: `it kept 99.8% of the labels on 12,000 validation images`; where it may not, the
            precision is named: `int8 kept only 95.0% of ...`.
        loss_bound: the accuracy that the precision costs at most with 95% confidence, as a share of all images; None
            where the counts do not say it.
    """

    allowed: bool
    sentence: str
    loss_bound: Fraction | None = None


def judge(precision: Precision, parity: Mapping[Precision, PrecisionRecord]) -> Verdict:
    """Judge a precision by how it fared.

    Args:
        precision: any but float32, which the others are compared with.
        parity: what was measured, of each precision; `BundleManifest.precision_parity`.

    Returns:
        The verdict, the same wherever it is computed.

    Example:
        >>> from fashionbatch.bundle.graph.record import PairedCounts
        >>> both = PairedCounts(both_right=900, only_float32_right=1, only_this_right=0, neither_right=99)
        >>> measured = PrecisionRecord(images=1000, right=900, same_label=998, against_float32=both)
        >>> judge("int8", {"int8": measured}).sentence
        'it kept 99.8% of the labels on 1,000 validation images'
    """
    record = parity.get(precision)
    if record is None:
        return _unknown(precision)
    if record.right is None:
        return _judge_changes(precision, record)
    if record.against_float32 is None:
        return _judge_shares(precision, record, parity.get("float32"))
    lost, won = record.against_float32.only_float32_right, record.against_float32.only_this_right
    bound = loss_bound(lost, won, record.images)
    if _keeps_labels(record) and Fraction(lost - won, record.images) <= ACCURACY_LOSS_LIMIT:
        return Verdict(True, f"it {_kept(record)}{_proves_little(bound)}", bound)
    points = f"{100 * float(abs(bound)):.2f} points of accuracy"
    if bound <= LOSS_BOUND_LIMIT:
        outcome = f"gained at least {points}" if bound < 0 else f"cost at most {points}"
        return Verdict(True, f"it {_kept(record)} and {outcome} (95% confidence)", bound)
    return Verdict(False, f"{precision} {_kept(record)} and may have cost {points} (95% confidence)", bound)


def _judge_changes(precision: Precision, record: PrecisionRecord) -> Verdict:
    """Where nobody knows the right labels: each change is counted as a loss, so that these are at most as many."""
    changed = record.images - record.same_label
    bound = loss_bound(changed, 0, record.images)
    if Fraction(changed, record.images) <= ACCURACY_LOSS_LIMIT or bound <= LOSS_BOUND_LIMIT:
        return Verdict(True, f"it {_kept(record)}{_proves_little(bound)}", bound)
    return Verdict(False, f"{precision} {_kept(record)}, and each change may be a loss", bound)


def _judge_shares(precision: Precision, record: PrecisionRecord, float32: PrecisionRecord | None) -> Verdict:
    """By the first condition alone: format 1 did not count the images that one precision alone labeled right."""
    if float32 is None or float32.right is None or record.right is None:
        return _unknown(precision)
    if not _keeps_labels(record):
        return Verdict(False, f"{precision} {_kept(record)}")
    loss = Fraction(float32.right, float32.images) - Fraction(record.right, record.images)
    if loss > ACCURACY_LOSS_LIMIT:
        return Verdict(False, f"{precision} cost {100 * float(loss):.2f} points of accuracy on {_images(record)}")
    return Verdict(True, f"it {_kept(record)}")


def _unknown(precision: Precision) -> Verdict:
    return Verdict(False, f"the bundle does not say whether {precision} keeps its labels")


def loss_bound(lost: int, won: int, images: int, *, squared_quantile: Fraction = ONE_SIDED_95) -> Fraction:
    """The upper end of Tango's interval for the accuracy that was lost.

    Args:
        lost: images that float32 alone labeled right.
        won: images that the other precision alone labeled right.
        images: all of them.
        squared_quantile: of the normal distribution: 95% one-sided.

    Returns:
        A share of all images, -1..1, in hundredths of a point and rounded up; negative where accuracy was gained.
    """
    low, high = -_STEPS, _STEPS
    while high - low > 1:
        middle = (low + high) // 2
        if _is_excluded(Fraction(middle, _STEPS), lost, won, images, squared_quantile):
            high = middle
        else:
            low = middle
    return Fraction(high, _STEPS)


def _is_excluded(loss: Fraction, lost: int, won: int, images: int, squared_quantile: Fraction) -> bool:
    """Whether the score test rejects that so much accuracy, or more, is lost.

    Its statistic is (lost - won - images·loss) / sqrt(images·(2q + loss·(1 - loss))), q being the likeliest share of
    images that the other precision alone labels right if the loss is this one: the larger root of a quadratic. So that
    no root is ever taken, the statistic is solved for q, and q compared with the quadratic.
    """
    surplus = images * loss - (lost - won)
    if surplus <= 0:
        return False
    largest = (surplus**2 / (squared_quantile * images) - loss * (1 - loss)) / 2
    square = 2 * images
    linear = (2 * images - lost + won) * loss - lost - won
    constant = -won * loss * (1 - loss)
    is_beyond_the_vertex = 2 * square * largest + linear >= 0
    return is_beyond_the_vertex and square * largest**2 + linear * largest + constant >= 0


def _keeps_labels(record: PrecisionRecord) -> bool:
    return Fraction(record.same_label, record.images) >= SAME_LABELS_LIMIT


def _kept(record: PrecisionRecord) -> str:
    """How many labels were kept; the share is rounded down, so that 100% means every one."""
    share = f"{1000 * record.same_label // record.images / 10:.1f}%"
    return f"kept {'' if _keeps_labels(record) else 'only '}{share} of the labels on {_images(record)}"


def _proves_little(bound: Fraction) -> str:
    """What few images leave open; empty where they prove enough."""
    if bound <= TELLING_BOUND:
        return ""
    return f", so few that up to {100 * float(bound):.1f} points of accuracy may be lost all the same (95% confidence)"


def _images(record: PrecisionRecord) -> str:
    if record.source == "validation":
        return f"{record.images:,} validation images"
    return f"{record.images:,} photos" + (" without labels" if record.right is None else "")
