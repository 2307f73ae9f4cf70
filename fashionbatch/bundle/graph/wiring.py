"""What is connected with what in an OpenVINO file: OpenVINO's reader takes for granted that it makes a graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from fashionbatch.bundle.graph.operations import FEWEST_INPUTS

_SOURCES = {"Const", "Parameter"}
"""Operations that need no input."""

Place = tuple[str, str]
"""A layer's and a port's number, as the file writes them."""


class WiringError(Exception):
    """The layers and edges make no graph; the message says where."""


@dataclass
class Wiring:
    """The layers of a network, or of the body of a loop, and the edges between them."""

    _types: dict[str, str] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)
    _inputs: dict[Place, Place | None] = field(default_factory=dict)
    _outputs: set[Place] = field(default_factory=set)

    def add_layer(self, number: str, kind: str, name: str) -> None:
        """Note a layer.

        Raises:
            WiringError: there is one with that number already, or it has none.
        """
        if not (number.isascii() and number.isdecimal()) or number in self._types:
            raise WiringError(f"layer {name!r} has the number {number!r}, which is none or another one's")
        self._types[number], self._names[number] = kind, name

    def add_port(self, layer: str, port: str, *, is_input: bool) -> None:
        """Note a port of a layer."""
        if is_input:
            self._inputs[layer, port] = None
        else:
            self._outputs.add((layer, port))

    def add_edge(self, attributes: Mapping[str, str]) -> None:
        """Note an edge, whose layers are noted.

        Raises:
            WiringError: it comes from nowhere, or leads nowhere, or where another one leads.
        """
        source = attributes.get("from-layer", ""), attributes.get("from-port", "")
        target = attributes.get("to-layer", ""), attributes.get("to-port", "")
        if source not in self._outputs or target not in self._inputs or self._inputs[target] is not None:
            places = f"from {':'.join(source)} to {':'.join(target)}"
            raise WiringError(f"an edge leads {places}, where there is nothing to connect")
        self._inputs[target] = source

    def check(self) -> None:
        """See that every input is connected, that nothing computes from too little, and that there are no circles.

        Raises:
            WiringError: it is not so.
        """
        sources: dict[str, set[str]] = {number: set() for number in self._types}
        for (layer, port), source in self._inputs.items():
            if source is None:
                raise WiringError(f"input {port} of layer {self._names[layer]!r} is not connected")
            sources[layer].add(source[0])
        counts = Counter(layer for layer, _ in self._inputs)
        for layer, kind in self._types.items():
            fewest = 0 if kind in _SOURCES else FEWEST_INPUTS.get(kind, 1)
            if counts[layer] < fewest:
                told = f"{counts[layer]} of at least {fewest} inputs" if counts[layer] else "no input"
                raise WiringError(f"layer {self._names[layer]!r} ({kind}) has {told}")
        self._require_order(sources)

    def _require_order(self, sources: dict[str, set[str]]) -> None:
        following: dict[str, list[str]] = {number: [] for number in sources}
        for layer, before in sources.items():
            for one in before:
                following[one].append(layer)
        waits = {layer: len(before) for layer, before in sources.items()}
        ready = [layer for layer, count in waits.items() if not count]
        while ready:
            for layer in following[ready.pop()]:
                waits[layer] -= 1
                if not waits[layer]:
                    ready.append(layer)
        for layer, count in waits.items():
            if count:
                raise WiringError(f"layer {self._names[layer]!r} computes from what it gives itself")
