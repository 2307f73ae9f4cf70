"""The text of `bundle.json` -> BundleManifest. The text may be anybody's."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from pydantic import ValidationError

from fashionbatch.bundle.format_1 import ManifestOfFormat1
from fashionbatch.bundle.manifest import FORMAT_VERSION, LABEL_LIMIT, READABLE_FORMATS, BundleManifest
from fashionbatch.display_width import printable
from fashionbatch.errors import BundleError

_DEPTH_LIMIT = 32
# The closing quote is optional, so that a string without end is walked once, not once for each quote in it.
_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
_SHOWN_PROBLEMS = 5
_VALUES_LIMIT = 8 * LABEL_LIMIT
"""Values in the whole text, by its commas: two names of each label, thresholds of each precision, and room."""


def parse_manifest(data: bytes, *, name: str) -> BundleManifest:
    """Parse and check the bytes of a `bundle.json`.

    JSON itself leaves open what several texts mean, so those are refused: duplicate keys, NaN and infinities, lone
    surrogates, encodings other than UTF-8, and nesting deeper than 32.

    Args:
        data: the file's bytes; their number is the caller's to limit.
        name: what messages call the file.

    Raises:
        BundleError: not JSON, not a bundle's, of another version, or with fields that make no sense.
    """
    if _depth(data) > _DEPTH_LIMIT:
        raise BundleError(f"{name}: nested deeper than {_DEPTH_LIMIT}, so FashionBatch did not write it")
    # Counted before parsing, which takes twenty times the memory of the text.
    if data.count(b",") > _VALUES_LIMIT:
        raise BundleError(
            f"{name}: holds more than {_VALUES_LIMIT:,} values; a bundle has {LABEL_LIMIT:,} labels at most"
        )
    try:
        text = data.decode("utf-8")
        document = json.loads(
            text, object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant, parse_float=_finite
        )
    except UnicodeDecodeError as error:
        raise BundleError(f"{name}: not UTF-8 text: {error.reason} at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise BundleError(f"{name}:{error.lineno}:{error.colno}: not JSON: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{name}: {error}") from None
    version = _readable_version(document, name)
    try:
        if version == 1:
            return ManifestOfFormat1.model_validate_json(text, strict=True).upgrade()
        return BundleManifest.model_validate_json(text, strict=True)
    except ValidationError as error:
        raise BundleError(f"{name}: {_describe(error)}") from None


def _depth(data: bytes) -> int:
    # Counted before parsing: both JSON parsers recurse.
    deepest = depth = 0
    for match in _STRING_OR_BRACKET.finditer(data):
        if match[0] in {b"[", b"{"}:
            depth += 1
            deepest = max(deepest, depth)
        elif match[0] in {b"]", b"}"}:
            depth -= 1
    return deepest


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"key {_brief(key)} occurs twice in one object")
        found[key] = value
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{_brief(text)} is no number that a computer holds")
    return number


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number in JSON")


def _readable_version(document: Any, name: str) -> int:
    if not isinstance(document, dict) or "format_version" not in document:
        raise BundleError(
            f"{name}: not FashionBatch's: it has no format_version",
            hint="`fashionbatch bundle import` makes a bundle from a model of another program",
        )
    version = document["format_version"]
    # True equals 1, and 1.0 does.
    if type(version) is int and version in READABLE_FORMATS:
        return version
    readable = " and ".join(map(str, READABLE_FORMATS))
    if type(version) is int and version > FORMAT_VERSION:
        raise BundleError(
            f"{name}: written by a newer FashionBatch (format {_brief(version)}); this one reads {readable}",
            hint="update FashionBatch",
        )
    raise BundleError(f"{name}: bundle format {_brief(version)}; this FashionBatch reads {readable}")


def _describe(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_input=False)
    lines = []
    for problem in problems[:_SHOWN_PROBLEMS]:
        where = ".".join(str(part) for part in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        lines.append(printable(f"{where}: {message}" if where else message))
    if len(problems) > _SHOWN_PROBLEMS:
        lines.append(f"and {len(problems) - _SHOWN_PROBLEMS} more")
    return "; ".join(lines)


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
