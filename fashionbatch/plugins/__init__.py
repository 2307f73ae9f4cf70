"""Finds plugins by entry points, loads them one by one, and remembers the ones that failed.

This is the only module that talks to a pluggy manager. There is no global one: `load_plugins` makes a new one
each time.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from importlib import metadata
from importlib.machinery import PathFinder
from typing import Any

import pluggy

from fashionbatch import hookspecs
from fashionbatch.errors import FashionBatchError
from fashionbatch.hookspecs import PROJECT
from fashionbatch.registry import FailedPlugin, Provider, Registry, normalised
from fashionbatch.specs import API_VERSION, SPEC_TYPES, Parameters, Spec

BUILT_IN = "fashionbatch"
"""The distribution whose plugins are always loaded."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")


class PluginWarning(UserWarning):
    """A plugin that was left out; everything that does not need it goes on."""


@dataclass(frozen=True)
class FoundPlugin:
    """An entry point that may be loaded, before anything of it is imported."""

    name: str
    value: str
    provider: Provider
    entry_point: metadata.EntryPoint


@dataclass(frozen=True)
class Plugins:
    """What was loaded: the registry of components and the hooks to call at the end of a run."""

    registry: Registry
    manager: pluggy.PluginManager

    def notify(self, hook: str, report: object) -> list[str]:
        """Call a lifecycle hook of every plugin; what a plugin raises is returned as a message, not raised."""
        problems = []
        caller: pluggy.HookCaller = getattr(self.manager.hook, hook)
        for implementation in caller.get_hookimpls():
            try:
                implementation.function(*([report] if implementation.argnames else []))
            except Exception as error:  # noqa: BLE001 - a stranger's code, after the work is safely on disk
                problems.append(f"{hook} of {implementation.plugin_name} failed: {describe(error)}")
        return problems


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


def load_plugins(hooks: Collection[str] | None = None) -> Plugins:
    """Load the plugins, each by itself, and register what they offer.

    Args:
        hooks: load only the plugins whose source names one of these hooks; None loads all. Labeling uses this so that
            it never imports an architecture's framework.

    Returns:
        The registry and the manager. A plugin that fails is in `registry.failed`, and a PluginWarning names it.
    """
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    registry = Registry()
    for found in find_plugins():
        if hooks is not None and not _may_implement(found, hooks):
            continue
        _load(found, manager, registry)
    return Plugins(registry, manager)


def _load(found: FoundPlugin, manager: pluggy.PluginManager, registry: Registry) -> None:
    # Entry point names are unique only within a distribution; the manager's have to be unique altogether.
    plugin_name = f"{found.provider.distribution}:{found.name}"
    plugin: Any = None
    try:
        plugin = found.entry_point.load()
        manager.register(plugin, name=plugin_name)
        manager.check_pending()
        specs = list(_specs_of(plugin_name, manager))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a stranger's import raises
        if plugin is not None and manager.has_plugin(plugin_name):
            manager.unregister(name=plugin_name)
        reason = describe(error)
        registry.failed.append(FailedPlugin(found.name, found.provider, reason))
        warnings.warn(
            f"plugin {found.name!r} of {found.provider.distribution} {found.provider.version} was left out: {reason}",
            PluginWarning,
            stacklevel=2,
        )
        return
    for spec in specs:
        registry.add(spec, found.provider)


def _specs_of(plugin_name: str, manager: pluggy.PluginManager) -> Iterator[Spec]:
    seen: set[tuple[str, str]] = set()
    for spec_type in SPEC_TYPES:
        kind, hook = spec_type.kind, spec_type.hook
        caller: pluggy.HookCaller = getattr(manager.hook, hook)
        for implementation in caller.get_hookimpls():
            if implementation.plugin_name != plugin_name:
                continue
            specs: Any = implementation.function() or ()
            for spec in specs:
                _check_spec(spec, spec_type)
                if (kind, spec.name) in seen:
                    raise ValueError(f"{hook} yields two specs named {spec.name!r}")
                seen.add((kind, spec.name))
                yield spec


def _check_spec(spec: object, expected: type[Spec]) -> None:
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


def describe(error: BaseException) -> str:
    """One line about an error: its class and message."""
    if isinstance(error, FashionBatchError):
        return error.message
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _allowed_distributions() -> set[str] | None:
    listed = os.environ.get("FASHIONBATCH_PLUGINS")
    if listed is None:
        return None
    return {BUILT_IN, *(normalised(name.strip()) for name in listed.split(",") if name.strip())}


def _may_implement(found: FoundPlugin, hooks: Collection[str]) -> bool:
    """Whether the plugin's source names one of the hooks, read without importing it; True where that is unclear."""
    source = _source_of(found.entry_point.module)
    if source is None or "hookimpl" not in source or "import *" in source:
        return True
    return any(hook in source for hook in hooks)


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
