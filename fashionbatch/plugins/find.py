"""Which plugins there are, and what their source says, before anything of them is imported."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from importlib import metadata
from importlib.machinery import PathFinder

from fashionbatch.hookspecs import PROJECT
from fashionbatch.plugins.origin import BUILT_IN
from fashionbatch.registry import Provider, normalised


@dataclass(frozen=True)
class FoundPlugin:
    """An entry point that may be loaded, before anything of it is imported."""

    name: str
    value: str
    provider: Provider
    entry_point: metadata.EntryPoint

    def __str__(self) -> str:
        return f"plugin {self.name!r} of {self.provider.distribution} {self.provider.version}"


def find_plugins() -> list[FoundPlugin]:
    """Every entry point of the group that the environment allows, by distribution and name; imports nothing.

    FASHIONBATCH_PLUGINS limits what is found: unset, everything; a comma-separated list, the built-ins and the
    distributions that it names; empty, the built-ins alone.
    """
    allowed = _allowed_distributions()
    found: dict[tuple[str, str, str], FoundPlugin] = {}
    for distribution in metadata.distributions():
        entry_points = distribution.entry_points.select(group=PROJECT)
        if not entry_points:
            continue
        name = normalised(distribution.metadata["Name"] or "unknown")
        if allowed is not None and name not in allowed:
            continue
        provider = Provider(name, distribution.version)
        for entry_point in entry_points:
            # Editable installs and lib64 links show one distribution twice.
            key = (name, entry_point.name, entry_point.value)
            found.setdefault(key, FoundPlugin(entry_point.name, entry_point.value, provider, entry_point))
    return [found[key] for key in sorted(found)]


def may_implement(found: FoundPlugin, hooks: Collection[str]) -> bool:
    """Whether the plugin's source names one of the hooks, read without importing it; True where that is unclear."""
    source = _source_of(found.entry_point.module)
    if source is None or "hookimpl" not in source or "import *" in source:
        return True
    return any(hook in source for hook in hooks)


def _allowed_distributions() -> set[str] | None:
    listed = os.environ.get("FASHIONBATCH_PLUGINS")
    if listed is None:
        return None
    return {BUILT_IN, *(normalised(name.strip()) for name in listed.split(",") if name.strip())}


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
