"""What every component says of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

API_VERSION = 1
"""The plugin API that this FashionBatch speaks; every spec carries the one that it was written for."""


class Parameters(BaseModel):
    """The base of every component's parameters: unknown keys are errors, values do not change, defaults are checked.

    Field types, constraints, defaults and descriptions are what `plugins show` prints and what the JSON schema for
    editors is made of.

    Example:
        >>> from pydantic import Field
        >>> class Blur(Parameters):
        ...     sigma: float = Field(1.0, gt=0, description="Standard deviation in pixels.")
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What every component says of itself.

    Attributes:
        name: how recipes call it: lower case letters, digits and underscores.
        summary: one line for `plugins list`.
        parameters: the pydantic model of its parameters; `Parameters` itself where it has none.
        api: the plugin API version that the spec was written for.
    """

    kind: ClassVar[str]
    """What recipes and commands call this sort of component."""
    hook: ClassVar[str]
    """The hook that yields components of this kind."""

    name: str
    summary: str
    parameters: type[Parameters] = Parameters
    api: int = API_VERSION


def value_of(parameters: Parameters, name: str | None) -> Any:
    """The value of the parameter of that name; None where there is none, or it is not set."""
    return getattr(parameters, name) if name is not None and name in type(parameters).model_fields else None
