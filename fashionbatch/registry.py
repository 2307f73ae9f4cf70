"""Kind and name -> spec, and who provides it. Nothing here knows how plugins are found."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from fashionbatch.errors import PluginError, UnknownNameError
from fashionbatch.specs import Spec

SpecT = TypeVar("SpecT", bound=Spec)


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


@dataclass(frozen=True)
class FailedPlugin:
    """A plugin that was left out, and why.

    Attributes:
        entry_point: its name.
        provider: the distribution that it comes from.
        reason: one line.
        traceback: where its code failed.
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
        seconds: that it took to import it and to ask it for its components.
        heavy: libraries that it imported for that, and that take seconds themselves.
    """

    entry_point: str
    provider: Provider
    seconds: float
    heavy: tuple[str, ...] = ()


@dataclass
class Registry:
    """Every component that was found, and every plugin, usable or not."""

    failed: list[FailedPlugin] = field(default_factory=list)
    loaded: list[LoadedPlugin] = field(default_factory=list)
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
        """The component of that kind and name; `provider/name` picks one of several.

        Raises:
            UnknownNameError: nobody registered it; similar names and failed plugins are in the message.
            PluginError: two plugins claim the name.
        """
        provider, _, plain = name.rpartition("/")
        claims = self._entries.get((kind, plain), [])
        if provider:
            claims = [entry for entry in claims if entry.provider.distribution == normalised(provider)]
        if not claims:
            tracebacks = "\n".join(plugin.traceback for plugin in self.failed)
            raise UnknownNameError(f"unknown {kind} {name!r}{self._suggestion(kind, plain)}", traceback=tracebacks)
        if len(claims) > 1:
            owners = " and ".join(sorted(entry.provider.distribution for entry in claims))
            choices = " or ".join(repr(entry.qualified_name) for entry in claims)
            raise PluginError(f"{kind} {plain!r} is claimed by {owners}", hint=f"write {choices}")
        return claims[0]

    def get(self, spec_type: type[SpecT], name: str) -> SpecT:
        """The spec of that type and name; errors as `entry`."""
        spec = self.entry(spec_type.kind, name).spec
        assert isinstance(spec, spec_type)
        return spec

    def _suggestion(self, kind: str, name: str) -> str:
        close = closest(name, self.names(kind))
        if close:
            return f"; did you mean {close!r}?"
        text = f"; there are: {', '.join(self.names(kind)) or 'none'}"
        if self.failed:
            failed = ", ".join(f"{plugin.provider.distribution} ({plugin.reason})" for plugin in self.failed)
            text += f"; plugins that could not be loaded: {failed}"
        return text


def closest(word: str, choices: Iterable[str]) -> str | None:
    """The choice most like the word, None where none is like it: for "did you mean"."""
    found = difflib.get_close_matches(word.lower(), list(choices), n=1, cutoff=0.6)
    return found[0] if found else None


def normalised(distribution: str) -> str:
    """A distribution's name in the form in which equal names are equal (PEP 503)."""
    return re.sub(r"[-_.]+", "-", distribution).lower()
