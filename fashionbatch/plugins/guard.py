"""The one place that calls a plugin: every function of a registered spec goes through a guard.

As with pluggy's hooks, a function may take fewer arguments than it is offered: positional ones it gets always, keyword
ones only where it names them. What it raises, at once or later, becomes one error that names plugin, kind and
component; what it returns is checked where it enters the core.
"""

from __future__ import annotations

import inspect
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, BinaryIO, TypeVar

from fashionbatch.plugins import returned
from fashionbatch.plugins.origin import Origin, our_code
from fashionbatch.plugins.running import GuardedRuntime
from fashionbatch.registry import Provider
from fashionbatch.specs import Spec

SpecT = TypeVar("SpecT", bound=Spec)


def guarded(spec: SpecT, provider: Provider) -> SpecT:
    """The spec with a guard around each of its functions; guarding it again changes nothing.

    Args:
        spec: as the plugin made it.
        provider: the distribution that it comes from.
    """
    origin = Origin(provider, spec.kind, spec.name)
    found = {field.name: getattr(spec, field.name) for field in fields(spec) if field.name != "parameters"}
    functions: dict[str, Any] = {
        role: GuardedFunction(origin, role, function)
        for role, function in found.items()
        if callable(function) and not isinstance(function, GuardedFunction)
    }
    return replace(spec, **functions)


@dataclass(frozen=True)
class GuardedFunction:
    """A function of a spec, such as `load` of a dataset.

    Attributes:
        origin: whose it is.
        role: which field of the spec it is.
        function: the plugin's own.
    """

    origin: Origin
    role: str
    function: Callable[..., Any]

    def __call__(self, *positional: Any, **offered: Any) -> Any:
        """Call it with the positional arguments and those of the keyword ones that it names.

        Raises:
            PluginError: it raised what is not meant for the user, or returned what it must not.
        """
        key = self.origin.kind, self.role
        given = _GIVEN[key](positional) if key in _GIVEN else positional
        taken = keywords_taken(self.function, offered)
        for name in _OUR_KEYWORDS.get(key, frozenset()) & taken.keys():
            taken[name] = OurFunction(taken[name])
        with self.origin.calling(self.role):
            result = self.function(*given, **taken)
        return _RETURNED[key](self.origin, positional, result) if key in _RETURNED else result


def keywords_taken(function: Callable[..., Any], offered: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the keyword arguments that a function names; all of them, where it takes any."""
    if not offered:
        return {}
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return {}  # written in C without a signature
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return dict(offered)
    by_position_alone = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL}
    named = {parameter.name for parameter in parameters if parameter.kind not in by_position_alone}
    return {name: value for name, value in offered.items() if name in named}


# ----------------------------------------------------------------------------------- our own code in a plugin's hands


@dataclass(frozen=True)
class OurFunction:
    """A function of ours that a plugin calls: what it raises is not the plugin's doing. It is picklable if ours is."""

    function: Callable[..., Any]

    def __call__(self, *positional: Any, **keywords: Any) -> Any:
        """Call it."""
        with our_code():
            return self.function(*positional, **keywords)


class OurShards(OurFunction):
    """A `RunShard`, with its methods."""

    def prepare(self, **keywords: Any) -> None:
        """See `RunShard`."""
        with our_code():
            self.function.prepare(**keywords)  # type: ignore[attr-defined]

    def pack(self) -> Any:
        """See `RunShard`."""
        with our_code():
            return self.function.pack()  # type: ignore[attr-defined]

    def rows(self, shard: int) -> Any:
        """See `RunShard`."""
        with our_code():
            return self.function.rows(shard)  # type: ignore[attr-defined]


class _OurFile(io.RawIOBase):
    """A file of ours that a plugin writes to: a disk that is full is not the plugin's doing."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if not isinstance(data, bytes | bytearray | memoryview):
            raise TypeError(f"the table's file takes bytes, not {type(data).__name__}")
        with our_code():
            return self._file.write(data)

    def tell(self) -> int:
        with our_code():
            return self._file.tell()


def _our_items(items: Iterable[Any]) -> Iterator[Any]:
    with our_code():
        yield from items


_GIVEN: Mapping[tuple[str, str], Callable[[tuple[Any, ...]], tuple[Any, ...]]] = {
    ("writer", "encode"): lambda given: (given[0], _our_items(given[1]), *given[2:]),
    ("writer", "assemble"): lambda given: (given[0], _our_items(given[1]), _OurFile(given[2]), *given[3:]),
    ("engine", "run"): lambda given: (given[0], OurShards(given[1]), *given[2:]),
}
"""By kind and role: the arguments as the plugin gets them."""

_OUR_KEYWORDS: Mapping[tuple[str, str], frozenset[str]] = {
    ("engine", "run"): frozenset({"progress", "stop_signal", "say"}),
    ("image_search", "search"): frozenset({"fetch", "locate"}),
}
"""By kind and role: the keyword arguments that are functions of ours."""


# ------------------------------------------------------------------------------------------------ what comes back


def _plain(check: Callable[[str, Origin, Any], Any], role: str) -> Callable[[Origin, tuple[Any, ...], Any], Any]:
    """A check that looks at the result alone, and says whose it is."""
    return lambda origin, _, result: check(role, origin, result)


_RETURNED: Mapping[tuple[str, str], Callable[[Origin, tuple[Any, ...], Any], Any]] = {
    ("dataset", "load"): returned.samples,
    ("dataset", "look"): returned.sentences,
    ("runtime", "precisions"): returned.precisions,
    ("runtime", "open"): GuardedRuntime,
    ("writer", "encode"): returned.encoded,
    ("writer", "assemble"): _plain(returned.nothing, "assemble"),
    ("engine", "run"): _plain(returned.nothing, "run"),
    ("schedule", "rate"): _plain(returned.rate, "rate"),
    ("schedule", "after_epoch"): _plain(returned.rate, "after_epoch"),
    ("schedule", "monitor"): _plain(returned.figure, "monitor"),
    ("schedule", "problems"): _plain(returned.remarks, "problems"),
    ("schedule", "advice"): _plain(returned.remarks, "advice"),
    ("image_search", "search"): _plain(returned.search_page, "search"),
    ("dataset", "labels_of_folder"): _plain(returned.folder_labels, "labels_of_folder"),
}
"""By kind and role: what is done with what the function returned."""
