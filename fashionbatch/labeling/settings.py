"""Parameters of runtimes, writers and engines as the command line gives them: `KEY=VALUE`, checked by their models."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from fashionbatch.errors import FashionBatchError
from fashionbatch.specs import Parameters, Spec


def checked_parameters(
    spec: Spec, settings: Sequence[str], option: str, defaults: Mapping[str, str] = MappingProxyType({})
) -> Parameters:
    """The parameters of a component, as its own model has checked them.

    Args:
        spec: the component.
        settings: `KEY=VALUE` each; the value is YAML, as with `train --set`. A key may be dotted.
        option: what the user calls it, such as `--runtime-set`, for errors.
        defaults: what the user has set elsewhere, and where: a place such as `FASHIONBATCH_RAY_ACTORS=4` -> the setting
            `actors=4`. `settings` go before it.

    Raises:
        RecipeError: a setting is malformed, unknown, given without need, or not what the component takes.
        FashionBatchError: the component needs parameters that are not given.
    """
    # Reading YAML and describing what a model takes is imported only where something is set: it costs start-up time.
    if (
        not settings
        and not defaults
        and not any(field.is_required() for field in spec.parameters.model_fields.values())
    ):
        return spec.parameters()
    from fashionbatch.recipe.layering import settings_tree
    from fashionbatch.recipe.validate import validate

    given = [*defaults.items(), *((f"{option} {setting}", setting) for setting in settings)]
    tree, problems = settings_tree(given, option, "KEY=VALUE")
    parameters, found = validate(spec.parameters, tree)
    problems += found
    if problems or parameters is None:
        raise FashionBatchError(
            "\n".join(str(problem) for problem in problems),
            hint=f"`fashionbatch plugins show {spec.kind} {spec.name}` says what it takes",
        )
    return parameters


def in_environment(spec: Spec) -> dict[str, str]:
    """What the environment says of a component's parameters, as `checked_parameters` takes it.

    The parameter `actors` of the engine `ray` is FASHIONBATCH_RAY_ACTORS; an empty variable says nothing.
    """
    names = {field: f"FASHIONBATCH_{spec.name}_{field}".upper().replace("-", "_") for field in _fields(spec)}
    values = {field: os.environ.get(name, "") for field, name in names.items()}
    return {f"{names[field]}={value}": f"{field}={value}" for field, value in values.items() if value}


def _fields(spec: Spec) -> list[str]:
    return list(spec.parameters.model_fields)
