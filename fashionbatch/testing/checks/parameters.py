"""What every kind of component promises: of its parameters, and of what loading its plugin costs."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from fashionbatch.testing.fresh import heavy_imports
from fashionbatch.testing.subject import CheckFunction, ContractError, Subject, require

_UNKNOWN = "no_such_parameter"


def check_parameters_are_documented(subject: Subject) -> None:
    """Every parameter says what it means, nested ones too, since `plugins show` and editors print it."""
    schema = subject.spec.parameters.model_json_schema()
    silent = [".".join(path) for path, field in _fields_of(schema) if not str(field.get("description") or "").strip()]
    require(
        not silent,
        f"parameters without a description: {', '.join(silent)}",
        "write Field(..., description='...') with the unit and what the value does",
    )


def check_unknown_parameters_are_refused(subject: Subject) -> None:
    """A misspelt key is an error, also beside right ones and inside nested parameters."""
    remedy = (
        "derive every model, nested ones too, from fashionbatch.specs.Parameters, and do not drop keys in validators"
    )
    schema = subject.spec.parameters.model_json_schema()
    lenient = [
        ".".join(path) or "the parameters"
        for path, schema_of in _objects_of(schema)
        if schema_of.get("additionalProperties", True) is not False
    ]
    require(not lenient, f"unknown keys are accepted in: {', '.join(lenient)}", remedy)
    _require_refusal(subject, {**subject.given, _UNKNOWN: 1}, "an unknown parameter", remedy)
    dumped = subject.parameters.model_dump(mode="json", by_alias=True)
    for path in _models_within(subject.parameters):
        changed = copy.deepcopy(dumped)
        place: Any = changed
        for step in path:
            place = place[step]
        place[_UNKNOWN] = 1
        _require_refusal(subject, changed, f"an unknown key in {'.'.join(map(str, path))}", remedy)


def check_parameters_have_a_json_schema(subject: Subject) -> None:
    """Editors complete and check recipes by it, and a resolved recipe stores the parameters as plain data."""
    json.dumps(subject.spec.parameters.model_json_schema())
    parameters = subject.parameters
    dumped = parameters.model_dump(mode="json", by_alias=True)
    again = subject.spec.parameters.model_validate(json.loads(json.dumps(dumped)))
    require(
        again == parameters,
        f"the parameters do not survive being written to a recipe and read again: {parameters!r} became {again!r}",
        "use types that JSON has, or a validator that reads what the serializer writes",
    )


def check_parameters_do_not_change(subject: Subject) -> None:
    """Parameters are values: two runs of one recipe get the same, whatever a component did to them."""
    fields = type(subject.parameters).model_fields
    if not fields:
        return
    require(
        subject.parameters == subject.parameters,
        f"the same recipe gives other parameters each time: {subject.parameters!r} and {subject.parameters!r}",
        "draw nothing and ask no clock in a default: a recipe that is resolved twice is the same recipe",
    )
    name = next(iter(fields))
    try:
        setattr(subject.parameters, name, getattr(subject.parameters, name))
    except ValidationError:
        return
    raise ContractError(
        f"parameters can be assigned to: {name} was", "keep `frozen=True`, which fashionbatch.specs.Parameters sets"
    )


def check_loading_imports_no_framework(subject: Subject) -> None:
    """Plugins are loaded to be listed and to label: a framework is imported where it is used."""
    if subject.distribution is None:
        return
    heavy = heavy_imports(subject.distribution)
    require(
        not heavy,
        f"loading the plugins of {subject.distribution} imports {', '.join(heavy)}",
        "move these imports, and imports of modules that need them, into the functions that use them",
    )


def _require_refusal(subject: Subject, values: Mapping[str, Any], what: str, remedy: str) -> None:
    try:
        subject.spec.parameters.model_validate(values)
    except ValidationError as error:
        problems = {problem["type"] for problem in error.errors()}
        require(
            "extra_forbidden" in problems,
            f"{what} was not among the problems that are reported: {', '.join(sorted(problems))}",
            remedy,
        )
        return
    raise ContractError(f"{what} was accepted", remedy)


def _objects_of(schema: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """The model itself and every object with named properties that a parameter may hold, with where it stands."""
    definitions = schema.get("$defs", {})
    seen: set[str] = set()

    def walk(node: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
        if isinstance(node, list):
            for item in node:
                yield from walk(item, path)
            return
        if not isinstance(node, dict):
            return
        reference = str(node.get("$ref", "")).rpartition("/")[2]
        if reference and reference not in seen:
            seen.add(reference)
            yield from walk(definitions[reference], path)
        if "properties" in node:
            yield path, node
            for name, field in node["properties"].items():
                yield from walk(field, (*path, name))
        for key in ("items", "prefixItems", "anyOf", "oneOf", "allOf", "additionalProperties"):
            yield from walk(node.get(key), path)

    yield from walk({key: value for key, value in schema.items() if key != "$defs"}, ())


def _fields_of(schema: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    for path, node in _objects_of(schema):
        for name, field in node["properties"].items():
            yield (*path, name), field


def _models_within(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where models stand inside the parameters, by the keys of what `model_dump` makes of them."""
    if isinstance(value, BaseModel):
        if path:
            yield path
        for name, field in type(value).model_fields.items():
            yield from _models_within(getattr(value, name), (*path, field.serialization_alias or field.alias or name))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _models_within(item, (*path, key))
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _models_within(item, (*path, index))


CHECKS: tuple[CheckFunction, ...] = (
    check_parameters_are_documented,
    check_unknown_parameters_are_refused,
    check_parameters_have_a_json_schema,
    check_parameters_do_not_change,
    check_loading_imports_no_framework,
)
