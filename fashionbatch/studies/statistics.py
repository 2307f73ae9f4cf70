"""What several runs say together: mean, deviation, and how far the mean is known."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

CONFIDENCE = 0.95
METHOD_OF_RUNS = "Student's t over the runs, 95%"
METHOD_OF_IMAGES = "Wilson's score interval by the number of images, 95%"


@dataclass(frozen=True)
class Spread:
    """A figure of several runs.

    Attributes:
        mean: of all runs.
        deviation: the sample standard deviation; None for one run.
        low: where the interval of the mean begins; None for one run.
        high: where it ends.
        values: of each run, in their order.
    """

    mean: float
    deviation: float | None
    low: float | None
    high: float | None
    values: tuple[float, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {**asdict(self), "values": list(self.values)}


def spread_of(values: Sequence[float], *, is_share: bool = False) -> Spread:
    """Mean, sample standard deviation and the interval of the mean by Student's t.

    The interval says where the mean of very many such runs would lie, if runs differ as normal numbers do. It says
    nothing of the images: all runs were judged by the same ones.

    Args:
        values: at least one number.
        is_share: whether they are in 0..1 by their nature, as an accuracy is; so is the interval then.

    Example:
        >>> found = spread_of([0.8, 0.9, 1.0])
        >>> round(found.mean, 3), round(found.deviation, 3), round(found.low, 3), round(found.high, 3)
        (0.9, 0.1, 0.652, 1.148)
    """
    mean = statistics.fmean(values)
    if len(values) < 2:
        return Spread(mean, None, None, None, tuple(values))
    deviation = statistics.stdev(values)
    half = student_t(len(values) - 1) * deviation / math.sqrt(len(values))
    low, high = mean - half, mean + half
    if is_share:
        low, high = max(low, 0.0), min(high, 1.0)
    return Spread(mean, deviation, low, high, tuple(values))


def student_t(freedom: int) -> float:
    """The two-sided quantile of Student's t for the confidence of all intervals here.

    Example:
        >>> round(student_t(2), 4)
        4.3027
    """
    from scipy.special import stdtrit  # what scikit-learn computes with

    return float(stdtrit(freedom, (1 + CONFIDENCE) / 2))


def wilson(share: float, count: int) -> tuple[float, float]:
    """Where a share lies that was measured on some images, were there very many of them.

    E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22 (1927).

    Args:
        share: 0..1, such as an accuracy; of several runs on the same images their mean.
        count: the images, at least one.

    Example:
        >>> [round(bound, 4) for bound in wilson(0.9, 100)]
        [0.8256, 0.9448]
    """
    z = statistics.NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return max(0.0, middle - half), min(1.0, middle + half)
