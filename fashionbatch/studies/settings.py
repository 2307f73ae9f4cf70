"""What `sweep --set` says: a place in the recipe, and the values that are tried there."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fashionbatch.errors import FashionBatchError

_PAIRS = {"[": "]", "{": "}"}
_QUOTES = "'\""
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_RANGE = re.compile(rf"(?P<log>log:)?\s*(?P<low>{_NUMBER})\s*\.\.\s*(?P<high>{_NUMBER})")
_WIDE = 100.0
"""A range whose ends are so many times apart is searched by magnitude, as rates are."""
_LONGEST_VALUE = 24
_LONGEST_NAME = 80
_ODD = re.compile(r"[^\w.+-]+", re.ASCII)


@dataclass(frozen=True)
class Choice:
    """Values that are tried, each as it was written.

    Attributes:
        place: dotted, such as `training.optimizer.learning_rate`.
        values: YAML, at least one and none twice.
    """

    place: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Range:
    """Numbers between two ends, of which a search draws.

    Attributes:
        place: dotted.
        low: the least number.
        high: the largest.
        by_magnitude: whether 1e-4 to 1e-3 is tried as often as 1e-3 to 1e-2.
        whole: whether only whole numbers are tried; so it is where both ends are written as such.
    """

    place: str
    low: float
    high: float
    by_magnitude: bool
    whole: bool

    def text(self, value: float) -> str:
        """A number as a recipe has it; four significant digits are enough to tell trials apart and to be read."""
        return str(round(value)) if self.whole else f"{value:.4g}"


def parse_setting(text: str) -> Choice | Range:
    """Read one `PLACE=VALUES`.

    Commas part the values, but not within brackets, braces and quotation marks: `[64],[64,32]` are two lists, and
    `"a,b"` is one text. Two numbers with two dots between them are a range: `1e-5..1e-2`.

    Raises:
        FashionBatchError: it is something else, a value is missing or there twice, or a range has no numbers in it.

    Example:
        >>> parse_setting("head.dropout=0.2,0.5")
        Choice(place='head.dropout', values=('0.2', '0.5'))
        >>> parse_setting("architecture.dense=[64],[64, 32]").values
        ('[64]', '[64, 32]')
        >>> parse_setting("training.optimizer.learning_rate=1e-5..1e-2").by_magnitude
        True
    """
    place, equals, given = text.partition("=")
    place = place.strip()
    if not equals or not place:
        raise FashionBatchError(
            f"--set {text}: must be PATH=VALUES, such as training.optimizer.learning_rate=1e-3,1e-4"
        )
    found = _RANGE.fullmatch(given.strip())
    if found is not None:
        return _range(text, place, found)
    values = split_values(given)
    if not all(values):
        raise FashionBatchError(f"--set {text}: a value is missing", hint='an empty text is written as ""')
    twice = next((value for value in values if values.count(value) > 1), None)
    if twice is not None:
        raise FashionBatchError(f"--set {text}: the value {twice} is there twice")
    return Choice(place, tuple(values))


def split_values(text: str) -> list[str]:
    """The parts between commas that stand in no brackets, braces or quotation marks, without blanks around them."""
    parts: list[str] = []
    open_: list[str] = []
    start, quote = 0, ""
    for position, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in _QUOTES and not text[start:position].strip(" [{,:"):
            quote = character
        elif character in _PAIRS:
            open_.append(_PAIRS[character])
        elif open_ and character == open_[-1]:
            open_.pop()
        elif character == "," and not open_:
            parts.append(text[start:position])
            start = position + 1
    return [part.strip() for part in (*parts, text[start:])]


def _range(text: str, place: str, found: re.Match[str]) -> Range:
    low, high = float(found["low"]), float(found["high"])
    if not low < high or not math.isfinite(high):
        raise FashionBatchError(f"--set {text}: a range begins with its lower end, and {low:g} is not below {high:g}")
    if found["log"] and low <= 0:
        raise FashionBatchError(f"--set {text}: what is searched by magnitude begins above 0")
    whole = all(re.fullmatch(r"[+-]?\d+", found[end]) for end in ("low", "high"))
    return Range(place, low, high, bool(found["log"]) or (low > 0 and high / low > _WIDE), whole)


def run_name(settings: Mapping[str, str], labels: Mapping[str, str]) -> str:
    """A name for a run's folder that says its settings, and is the same whatever else is tried.

    Args:
        settings: place -> value, as written.
        labels: place -> what it is called in names.

    Example:
        >>> run_name({"training.optimizer.learning_rate": "1e-3", "architecture.dense": "[64, 32]"},
        ...          {"training.optimizer.learning_rate": "learning_rate", "architecture.dense": "dense"})
        'learning_rate=1e-3,dense=64-32'
    """
    parts = []
    for place, value in settings.items():
        plain = _ODD.sub("-", value).strip("-")
        if len(plain) > _LONGEST_VALUE or not plain:
            plain = f"{plain[:_LONGEST_VALUE]}-{_digest(value)}".lstrip("-")
        parts.append(f"{labels[place]}={plain}")
    name = ",".join(parts)
    return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}-{_digest(dict(settings))}"


def labels_of(places: Sequence[str]) -> dict[str, str]:
    """Place -> the fewest of its last parts that no other place ends with.

    Example:
        >>> labels_of(["head.dropout", "architecture.dropout", "training.seed"])
        {'head.dropout': 'head.dropout', 'architecture.dropout': 'architecture.dropout', 'training.seed': 'seed'}
    """
    labels = {}
    for place in places:
        parts = place.split(".")
        ends = (".".join(parts[-count:]) for count in range(1, len(parts) + 1))
        others = [other for other in places if other != place]
        end = next((end for end in ends if not any(f".{other}".endswith(f".{end}") for other in others)), place)
        labels[place] = _ODD.sub("-", end)
    return labels


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode("utf-8", "surrogatepass")).hexdigest()[:6]
