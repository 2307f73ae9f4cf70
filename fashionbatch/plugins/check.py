"""What a spec must be, so that nothing of it fails later."""

from __future__ import annotations

import re
from collections.abc import Callable

from fashionbatch.specs import API_VERSION, Parameters, Spec

_NAME = re.compile(r"[a-z][a-z0-9_]*")


def check_spec(spec: object, expected: type[Spec]) -> None:
    """Check all of a spec that a hook yielded.

    Raises:
        TypeError: it is not of its hook's type, or a field is not of its own.
        ValueError: a field holds what it must not.
    """
    kind = expected.kind
    if not isinstance(spec, expected):
        raise TypeError(f"{expected.hook} must yield {expected.__name__}, got {type(spec).__name__}")
    if spec.api != API_VERSION:
        raise ValueError(f"{kind} {spec.name!r} is written for plugin API {spec.api}; this is {API_VERSION}")
    if not isinstance(spec.name, str) or not _NAME.fullmatch(spec.name):
        raise ValueError(f"{kind} name {spec.name!r} must be lower case letters, digits and underscores")
    if not (isinstance(spec.parameters, type) and issubclass(spec.parameters, Parameters)):
        raise TypeError(f"{kind} {spec.name!r}: parameters must be a subclass of fashionbatch.specs.Parameters")
    if spec.parameters.model_config.get("extra") != "forbid":
        raise TypeError(f"{kind} {spec.name!r}: its parameters must forbid unknown keys")
    if "name" in spec.parameters.model_fields:
        raise TypeError(f"{kind} {spec.name!r}: a parameter cannot be called 'name', which names the component")
    if not spec.summary.strip() or "\n" in spec.summary:
        raise ValueError(f"{kind} {spec.name!r} needs a summary of one line")
    for name in ("load", "build", "open", "run", "encode", "assemble", "precisions"):
        if hasattr(spec, name) and not isinstance(getattr(spec, name), Callable):  # type: ignore[arg-type]
            raise TypeError(f"{kind} {spec.name!r}: {name} must be callable")
