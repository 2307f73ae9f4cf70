"""What recipes can name, as plain records."""

from __future__ import annotations

from dataclasses import dataclass

from fashionbatch.plugins.load import load_plugins
from fashionbatch.registry import Registry


@dataclass(frozen=True)
class Component:
    """Something that a recipe or a command can name.

    Attributes:
        kind: such as `architecture`, `loss` or `writer`.
        name: as a recipe names it.
        summary: one line about it.
        provider: the distribution that it comes with; `fashionbatch` for what is built in.
        version: of that distribution.
        parameters: the names of what it takes.
    """

    kind: str
    name: str
    summary: str
    provider: str
    version: str
    parameters: tuple[str, ...] = ()


def list_components(registry: Registry, kind: str | None = None) -> list[Component]:
    """The components of a registry, in its order; of one kind, or of all."""
    return [
        Component(
            kind=entry.spec.kind,
            name=entry.spec.name,
            summary=entry.spec.summary,
            provider=entry.provider.distribution,
            version=entry.provider.version,
            parameters=tuple(field.alias or name for name, field in entry.spec.parameters.model_fields.items()),
        )
        for entry in registry.entries(kind)
    ]


def plugins(kind: str | None = None) -> list[Component]:
    """Every component that recipes and commands can name, with who provides it.

    Args:
        kind: `architecture`, `augmentation`, `dataset`, `head`, `loss`, `runtime`, `writer` and so on; None for all.

    Returns:
        A record a component, by kind and name; `pandas.DataFrame(fb.plugins())` makes a table of them.

    Raises:
        ValueError: there is no such kind.

    Warns:
        PluginWarning: for each plugin that could not be loaded.

    Example:
        >>> import fashionbatch as fb
        >>> [component.name for component in fb.plugins("head")]
        ['binary', 'multiclass', 'multilabel']
    """
    from fashionbatch.specs import KINDS

    if kind is not None and kind not in KINDS:
        raise ValueError(f"there is no kind {kind!r}; there are {', '.join(KINDS)}")
    return list_components(load_plugins().registry, kind)
