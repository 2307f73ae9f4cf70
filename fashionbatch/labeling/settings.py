"""Parameters of runtimes, writers and engines as the command line gives them: `KEY=VALUE`, checked by their models."""

from __future__ import annotations

from collections.abc import Sequence

from fashionbatch.errors import FashionBatchError
from fashionbatch.specs import Parameters, Spec


def checked_parameters(spec: Spec, settings: Sequence[str], option: str) -> Parameters:
    """The parameters of a component, as its own model has checked them.

    Args:
        spec: the component.
        settings: `KEY=VALUE` each; the value is YAML, as with `train --set`. A key may be dotted.
        option: what the user calls it, such as `--runtime-set`, for errors.

    Raises:
        RecipeError: a setting is malformed, unknown, given without need, or not what the component takes.
        FashionBatchError: the component needs parameters that are not given.
    """
    # Reading YAML and describing what a model takes is imported only where something is set: it costs start-up time.
    if not settings and not any(field.is_required() for field in spec.parameters.model_fields.values()):
        return spec.parameters()
    from fashionbatch.recipe.layering import settings_tree
    from fashionbatch.recipe.validate import validate

    tree, problems = settings_tree(settings, option, "KEY=VALUE")
    parameters, found = validate(spec.parameters, tree)
    problems += found
    if problems or parameters is None:
        raise FashionBatchError(
            "\n".join(str(problem) for problem in problems),
            hint=f"`fashionbatch plugins show {spec.kind} {spec.name}` says what it takes",
        )
    return parameters
