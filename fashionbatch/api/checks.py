"""What the command line's options check of a value before anything is done, for arguments of functions."""

from __future__ import annotations

from collections.abc import Collection
from numbers import Integral, Real

from fashionbatch.names import closest

LARGEST_BATCH = 1024
PRECISIONS = ("auto", "float32", "bfloat16", "int8")
_LONGEST_S = 1e6
"""The operating system cannot wait for much longer."""


def check_count(name: str, value: object, least: int = 1, most: int | None = None) -> None:
    """Insist on a whole number from `least` to `most`; None of `most` is no bound.

    Raises:
        TypeError: it is no whole number.
        ValueError: it is out of range.

    Example:
        >>> check_count("topk", 0)
        Traceback (most recent call last):
        ValueError: topk must be at least 1, got 0
    """
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise TypeError(f"{name} must be a whole number, got {value!r}")
    if most is not None and not least <= int(value) <= most:
        raise ValueError(f"{name} must be from {least} to {most}, got {value}")
    if int(value) < least:
        raise ValueError(f"{name} must be at least {least}, got {value}")


def check_share(name: str, value: object) -> None:
    """Insist on a number from 0 to 1, or None.

    Raises:
        TypeError: it is no number.
        ValueError: it is out of range.
    """
    if value is not None and not 0 <= _number(name, value) <= 1:
        raise ValueError(f"{name} must be from 0 to 1, got {value}")


def check_seconds(name: str, value: object) -> None:
    """Insist on seconds that can be waited for.

    Raises:
        TypeError: it is no number.
        ValueError: it is not between 0 and 1,000,000.
    """
    if not 0 < _number(name, value) < _LONGEST_S:
        raise ValueError(f"{name} must be between 0 and 1,000,000 seconds, got {value}")


def check_choice(name: str, value: object, choices: Collection[str]) -> None:
    """Insist on one of the choices.

    Raises:
        ValueError: it is none of them.
    """
    if value not in choices:
        meant = closest(value, choices) if isinstance(value, str) else None
        question = f"; did you mean {meant!r}?" if meant is not None else ""
        raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value!r}{question}")


def check_labeling(
    *, folder: object, files_from: object, shard: object, workers: object, limit: object, **given: object
) -> None:
    """See that the arguments of `classify` are in the ranges that its command's options have.

    Raises:
        ValueError: one is not, or there is nothing to label.
        TypeError: one is of another type.
    """
    if folder is None and files_from is None:
        raise ValueError("there is nothing to label: give a folder, or a list by files_from")
    if shard is not None and not _is_part(shard):
        raise ValueError(f"shard must be a part such as (2, 8), the second of eight; got {shard!r}")
    if workers is not None:
        check_count("workers", workers, 1, 256)
    if limit is not None:
        check_count("limit", limit)
    check_count("batch_size", given["batch_size"], 1, LARGEST_BATCH)
    check_count("topk", given["topk"])
    check_share("threshold", given["threshold"])
    check_share("accept_truncated", given["accept_truncated"])
    check_seconds("timeout", given["timeout"])
    check_choice("precision", given["precision"], PRECISIONS)
    check_choice("device", given["device"], ("cpu", "gpu"))
    check_choice("match", given["match"], ("time", "sha256"))
    check_choice("way", given["way"], ("link", "copy", "move"))


def _is_part(shard: object) -> bool:
    is_pair = isinstance(shard, tuple | list) and len(shard) == 2 and all(isinstance(one, int) for one in shard)
    return is_pair and 1 <= shard[0] <= shard[1]  # type: ignore[index]  # a pair it is


def _number(name: str, value: object) -> float:
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(f"{name} must be a number, got {value!r}")
    return float(value)
