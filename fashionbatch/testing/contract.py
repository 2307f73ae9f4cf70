"""Collects the contract checks of one distribution's components.

The idea is scikit-learn's `parametrize_with_checks`: one suite, and whatever registers must pass it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fashionbatch.plugins import PluginWarning, load_plugins
from fashionbatch.registry import Entry, normalised
from fashionbatch.specs import KINDS
from fashionbatch.testing import checks

Examples = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Check:
    """One promise of one component; calling it raises AssertionError with what is wrong."""

    name: str
    entry: Entry
    function: Callable[[checks.Subject], None]
    parameters: Mapping[str, Any]

    def __call__(self) -> None:
        """Check it."""
        self.function(checks.Subject(self.entry.spec, self.parameters))

    def __str__(self) -> str:
        return f"{self.entry.spec.kind}/{self.entry.spec.name}-{self.name}"


def checks_for(distribution: str, *, examples: Examples | None = None) -> Iterator[Check]:
    """Every check of every component that an installed distribution registers.

    Args:
        distribution: its name, as `pip` knows it.
        examples: parameters by `kind/name`, for components that need some; datasets without an example are checked
            as far as that goes without loading them.

    Raises:
        AssertionError: the distribution registers nothing, or one of its plugins could not be loaded.
    """
    examples = examples or {}
    with warnings.catch_warnings():
        # What fails is asserted below, for this distribution alone.
        warnings.simplefilter("ignore", PluginWarning)
        registry = load_plugins().registry
    name = normalised(distribution)
    failed = [plugin for plugin in registry.failed if plugin.provider.distribution == name]
    assert not failed, "; ".join(f"{plugin.entry_point}: {plugin.reason}" for plugin in failed)
    entries = [entry for entry in registry.entries() if entry.provider.distribution == name]
    assert entries, f"{distribution} registers no component: is it installed, with an entry point in 'fashionbatch'?"
    known = {f"{entry.spec.kind}/{entry.spec.name}" for entry in entries}
    assert set(examples) <= known, f"examples for components that are not there: {sorted(set(examples) - known)}"
    for entry in entries:
        key = f"{entry.spec.kind}/{entry.spec.name}"
        for function in (*checks.EVERY_KIND, *checks.BY_KIND[entry.spec.kind]):
            check_name = function.__name__.removeprefix("check_")
            yield Check(check_name, entry, function, examples.get(key, {}))


def parametrize_with_checks(distribution: str, *, examples: Examples | None = None) -> Any:
    """A pytest decorator: the test is called once for each check, as its argument `check`."""
    import pytest

    found = list(checks_for(distribution, examples=examples))
    return pytest.mark.parametrize("check", found, ids=str)


assert set(checks.BY_KIND) == set(KINDS), "every kind of component has its checks"
