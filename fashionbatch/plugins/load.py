"""Loads plugins one by one: one that fails is left out, and everything that does not need it goes on.

This is the only module that talks to a pluggy manager. There is no global one: `load_plugins` makes a new one
each time.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import pluggy

from fashionbatch import hookspecs
from fashionbatch.hookspecs import PROJECT
from fashionbatch.plugins.check import check_spec
from fashionbatch.plugins.find import FoundPlugin, find_plugins, may_implement
from fashionbatch.plugins.guard import guarded
from fashionbatch.plugins.origin import describe, is_a_plugins, traceback_text
from fashionbatch.registry import FailedPlugin, Registry
from fashionbatch.specs import SPEC_TYPES, Spec
from fashionbatch.tracebacks import keep_traceback


class PluginWarning(UserWarning):
    """A plugin that was left out; everything that does not need it goes on."""


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
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt) and not is_a_plugins(error):
                    raise
                where = keep_traceback(traceback_text(error), name="fashionbatch-plugin")
                problems.append(f"{implementation.plugin_name}: {hook} failed: {describe(error)}; {where}")
        return problems


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
        if hooks is not None and not may_implement(found, hooks):
            continue
        _load(found, manager, registry)
    return Plugins(registry, manager)


def _load(found: FoundPlugin, manager: pluggy.PluginManager, registry: Registry) -> None:
    # Entry point names are unique only within a distribution; the manager's have to be unique altogether.
    plugin_name = str(found)
    plugin: Any = None
    try:
        plugin = found.entry_point.load()
        manager.register(plugin, name=plugin_name)
        manager.check_pending()
        specs = list(_specs_of(plugin_name, manager))
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) and not is_a_plugins(error):
            raise
        if plugin is not None and manager.has_plugin(plugin_name):
            manager.unregister(name=plugin_name)
        reason = describe(error)
        registry.failed.append(FailedPlugin(found.name, found.provider, reason, traceback_text(error)))
        warnings.warn(f"{found} was left out: {reason}", PluginWarning, stacklevel=2)
        return
    for spec in specs:
        registry.add(guarded(spec, found.provider), found.provider)


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
                check_spec(spec, spec_type)
                if (kind, spec.name) in seen:
                    raise ValueError(f"{hook} yields two specs named {spec.name!r}")
                seen.add((kind, spec.name))
                yield spec
