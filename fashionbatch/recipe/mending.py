"""How to mend a value of a recipe that was nearly right: what would be written for what was written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from fashionbatch import names
from fashionbatch.recipe.nodes import Node, scalar_value
from fashionbatch.recipe.words import Schema

_YAML_1_1 = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}
_NONE = frozenset({"none", "off", "no", "nil", "never", "false", "disabled"})
_COLOURS = {"white": "ffffff", "black": "000000", "grey": "808080", "gray": "808080"}
_SEPARATED = re.compile(r"[(\[]?\s*(\d+)\s*[x×X*,;]\s*(\d+)\s*[)\]]?")
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")


def suggestion(node: Node, schemas: Sequence[Schema]) -> str:
    """How to mend a value that was nearly right, beginning with "; "; empty where that cannot be guessed.

    Args:
        node: the value.
        schemas: every schema that may hold in its place, with references and unions opened.
    """
    if isinstance(node.value, str):
        choices = [value for schema in schemas for value in schema.get("enum", [schema.get("const")])]
        if meant := names.suggestion(node.value, [one for one in choices if isinstance(one, str)], otherwise=""):
            return meant
    for schema in schemas:
        mended = (
            _scalar(node, schema)
            or _pair(node, schema)
            or _colour(node, schema)
            or _list(node, schema)
            or _mapping(node, schema)
        )
        if mended:
            return f"; {mended}"
    if isinstance(node.value, str) and node.value.lower() in _NONE and {"type": "null"} in [*schemas]:
        return "; write null for none"
    texts = [schema for schema in schemas if schema.get("type") == "string" and not schema.keys() & {"enum", "const"}]
    if texts and isinstance(node.value, bool | int | float):
        return f'; write "{node.text}", with quotes, if that is the text'
    return ""


def _scalar(node: Node, schema: Schema) -> str:
    kind, value = schema.get("type"), node.value
    if isinstance(value, str):
        if kind == "boolean" and value.lower() in _YAML_1_1:
            return f"write {_YAML_1_1[value.lower()]}"
        if kind in {"integer", "number"} and (number := _number(value)) is not None:
            return "remove the quotes" if _takes(schema, number) else ""
        if kind in {"integer", "number"} and (mended := _number_in(value)):
            return mended
    if kind == "integer" and isinstance(value, float) and value.is_integer() and _takes(schema, int(value)):
        return f"write {int(value)}"
    if kind == "number" and (share := _percentage(node)) is not None and _is_share(schema):
        return f"write {share / 100:g} for {share:g} percent"
    return ""


def _pair(node: Node, schema: Schema) -> str:
    """Height and width, where one number, `224x224` or an image's whole shape was written."""
    entries = schema.get("prefixItems", [])
    if len(entries) != 2 or {entry.get("type") for entry in entries} != {"integer"}:
        return ""
    numbers = [item.value for item in node.items] or [node.value]
    if isinstance(node.value, str):
        if re.fullmatch(r"\(\s*\d+", node.value):
            return "lists stand in [ ], not in ( )"
        found = _SEPARATED.fullmatch(node.value)
        numbers = [int(number) for number in found.groups()] if found else _whole([node.value])
    if not numbers or not all(isinstance(number, int) and not isinstance(number, bool) for number in numbers):
        return ""
    behind = "; the number of channels has a key of its own" if len(numbers) == 3 else ""
    return f"write [{numbers[0]}, {numbers[1] if len(numbers) > 1 else numbers[0]}]{behind}"


def _whole(texts: Sequence[str]) -> list[Any]:
    return [int(text) for text in texts if text.isdecimal()]


def _colour(node: Node, schema: Schema) -> str:
    """Red, green and blue, where a colour was named or written as on web pages."""
    entries = schema.get("prefixItems", [])
    if len(entries) != 3 or not isinstance(node.value, str):
        return ""
    found = re.fullmatch(r"#?([0-9a-fA-F]{6})", _COLOURS.get(node.value.lower(), node.value))
    return f"write {list(bytes.fromhex(found[1]))}" if found else ""


def _list(node: Node, schema: Schema) -> str:
    """A list of one, where its entry was written alone."""
    if schema.get("type") != "array" or not isinstance(schema.get("items"), dict):
        return ""
    if isinstance(node.value, str) and node.value:
        return "a space is missing behind '-'" if node.value.startswith("-") else f"write [{node.value}]"
    if isinstance(node.value, int | float) and schema["items"].get("type") in {"integer", "number"}:
        return "" if isinstance(node.value, bool) else f"write [{node.text}]"
    if not node.is_mapping:
        return ""
    return "begin each entry with '- '" if schema["items"].get("type") == "object" and node.entries else ""


def _mapping(node: Node, schema: Schema) -> str:
    """A section of one entry, where the entry's value was written alone."""
    properties: dict[str, Any] = schema.get("properties", {})
    if schema.get("title") == "Component" and len(node.items) == 1 and isinstance(node.items[0].value, str):
        return f"write {node.items[0].value}, without brackets"
    if schema.get("title") == "Component" or schema.get("type") != "object" or not properties:
        return ""
    if node.value is True and not schema.get("required"):
        return "write {} for its usual values"
    if isinstance(node.value, dict | tuple | bool | None):
        return ""
    for key, inner in properties.items():
        if _accepts(inner, node.value):
            return f"write {{{key}: {node.text}}}"
    return ""


def _accepts(schema: Schema, value: object) -> bool:
    """Whether a property takes a value that nothing else would be meant by."""
    for choice in schema.get("anyOf", [schema]):
        if isinstance(value, str):
            taken = value in choice.get("enum", [])
        else:
            kind = "integer" if isinstance(value, int) else "number"
            taken = choice.get("type") == kind and _takes(choice, value)
        if taken or ("oneOf" in choice and _accepts({"anyOf": choice["oneOf"]}, value)):
            return True
    return False


def _takes(schema: Schema, value: Any) -> bool:
    return bool(
        schema.get("minimum", value) <= value <= schema.get("maximum", value)
        and not value <= schema.get("exclusiveMinimum", value - 1)
        and not value >= schema.get("exclusiveMaximum", value + 1)
    )


def _is_share(schema: Schema) -> bool:
    """Whether a number is a part of a whole, at most 1."""
    return schema.get("maximum", schema.get("exclusiveMaximum")) == 1


def _percentage(node: Node) -> float | None:
    if isinstance(node.value, str):
        found = _PERCENT.fullmatch(node.value.strip())
        value = float(found[1]) if found else 0.0
    else:
        value = float(node.value) if isinstance(node.value, int | float) else 0.0
        value = value if value >= 2 else 0.0
    return value if 0 < value < 100 else None


def _number_in(text: str) -> str:
    """How to write a number that something stands behind or within."""
    if re.fullmatch(r"\d{1,3}([,_' ]\d{3})+", text):
        return f"write {''.join(filter(str.isdecimal, text))}"
    if (found := re.fullmatch(r"([\d.]+)#.*", text)) and _number(found[1]) is not None:
        return "a comment needs a space before its '#'"
    found = re.fullmatch(r"([\d.]+)\s*[;,]", text)
    return f"write {found[1]}" if found and _number(found[1]) is not None else ""


def _number(text: str) -> float | None:
    try:
        value = scalar_value(text)
    except ValueError:
        return None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
