"""Loads plugins one by one: one that fails is left out, and everything that does not need it goes on.

This is the only module that talks to a pluggy manager. There is no global one: `load_plugins` makes a new one
each time.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import warnings
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from dataclasses import dataclass

import pluggy

from fashionbatch import hookspecs
from fashionbatch.errors import FashionBatchError, InterruptedRunError, PluginError
from fashionbatch.hookspecs import PROJECT
from fashionbatch.interrupts import CtrlC, telling_ctrl_c
from fashionbatch.names import suggestion
from fashionbatch.plugins.check import check_hooks, specs_in
from fashionbatch.plugins.find import VARIABLE, FoundPlugin, may_implement, search
from fashionbatch.plugins.guard import guarded
from fashionbatch.plugins.origin import describe, is_a_plugins, traceback_text
from fashionbatch.registry import BUILT_IN, FailedPlugin, LoadedPlugin, Registry
from fashionbatch.specs import SPEC_TYPES, Spec
from fashionbatch.tracebacks import keep_traceback

HEAVY = ("keras", "tensorflow", "torch", "jax")
"""Libraries that take seconds to import, for which every command would wait."""
SLOW_S = 0.5
"""Seconds from which on a plugin is named as one that makes commands slow."""
_SCHEDULED = "/proc/thread-self/schedstat"
"""Nanoseconds that the thread ran, nanoseconds that it was ready and had no core, and how often."""


class PluginWarning(UserWarning):
    """A plugin that was left out or is slow; everything that does not need it goes on."""


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

    Raises:
        InterruptedRunError: Ctrl-C was pressed; the message names the plugin that was being imported.
    """
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    installed = search()
    registry = Registry(limits=installed.limits)
    for name in installed.absent:
        hint = suggestion(name, installed.left_out, otherwise="")
        _warn(f"{VARIABLE} names {name!r}, and no distribution of that name with plugins is installed{hint}")
    with telling_ctrl_c(), _output_to_standard_error():
        for found in installed.plugins:
            if hooks is None or may_implement(found, hooks):
                _load(found, manager, registry)
    return Plugins(registry, manager)


def _load(found: FoundPlugin, manager: pluggy.PluginManager, registry: Registry) -> None:
    began, known = _own_time_s(), set(sys.modules)
    try:
        specs = _specs_of(found, manager)
    except CtrlC:
        raise InterruptedRunError(f"interrupted while {found} was imported", signal_number=signal.SIGINT) from None
    except BaseException as error:  # noqa: BLE001 - whatever a stranger's import raises, to end the program included
        if manager.has_plugin(str(found)):
            manager.unregister(name=str(found))
        reason = describe(error)
        trace = error.traceback if isinstance(error, FashionBatchError) else traceback_text(error)
        registry.failed.append(FailedPlugin(found.name, found.provider, reason, trace))
        _warn(f"{found} was left out: {reason}")
        return
    for spec in specs:
        registry.add(guarded(spec, found.provider), found.provider)
    heavy = tuple(name for name in HEAVY if name in sys.modules and name not in known)
    loaded = LoadedPlugin(found.name, found.provider, max(0.0, _own_time_s() - began), heavy)
    registry.loaded.append(loaded)
    if found.provider.distribution != BUILT_IN and (cost := describe_cost(loaded)):
        _warn(f"{found} {cost}, and every command waits for it; heavy imports belong into its functions")


def _own_time_s() -> float:
    """A clock that stands still while this thread waits for a core: a busy machine makes no plugin slow.

    Linux alone says how long a thread has waited; elsewhere the clock is the usual one.
    """
    try:
        with open(_SCHEDULED, encoding="ascii") as file:
            waited_ns = int(file.read().split()[1])
    except (OSError, ValueError, IndexError):
        waited_ns = 0
    return time.perf_counter() - waited_ns / 1e9


def describe_cost(loaded: LoadedPlugin) -> str | None:
    """What makes a plugin slow, to be told after its name; None where nothing does."""
    parts = [f"takes {loaded.seconds:.1f} s to load"] if loaded.seconds > SLOW_S else []
    if loaded.heavy:
        parts.append(f"imports {' and '.join(loaded.heavy)}")
    return " and ".join(parts) or None


def _specs_of(found: FoundPlugin, manager: pluggy.PluginManager) -> list[Spec]:
    """Import a plugin, register its hooks, and ask them for its components."""
    plugin = found.entry_point.load()
    other = manager.get_name(plugin)
    if other is not None:
        raise PluginError(f"it names {found.value!r}, which is {other} already; one entry point is enough")
    check_hooks(plugin, manager)
    # Entry point names are unique only within a distribution; the manager's have to be unique altogether.
    manager.register(plugin, name=str(found))
    manager.check_pending()
    specs: list[Spec] = []
    for spec_type in SPEC_TYPES:
        caller: pluggy.HookCaller = getattr(manager.hook, spec_type.hook)
        for implementation in caller.get_hookimpls():
            if implementation.plugin_name == str(found):
                specs += _yielded(implementation.function, spec_type)
    return specs


def _yielded(hook: Callable[[], object], spec_type: type[Spec]) -> list[Spec]:
    """The specs that a plugin's hook yields.

    Raises:
        PluginError: it failed, an attempt to end the program included, or yielded what it must not.
    """
    try:
        return list(specs_in(hook(), spec_type))
    except BaseException as error:
        if not is_a_plugins(error):
            raise
        failed = f"{spec_type.hook} failed: {describe(error)}"
        raise PluginError(failed, traceback=traceback_text(error)) from error


@contextmanager
def _output_to_standard_error() -> Iterator[None]:
    """Keep what is printed within the block out of standard output, which may be JSON; of other programs, too."""
    if sys.stdout is not None:
        sys.stdout.flush()
    with redirect_stdout(sys.stderr), ExitStack() as stack:
        with suppress(OSError):  # somebody has closed one of them
            kept = os.dup(1)
            stack.callback(os.close, kept)
            stack.callback(os.dup2, kept, 1)
            os.dup2(2, 1)
        yield


def _warn(message: str) -> None:
    warnings.warn(message, PluginWarning, stacklevel=4)
