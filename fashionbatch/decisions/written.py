"""Probabilities as a table writes them, with six significant digits.

What a user asks for with `--threshold` is compared with what a reader of the table sees. float32 has no 0.9, but a
table says 0.9 for the number next to it, and that reaches a threshold of 0.9.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import lru_cache

import numpy as np

_BITS_OF_INFINITY = 0x7F800000


def as_written(probability: float) -> float:
    """The number that a table shows for a probability."""
    return float(f"{probability:.6g}")


@lru_cache
def least_that_reaches(minimum: float) -> np.float32:
    """The smallest float32 that a table writes as `minimum` or more.

    Comparing with it decides as comparing each written number would, at once for a whole array.

    Args:
        minimum: at least 0.
    """
    # The bit patterns of floats from 0 on are in the order of their values, so one can search them like a sorted list.
    bits = bisect_left(range(_BITS_OF_INFINITY), minimum, key=lambda pattern: as_written(_float_of(pattern)))
    return np.float32(_float_of(bits))


def _float_of(bits: int) -> float:
    return float(np.uint32(bits).view(np.float32))
