"""The JSON schema of a recipe (draft 2020-12) with the components that are installed, for editors.

It knows what `validate` knows: names, parameters, types, ranges and short forms. What holds between parts of a recipe
(`plan.checks`) no schema says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from fashionbatch.recipe.forms import LISTS
from fashionbatch.recipe.schema import VERSION, Recipe
from fashionbatch.recipe.words import Schema, json_schema_of
from fashionbatch.registry import Registry
from fashionbatch.specs import PLAIN_FIGURES

DRAFT = "https://json-schema.org/draft/2020-12/schema"
# The key under which a component stands says its kind.
_KIND_OF_KEY = {
    "source": "dataset",
    "architecture": "architecture",
    "head": "head",
    "loss": "loss",
    "augmentation": "augmentation",
    "optimizer": "optimizer",
    "schedule": "schedule",
    "metrics": "metric",
    "callbacks": "callback",
}
_LISTED = frozenset(LISTS.values())
"""The kinds that stand in lists alone."""
_INHERITED = "Parameters of the one that is inherited."
_NAMED = {"$ref": "#/$defs/named"}


def recipe_schema(registry: Registry) -> Schema:
    """The schema of recipes that name the registry's components."""
    schema = _without_titles(Recipe.model_json_schema())
    definitions: dict[str, Schema] = schema.pop("$defs")
    definitions.pop("Component")
    schema = _with_kinds(schema, "")
    definitions = {name: _with_kinds(definition, "") for name, definition in definitions.items()}
    for kind in _KIND_OF_KEY.values():
        definitions |= _definitions_of_kind(kind, _registered(registry, kind))
    definitions["schedule"]["anyOf"].insert(
        0, {"type": "number", "exclusiveMinimum": 0, "description": "A constant rate."}
    )
    definitions["EarlyStopping"]["properties"]["monitor"] |= _figure(registry.names("metric"))
    definitions["named"] = {"if": {"type": "object"}, "then": {"required": ["name"]}}
    _allow_inheriting(schema, definitions)
    for key in ("optimizer", "schedule"):
        phase = definitions["Phase"]["properties"]
        phase[key] = {"allOf": [phase[key], _NAMED]}
    return {
        "$schema": DRAFT,
        "$id": f"urn:fashionbatch:recipe:{VERSION}",
        "title": f"FashionBatch recipe, version {VERSION}",
        **schema,
        "$defs": dict(sorted(definitions.items())),
    }


def schema_text(registry: Registry) -> str:
    """`recipe_schema` as text that ends with a line end."""
    return json.dumps(recipe_schema(registry), indent=2, ensure_ascii=False) + "\n"


def _figure(metrics: Sequence[str]) -> Schema:
    """What may be monitored; a metric that stands several times has its parameters in the name of its figure."""
    figures = [*PLAIN_FIGURES, *metrics]
    known: Schema = {"enum": figures + [f"val_{name}" for name in figures]}
    several: Schema = {"pattern": f"^(val_)?({'|'.join(metrics)})_"}
    return {"anyOf": [known, several]} if metrics else known


_Component = tuple[Sequence[str], str, type[BaseModel]]


def _registered(registry: Registry, kind: str) -> list[_Component]:
    """Each component of a kind: the names that mean it, its summary, its parameters."""
    entries = list(registry.entries(kind))
    claims = [entry.spec.name for entry in entries]
    return [
        (
            ([entry.spec.name] if claims.count(entry.spec.name) == 1 else []) + [entry.qualified_name],
            entry.spec.summary,
            entry.spec.parameters,
        )
        for entry in entries
    ]


def _definitions_of_kind(kind: str, components: Sequence[_Component]) -> dict[str, Schema]:
    definitions: dict[str, Schema] = {}
    short: list[str] = []
    long: list[Schema] = []
    for names, summary, model in components:
        definition, inner = _parameters(model, f"{kind}.{names[-1].replace('/', '.')}")
        definitions |= inner
        if not definition.get("required"):
            short += names
        long.append(
            {
                "type": "object",
                "description": summary,
                "properties": {"name": {"enum": list(names)}, **definition.get("properties", {})},
                "required": ["name", *definition.get("required", [])],
                "additionalProperties": definition.get("additionalProperties", False),
            }
        )
    choices: list[Any] = [{"enum": short}, *long] if short else long
    if kind not in _LISTED:  # lists are never merged
        choices.append({"type": "object", "not": {"required": ["name"]}, "description": _INHERITED})
    definitions[kind] = {"anyOf": choices or [False]}
    return definitions


def _parameters(model: type[BaseModel], prefix: str) -> tuple[Schema, dict[str, Schema]]:
    """The schema of a component's parameters, and the definitions that it refers to under names of their own."""
    schema = _without_titles(json_schema_of(model))
    if not schema:
        return {"additionalProperties": True}, {}  # a type of the plugin's own: only planning can check it
    inner = schema.pop("$defs", {})
    return _renamed(schema, prefix), {f"{prefix}.{name}": _renamed(part, prefix) for name, part in inner.items()}


def _renamed(schema: Any, prefix: str) -> Any:
    if isinstance(schema, Mapping):
        return {
            key: f"#/$defs/{prefix}.{value.rpartition('/')[2]}"
            if key == "$ref" and isinstance(value, str)
            else _renamed(value, prefix)
            for key, value in schema.items()
        }
    return [_renamed(item, prefix) for item in schema] if isinstance(schema, list) else schema


def _with_kinds(schema: Any, key: str) -> Any:
    """The schema with `Component` replaced by the kind that stands under each key."""
    if isinstance(schema, list):
        return [_with_kinds(item, key) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    result: Schema = {}
    for name, value in schema.items():
        if name == "properties":
            result[name] = {property_: _with_kinds(inner, property_) for property_, inner in value.items()}
        elif name == "$ref" and value == "#/$defs/Component":
            result[name] = f"#/$defs/{_KIND_OF_KEY[key]}"
        else:
            result[name] = _with_kinds(value, key)
    return result


def _allow_inheriting(schema: Schema, definitions: Mapping[str, Schema]) -> None:
    """What a recipe must have, only where it does not inherit it."""
    named = dict.fromkeys(("architecture", "head", "loss"), _NAMED)
    schema["properties"] = {
        "extends": {"type": "string", "description": "A recipe file that this one inherits, relative to this file."},
        **schema["properties"],
    }
    schema["if"] = {"required": ["extends"]}
    schema["else"] = {
        "required": schema.pop("required"),
        "properties": {
            **named,
            "data": {"required": definitions["Data"].pop("required"), "properties": {"source": _NAMED}},
            "training": {"properties": {"optimizer": _NAMED, "schedule": _NAMED}},
        },
    }
    definitions["ImageSpec"].pop("required")
    schema["else"]["properties"]["data"]["properties"]["image"] = {"required": ["size"]}


def _without_titles(schema: Any) -> Any:
    """Pydantic names every field by its own key; a property may be called `title`, which is a mapping."""
    if isinstance(schema, Mapping):
        return {
            key: _without_titles(value)
            for key, value in schema.items()
            if not (key == "title" and isinstance(value, str))
        }
    return [_without_titles(item) for item in schema] if isinstance(schema, list) else schema
