"""Finds plugins by entry points, loads them one by one, and guards every call into them."""

from __future__ import annotations

import sys
from types import ModuleType

from fashionbatch.plugins.blame import blaming, error_of_plugin, sign
from fashionbatch.plugins.find import FoundPlugin, find_plugins
from fashionbatch.plugins.guard import GuardedFunction, guarded, keywords_taken
from fashionbatch.plugins.listing import Component, plugins
from fashionbatch.plugins.load import Plugins, PluginWarning, describe_cost, load_plugins
from fashionbatch.plugins.origin import Origin, describe, is_a_plugins
from fashionbatch.plugins.returned import is_rate
from fashionbatch.registry import BUILT_IN

__all__ = [
    "BUILT_IN",
    "FoundPlugin",
    "GuardedFunction",
    "Origin",
    "PluginWarning",
    "Plugins",
    "blaming",
    "describe",
    "describe_cost",
    "error_of_plugin",
    "find_plugins",
    "guarded",
    "is_a_plugins",
    "is_rate",
    "keywords_taken",
    "load_plugins",
    "sign",
]


class _CallableModule(ModuleType):
    """`fashionbatch.plugins` is this package, and what a program calls to list components: both names were wanted."""

    def __call__(self, kind: str | None = None) -> list[Component]:
        """As `fashionbatch.plugins.listing.plugins`."""
        return plugins(kind)


sys.modules[__name__].__class__ = _CallableModule
