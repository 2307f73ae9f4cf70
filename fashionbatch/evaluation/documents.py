"""Figures as JSON that people can read too: one line for each row of numbers, not for each number."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_INDENT = 2


def json_text(document: Mapping[str, Any]) -> str:
    """A document as JSON with a final line end. Lists of plain values stand on one line.

    Args:
        document: mappings with texts as keys, lists, texts, numbers, booleans and None.

    Raises:
        ValueError: a number is not finite, which JSON cannot say.

    Example:
        >>> print(json_text({"confusion": [[3, 0], [1, 2]]}), end="")
        {
          "confusion": [
            [3, 0],
            [1, 2]
          ]
        }
    """
    return _text(document, 0) + "\n"


def _text(value: Any, depth: int) -> str:
    if isinstance(value, Mapping) and value:
        lines = [f"{_scalar(str(key))}: {_text(item, depth + 1)}" for key, item in value.items()]
        return _block("{", lines, "}", depth)
    if isinstance(value, list | tuple) and any(isinstance(item, Mapping | list | tuple) for item in value):
        return _block("[", [_text(item, depth + 1) for item in value], "]", depth)
    return _scalar(value)


def _block(begin: str, lines: list[str], end: str, depth: int) -> str:
    inner, outer = " " * (_INDENT * (depth + 1)), " " * (_INDENT * depth)
    return f"{begin}\n{inner}" + f",\n{inner}".join(lines) + f"\n{outer}{end}"


def _scalar(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
