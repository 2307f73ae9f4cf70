"""What a field accepts and what it was given, in plain words.

The words come from the field's JSON schema, so that unions and constraints read as one sentence and not as a list of
everything that was tried.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from pydantic import BaseModel
from pydantic.errors import PydanticInvalidForJsonSchema
from pydantic.json_schema import PydanticJsonSchemaWarning

from fashionbatch.recipe.nodes import Node, PathPart

Schema: TypeAlias = dict[str, Any]
_MAX_QUOTED = 60
_COMPONENT = "a name, or a mapping of 'name' and its parameters"
_PLURALS = {"a whole number": "whole numbers", "a number": "numbers", "text": "texts", _COMPONENT: "components"}


@functools.lru_cache(maxsize=256)
def json_schema_of(model: type[BaseModel]) -> Schema:
    """The model's JSON schema, not to be changed; empty where a plugin has types that none can describe."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PydanticJsonSchemaWarning)  # a default that JSON cannot show is no mistake
        try:
            return model.model_json_schema()
        except PydanticInvalidForJsonSchema:
            return {}
        except (Exception, SystemExit):  # noqa: BLE001 - a function that a plugin has put into its model's schema
            return {}


def schemas_at(root: Schema, path: Sequence[PathPart]) -> list[Schema]:
    """Every schema that may hold at a path of a document, with references and unions opened; empty for no place."""
    found = list(_alternatives(root, root))
    for part in path:
        found = [
            choice for schema in found for child in _children(schema, part) for choice in _alternatives(child, root)
        ]
    return found


def accepted(schemas: Sequence[Schema]) -> str:
    """What the schemas together accept, to stand after "must be"; empty where they say nothing of use."""
    values: list[str] = []
    kinds: list[str] = []
    for schema in schemas:
        if "const" in schema or "enum" in schema:
            values += [_literal(value) for value in schema.get("enum", [schema.get("const")])]
        elif text := _kind(schema):
            kinds.append(text)
    kinds = list(dict.fromkeys(kinds))
    if kinds != [_COMPONENT] and len(kinds) + len(values) > 1:
        kinds = [_bracketed(kind) for kind in kinds]
    return _joined([*dict.fromkeys(values), *kinds])


def received(node: Node) -> str:
    """What the user wrote, to stand after "got"."""
    if node.is_mapping:
        keys = [repr(key) for key in node.entries][:4]
        return f"a mapping with {_joined(keys, 'and')}" if keys else "an empty mapping"
    if isinstance(node.value, tuple):
        flat = ", ".join(received(item) for item in node.items)
        simple = all(not isinstance(item.value, tuple | dict) for item in node.items)
        return f"[{flat}]" if simple and len(flat) <= _MAX_QUOTED else f"a list of {len(node.items)}"
    if node.value is None:
        return "nothing"
    if isinstance(node.value, str):
        text = node.value if len(node.value) <= _MAX_QUOTED else node.value[: _MAX_QUOTED - 3] + "..."
        return repr(text)
    return node.text


def property_names(schemas: Sequence[Schema]) -> list[str]:
    """The keys that mappings of these schemas may have."""
    return list(dict.fromkeys(key for schema in schemas for key in schema.get("properties", {})))


def _alternatives(schema: Schema, root: Schema) -> Iterator[Schema]:
    if reference := schema.get("$ref"):
        name = str(reference).rsplit("/", 1)[-1]
        yield from _alternatives(root.get("$defs", {}).get(name, {}), root)
        return
    choices = schema.get("anyOf") or schema.get("oneOf")
    for choice in choices if choices else ():
        yield from _alternatives(choice, root)
    if choices:
        return
    entries = schema.get("items")
    if isinstance(entries, dict) and "$ref" in entries:
        schema = {**schema, "items": next(_alternatives(entries, root))}
    yield schema


def _children(schema: Schema, part: PathPart) -> Iterator[Schema]:
    if isinstance(part, int):
        prefix = schema.get("prefixItems", [])
        child = prefix[part] if 0 <= part < len(prefix) else schema.get("items")
    else:
        child = schema.get("properties", {}).get(part, schema.get("additionalProperties"))
    if isinstance(child, dict):
        yield child


def _kind(schema: Schema) -> str:  # noqa: PLR0911 - one return a JSON type
    match schema.get("type"):
        case "integer":
            return _ranged("a whole number", schema)
        case "number":
            return _ranged("a number", schema)
        case "boolean":
            return "true or false"
        case "string":
            return _text(schema)
        case "null":
            return "null"
        case "array":
            return _list(schema)
        case "object":
            return _mapping(schema)
    return ""


def _ranged(noun: str, schema: Schema) -> str:
    low = _bound(schema, (("minimum", "at least"), ("exclusiveMinimum", "larger than")))
    high = _bound(schema, (("maximum", "at most"), ("exclusiveMaximum", "below")))
    limits = " and ".join(limit for limit in (low, high) if limit)
    return f"{noun}, {limits}" if limits else noun


def _bound(schema: Schema, names: Sequence[tuple[str, str]]) -> str:
    return next((f"{words} {_figure(schema[name])}" for name, words in names if name in schema), "")


def _figure(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(value)


def _text(schema: Schema) -> str:
    longest, shortest = schema.get("maxLength"), schema.get("minLength")
    if longest is not None:
        return f"text of {shortest or 0} to {longest} characters"
    return "text that is not empty" if shortest else "text"


def _list(schema: Schema) -> str:
    entries = schema.get("prefixItems") or [schema.get("items")]
    kinds = {_kind(entry) for entry in entries if isinstance(entry, dict)}
    noun = _plural(kinds.pop()) if len(kinds) == 1 else ""
    least, most = schema.get("minItems"), schema.get("maxItems")
    if least is not None and least == most:
        return f"a list of {least} {noun or 'entries'}"
    text = f"a list of {noun}" if noun else "a list"
    return f"{text} with at least {least} of them" if least else text


def _plural(kind: str) -> str:
    noun, comma, limits = kind.partition(", ")
    plural = _PLURALS.get(kind) or _PLURALS.get(noun, "")
    return f"{plural}{f', each {limits}' if comma and kind not in _PLURALS else ''}" if plural else ""


def _mapping(schema: Schema) -> str:
    if schema.get("title") == "Component":
        return _COMPONENT
    keys = [repr(key) for key in schema.get("required") or schema.get("properties", {})]
    if keys:
        return f"a mapping with {_joined(keys[:6], 'and')}"
    values = schema.get("additionalProperties")
    kind = _kind(values) if isinstance(values, dict) else ""
    return f"a mapping of names to {_bracketed(kind)}" if kind else "a mapping"


def _bracketed(kind: str) -> str:
    """A range in brackets, where a comma would read as the next alternative."""
    noun, comma, limits = kind.partition(", ")
    return f"{noun} ({limits})" if comma and noun in {"a number", "a whole number"} else kind


def _literal(value: object) -> str:
    return (
        {True: "true", False: "false", None: "null"}[value]
        if value is None or value is True or value is False
        else repr(value)
    )


def _joined(words: Sequence[str], conjunction: str = "or") -> str:
    return f" {conjunction} ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
