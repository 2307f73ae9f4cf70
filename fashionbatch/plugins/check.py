"""What a plugin and its specs must be, so that nothing of them fails later. Each message names hook and component."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import re
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pluggy
from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from fashionbatch import hookspecs
from fashionbatch.errors import PluginError
from fashionbatch.names import suggestion
from fashionbatch.specs import API_VERSION, Spec

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_SUFFIX = re.compile(r"\.[a-z0-9][a-z0-9_+-]*")
HOOKS = frozenset(name for name, value in vars(hookspecs).items() if hasattr(value, f"{hookspecs.PROJECT}_spec"))
"""The names of all hooks."""


def check_hooks(plugin: object, manager: pluggy.PluginManager) -> None:
    """Check the functions of a plugin that are hooks, or look as if they were meant to be.

    Raises:
        PluginError: a function of a hook's name is not marked, one is marked that is no hook, or a hook is a coroutine.
    """
    for name in dir(plugin):
        function = getattr(plugin, name, None)
        options = manager.parse_hookimpl_opts(plugin, name)
        if options is None:
            if name in HOOKS and callable(function) and not hasattr(function, f"{hookspecs.PROJECT}_spec"):
                raise PluginError(f"{name} is not marked with @hookimpl, so nobody would call it")
            continue
        hook = options.get("specname") or name
        if hook not in HOOKS:
            raise PluginError(f"{hook} is marked with @hookimpl and is no hook{suggestion(hook, sorted(HOOKS))}")
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            raise PluginError(f"{hook} is a coroutine; a hook is a plain function")


def specs_in(returned: object, expected: type[Spec]) -> Iterator[Spec]:
    """The specs that a hook returned, each checked.

    Raises:
        PluginError: it returned something else than specs of its kind, a field holds what it must not, or two specs
            have one name.
    """
    hook = expected.hook
    if returned is None:
        return
    if isinstance(returned, Spec):
        raise PluginError(f"{hook} returned {expected.kind} {returned.name!r} alone; it must yield it or return a list")
    if isinstance(returned, str | bytes | Mapping) or not hasattr(returned, "__iter__"):
        raise PluginError(f"{hook} returned {returned!r}; it must yield specs, or return a list of them")
    seen: set[str] = set()
    for spec in returned:
        check_spec(spec, expected)
        if spec.name in seen:
            raise PluginError(f"{hook} yields two specs named {spec.name!r}")
        seen.add(spec.name)
        yield spec


def check_spec(spec: object, expected: type[Spec]) -> None:
    """Check all of a spec that a hook yielded: each field by its annotation, and what annotations cannot say.

    Raises:
        PluginError: it is not of its hook's type, or a field holds what it must not.
    """
    if not isinstance(spec, expected):
        raise PluginError(f"{expected.hook} must yield {expected.__name__}, got {type(spec).__name__}")
    who = f"{expected.hook}: {expected.kind} {spec.name!r}"
    if spec.api != API_VERSION:
        raise PluginError(f"{who} is written for plugin API {spec.api!r}; this is {API_VERSION}")
    fields = _fields(expected)  # type: ignore[arg-type]  # a class is hashable, whatever its instances are
    try:
        fields.__pydantic_validator__.validate_python({name: getattr(spec, name) for name in fields.model_fields})
    except ValidationError as error:
        raise PluginError(f"{who}: {_wrong_field(error)}") from None
    for field, problem_of in _FURTHER.items():
        problem = problem_of(getattr(spec, field)) if field in fields.model_fields else None
        if problem:
            raise PluginError(f"{who}: {problem}")
    for field in fields.model_fields:
        value = getattr(spec, field)
        if inspect.iscoroutinefunction(value) or inspect.isasyncgenfunction(value):
            raise PluginError(f"{who}: {field} is a coroutine; it must be a plain function")


class _Anything:
    """Stands for a framework in annotations, which are read where it is not imported."""

    def __getattr__(self, name: str) -> _Anything:
        return self


@functools.cache
def _fields(spec_type: type[Spec]) -> type[BaseModel]:
    """A model of a spec type's fields, made of their annotations."""
    hints = typing.get_type_hints(spec_type, localns={"keras": _Anything()})
    fields: dict[str, Any] = {field.name: (hints[field.name], ...) for field in dataclasses.fields(spec_type)}
    return create_model(spec_type.__name__, __config__=ConfigDict(strict=True, arbitrary_types_allowed=True), **fields)


def _wrong_field(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place} {first['msg'].replace('Input should be', 'must be', 1)}, got {first['input']!r}"


def _name_problem(name: str) -> str | None:
    if _NAME.fullmatch(name):
        return None
    return "its name must be lower case letters, digits and underscores, and begin with a letter"


def _summary_problem(summary: str) -> str | None:
    return None if summary.strip() and "\n" not in summary else "needs a summary of one line"


def _parameters_problem(parameters: type[BaseModel]) -> str | None:
    if parameters.model_config.get("extra") != "forbid":
        return "its parameters must forbid unknown keys"
    if "name" in parameters.model_fields:
        return "a parameter cannot be called 'name', which names the component"
    return None


def _loss_problem(loss: str) -> str | None:
    return None if loss.strip() else "default_loss must name a loss"


def _decodings_problem(decodings: tuple[str, ...]) -> str | None:
    return None if decodings else "decodings must name one decoding at least"


def _shape_problem(shape: tuple[int, int, int]) -> str | None:
    height, width, channels = shape
    if height > 0 and width > 0 and channels in {1, 3}:
        return None
    return f"example_shape must be (height, width, channels) with 1 or 3 channels, got {shape}"


def _suffix_problem(suffix: str) -> str | None:
    if _SUFFIX.fullmatch(suffix):
        return None
    return f"suffix must be a dot and then lower case letters or digits, such as '.csv', got {suffix!r}"


_FURTHER: Mapping[str, Callable[[Any], str | None]] = {
    "name": _name_problem,
    "summary": _summary_problem,
    "parameters": _parameters_problem,
    "default_loss": _loss_problem,
    "decodings": _decodings_problem,
    "example_shape": _shape_problem,
    "suffix": _suffix_problem,
}
"""What the fields of these names must be, beside their types."""
