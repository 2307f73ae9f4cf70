"""A component under check, and the error that says which promise it breaks and how to mend it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from pydantic import ValidationError

from fashionbatch.plugins import load_plugins
from fashionbatch.registry import Registry
from fashionbatch.specs import Parameters, Spec

MadeT = TypeVar("MadeT")


class ContractError(AssertionError):
    """A promise that a component does not keep.

    Args:
        problem: what was seen, with the value that is wrong.
        remedy: what its author can do, as a whole sentence without a capital.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}\n  mend it: {remedy}")
        self.problem = problem
        self.remedy = remedy

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.problem, self.remedy))


def require(holds: object, problem: str, remedy: str) -> None:
    """Insist on something.

    Raises:
        ContractError: it does not hold.
    """
    if not holds:
        raise ContractError(problem, remedy)


@dataclass(frozen=True)
class Subject:
    """A component under check, with the parameters that its author gave as an example.

    Attributes:
        spec: what the plugin yielded.
        example: parameters, as a recipe would give them.
        distribution: the normalised name of who provides it, None where it is not registered; a fresh process can load
            only what is.
        base: the folder that relative paths of the example are relative to.
        known: what is registered, where that is at hand.
        made: what checks of this component have built and others can use.
        reader: of a writer whose format nobody else reads: a table's bytes -> its rows by column.
    """

    spec: Spec
    example: Mapping[str, Any]
    distribution: str | None = None
    base: Path = field(default_factory=Path.cwd)
    reader: Callable[[bytes], list[dict[str, Any]]] | None = None
    known: Registry | None = field(default=None, repr=False, compare=False)
    made: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def key(self) -> str:
        """How examples and reports call it: `kind/name`."""
        return f"{self.spec.kind}/{self.spec.name}"

    @property
    def parameters(self) -> Parameters:
        """The checked parameters: the example's, or what the parameters' own model gives as one, or the defaults.

        Raises:
            ContractError: a parameter has no default and no example was given, or the example is not valid.
        """
        given = self.given
        missing = [name for name in required_names(self.spec.parameters) if name not in given]
        require(
            not missing,
            f"{self.key} needs {', '.join(missing)} and has no example, so that nothing of it can be run",
            f"give one: examples={{'{self.key}': {{'{missing[0] if missing else ''}': ...}}}} to "
            "parametrize_with_checks, Field(examples=[...]) at the parameter, or "
            f"--example {self.key}={json.dumps(dict.fromkeys(missing, '...'))} to `plugins check`",
        )
        try:
            return self.spec.parameters.model_validate(dict(given))
        except ValidationError as error:
            raise ContractError(
                f"{self.key} cannot be made from {dict(given)}: {_first_problem(error)}",
                f"give a valid example by the key '{self.key}'" if given else "give defaults that are valid",
            ) from error

    @property
    def given(self) -> Mapping[str, Any]:
        """The example, completed by the first `examples` that the fields of the parameters' model have."""
        fields = self.spec.parameters.model_fields
        own = {
            field.alias or name: field.examples[0]
            for name, field in fields.items()
            if field.is_required() and field.examples
        }
        return {**own, **self.example}

    @property
    def registry(self) -> Registry:
        """Everything that is registered here, for what one component says of another."""
        if self.known is not None:
            return self.known
        return self.once("registry", lambda: load_plugins().registry)

    def once(self, what: str, make: Callable[[], MadeT]) -> MadeT:
        """What several checks of this component need and takes long to make; made by the first that asks."""
        if what not in self.made:
            self.made[what] = make()
        made: MadeT = self.made[what]
        return made


CheckFunction: TypeAlias = Callable[[Subject], None]
"""Raises ContractError where the component breaks the promise."""


def required_names(parameters: type[Parameters]) -> list[str]:
    """The parameters without a default, as a recipe spells them."""
    return [field.alias or name for name, field in parameters.model_fields.items() if field.is_required()]


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, problem['loc'])) or 'parameters'}: {problem['msg']}"
