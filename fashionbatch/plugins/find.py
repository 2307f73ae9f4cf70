"""Which plugins there are, and what their source says, before anything of them is imported."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from importlib import metadata
from importlib.machinery import PathFinder

from fashionbatch.hookspecs import PROJECT
from fashionbatch.installation import LIGHT
from fashionbatch.registry import BUILT_IN, Provider, normalised

VARIABLE = "FASHIONBATCH_PLUGINS"
"""The environment variable that says which distributions' plugins are loaded."""


@dataclass(frozen=True)
class FoundPlugin:
    """An entry point that may be loaded, before anything of it is imported."""

    name: str
    value: str
    provider: Provider
    entry_point: metadata.EntryPoint

    def __str__(self) -> str:
        return f"plugin {self.name!r} of {self.provider.distribution} {self.provider.version}"


@dataclass(frozen=True)
class Search:
    """What there is among the installed distributions.

    Attributes:
        plugins: those that the environment allows, by distribution and name.
        listed: the distributions that FASHIONBATCH_PLUGINS names; None where it is unset.
        left_out: the distributions whose plugins it leaves out.
    """

    plugins: tuple[FoundPlugin, ...]
    listed: frozenset[str] | None
    left_out: frozenset[str]

    @property
    def absent(self) -> list[str]:
        """The distributions that FASHIONBATCH_PLUGINS names, and of which no plugins are installed."""
        there = {found.provider.distribution for found in self.plugins}
        return sorted((self.listed or frozenset()) - there)

    @property
    def limits(self) -> str:
        """What FASHIONBATCH_PLUGINS does, for a message about what was not found; empty where it is unset."""
        if self.listed is None:
            return ""
        without = f" and leaves out {', '.join(sorted(self.left_out))}" if self.left_out else ""
        absent = f"; no plugins are installed of {', '.join(self.absent)}" if self.absent else ""
        return f"{VARIABLE} is set to {os.environ.get(VARIABLE, '')!r}{without}{absent}"


def find_plugins() -> list[FoundPlugin]:
    """Every entry point of the group that the environment allows, by distribution and name; imports nothing."""
    return list(search().plugins)


def search() -> Search:
    """Look for entry points of the group in every installed distribution; imports nothing.

    FASHIONBATCH_PLUGINS limits what is found: unset, everything; a comma-separated list, the built-ins and the
    distributions that it names; empty, the built-ins alone.
    """
    listed = _listed()
    found: dict[tuple[str, str, str], FoundPlugin] = {}
    left_out = set()
    for distribution in metadata.distributions():
        entry_points = distribution.entry_points.select(group=PROJECT)
        if not entry_points:
            continue
        name = normalised(distribution.metadata["Name"] or "unknown")
        if name == LIGHT:
            name = BUILT_IN  # the same code: a job that one of the two began goes on under the other
        if listed is not None and name not in {BUILT_IN, *listed}:
            left_out.add(name)
            continue
        provider = Provider(name, distribution.version)
        for entry_point in entry_points:
            # Editable installs and lib64 links show one distribution twice, and so does a light one beside the whole.
            key = (name, entry_point.name, entry_point.value)
            found.setdefault(key, FoundPlugin(entry_point.name, entry_point.value, provider, entry_point))
    return Search(tuple(found[key] for key in sorted(found)), listed, frozenset(left_out))


def may_implement(found: FoundPlugin, hooks: Collection[str]) -> bool:
    """Whether the plugin's source names one of the hooks, read without importing it; True where that is unclear."""
    source = _source_of(found.entry_point.module)
    if source is None or "hookimpl" not in source or "import *" in source:
        return True
    return any(hook in source for hook in hooks)


def _listed() -> frozenset[str] | None:
    text = os.environ.get(VARIABLE)
    if text is None:
        return None
    return frozenset(normalised(name.strip()) for name in text.split(",") if name.strip())


def _source_of(module: str) -> str | None:
    # importlib.util.find_spec would import the parent package; PathFinder walks it without running anything.
    path: list[str] | None = None
    spec = None
    for depth in range(len(module.split("."))):
        name = ".".join(module.split(".")[: depth + 1])
        try:
            spec = PathFinder.find_spec(name, path)
        except (ImportError, AttributeError, ValueError):
            return None
        if spec is None:
            return None
        path = list(spec.submodule_search_locations or [])
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    try:
        with open(spec.origin, encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeDecodeError):
        return None
