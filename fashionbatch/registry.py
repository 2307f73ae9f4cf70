"""Kind and name -> spec, and who provides it. Nothing here knows how plugins are found."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from fashionbatch.errors import PluginError, UnknownNameError
from fashionbatch.names import suggestion
from fashionbatch.specs import Spec, WriterSpec

SpecT = TypeVar("SpecT", bound=Spec)

BUILT_IN = "fashionbatch"
"""The distribution whose components keep their bare names where FashionBatch itself writes them."""

DEFAULT_ENDING = ".csv"
"""The ending that means the built-in format, whoever else claims it."""


class OurName(str):
    """A name of a component that FashionBatch wrote: a default, or one in a shipped recipe.

    It means the built-in component also where a stranger's plugin claims the same name. What a user writes is a plain
    str, and such a clash is an error.
    """

    __slots__ = ()


@dataclass(frozen=True)
class Provider:
    """The distribution that a component comes from, by its normalised name."""

    distribution: str
    version: str


@dataclass(frozen=True)
class Entry:
    """One registered component."""

    spec: Spec
    provider: Provider

    @property
    def qualified_name(self) -> str:
        """`provider/name`, which names this component even where two plugins claim the name."""
        return f"{self.provider.distribution}/{self.spec.name}"

    @property
    def recorded_name(self) -> str:
        """What a job calls the component: the bare name of a built-in, as `OurName` finds it, else `provider/name`."""
        return self.spec.name if self.provider.distribution == BUILT_IN else self.qualified_name


@dataclass(frozen=True)
class FailedPlugin:
    """A plugin that was left out, and why.

    Attributes:
        entry_point: its name.
        provider: the distribution that it comes from.
        reason: one line.
        traceback: where its code failed; empty where that raised nothing, but is not what it should be.
    """

    entry_point: str
    provider: Provider
    reason: str
    traceback: str = ""


@dataclass(frozen=True)
class LoadedPlugin:
    """A plugin that was loaded, and what that cost.

    Attributes:
        entry_point: its name.
        provider: the distribution that it comes from.
        seconds: that it took to import it and to ask it for its components, without waiting for a core on Linux.
        heavy: libraries that it imported for that, and that take seconds themselves.
    """

    entry_point: str
    provider: Provider
    seconds: float
    heavy: tuple[str, ...] = ()


@dataclass
class Registry:
    """Every component that was found, and every plugin, usable or not.

    Attributes:
        failed: the plugins that were left out.
        loaded: the others.
        limits: what keeps plugins that are installed from being found; empty where nothing does.
    """

    failed: list[FailedPlugin] = field(default_factory=list)
    loaded: list[LoadedPlugin] = field(default_factory=list)
    limits: str = ""
    _entries: dict[tuple[str, str], list[Entry]] = field(default_factory=dict)

    def add(self, spec: Spec, provider: Provider) -> None:
        """Add one component. A name that is claimed twice becomes an error only when somebody asks for it."""
        self._entries.setdefault((spec.kind, spec.name), []).append(Entry(spec, provider))

    def entries(self, kind: str | None = None) -> Iterator[Entry]:
        """Every component, or those of one kind, by kind, name and provider."""
        for (entry_kind, _), claims in sorted(self._entries.items()):
            if kind is None or entry_kind == kind:
                yield from sorted(claims, key=lambda entry: entry.provider.distribution)

    def names(self, kind: str) -> list[str]:
        """The names of a kind, sorted."""
        return sorted(name for entry_kind, name in self._entries if entry_kind == kind)

    def entry(self, kind: str, name: str) -> Entry:
        """The component of that kind and name; `provider/name` picks one of several, an `OurName` the built-in.

        Raises:
            UnknownNameError: nobody registered it; similar names and failed plugins are in the message.
            PluginError: two plugins claim the name.
        """
        provider, _, plain = name.rpartition("/")
        claims = self._entries.get((kind, plain), [])
        if provider:
            claims = [entry for entry in claims if entry.provider.distribution == normalised(provider)]
        if not claims:
            tracebacks = "\n".join(plugin.traceback for plugin in self.failed if plugin.traceback)
            raise UnknownNameError(f"unknown {kind} {name!r}{self._suggestion(kind, plain)}", traceback=tracebacks)
        return _only(claims, f"{kind} {plain!r}", ours=isinstance(name, OurName), hint="write {}")

    def writer_of_ending(self, ending: str) -> Entry:
        """The format of a table by the ending of its file's name, which is a name like any other.

        `.csv` means the built-in format, since that is the default.

        Args:
            ending: such as `.csv`, in either case; empty where the name has none.

        Raises:
            UnknownNameError: no format has it; all endings are in the message.
            PluginError: two plugins claim it.
        """
        by_ending: dict[str, list[Entry]] = {}
        for entry in self.entries(WriterSpec.kind):
            assert isinstance(entry.spec, WriterSpec)
            by_ending.setdefault(entry.spec.suffix, []).append(entry)
        claims = by_ending.get(ending.lower(), [])
        if not claims:
            what = f"no format has the ending {ending!r}" if ending else "a name without an ending says no format"
            raise UnknownNameError(
                f"{what}; there are: {', '.join(sorted(by_ending)) or 'none'}",
                hint=f"end the output's name in one of them, or name the format with --format{self._limits()}",
            )
        return _only(claims, f"the ending {ending!r}", ours=ending.lower() == DEFAULT_ENDING, hint="say --format {}")

    def get(self, spec_type: type[SpecT], name: str) -> SpecT:
        """The spec of that type and name; errors as `entry`."""
        spec = self.entry(spec_type.kind, name).spec
        assert isinstance(spec, spec_type)
        return spec

    def _suggestion(self, kind: str, name: str) -> str:
        text = suggestion(name, self.names(kind))
        if self.failed:
            failed = ", ".join(f"{plugin.provider.distribution} ({plugin.reason})" for plugin in self.failed)
            text += f"; plugins that could not be loaded: {failed}"
        return text + self._limits()

    def _limits(self) -> str:
        return f" ({self.limits})" if self.limits else ""


def _only(claims: list[Entry], what: str, *, ours: bool, hint: str) -> Entry:
    """The one component that claims a name; of several the built-in, where the name is ours."""
    built_in = [entry for entry in claims if entry.provider.distribution == BUILT_IN]
    if len(claims) > 1 and ours and len(built_in) == 1:
        return built_in[0]
    if len(claims) > 1:
        owners = " and ".join(sorted(entry.provider.distribution for entry in claims))
        choices = " or ".join(repr(entry.qualified_name) for entry in claims)
        raise PluginError(f"{what} is claimed by {owners}", hint=hint.format(choices))
    return claims[0]


def normalised(distribution: str) -> str:
    """A distribution's name in the form in which equal names are equal (PEP 503)."""
    return re.sub(r"[-_.]+", "-", distribution).lower()
