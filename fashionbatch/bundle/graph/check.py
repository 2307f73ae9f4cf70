"""Reads a bundle's `model.xml` as a stranger's text, before OpenVINO does.

OpenVINO's reader was written for files that their user made: some names of operations make it crash. So only those are
let through that a network for photos may need, by a list of their names; refused are also operations that come from an
extension library, constants outside `model.bin`, and XML that declares entities.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn
from xml.parsers import expat

from fashionbatch import disk
from fashionbatch.bundle.graph.operations import ALLOWED, REASONS
from fashionbatch.bundle.graph.record import GRAPH_FILES, GraphKind
from fashionbatch.bundle.graph.wiring import Wiring, WiringError
from fashionbatch.bundle.manifest import BundleManifest
from fashionbatch.display_width import printable
from fashionbatch.errors import BundleError

_XML_LIMIT = 128 * 2**20
_DEPTH_LIMIT = 64
_LAYER_LIMIT = 200_000
_SCOPES = {"net", "body", "then_body", "else_body"}
"""Elements that hold layers and edges of their own."""
_OPSET = re.compile(r"opset[0-9]{1,2}")


@dataclass
class _Port:
    precision: str = ""
    dims: list[str] = field(default_factory=list)


@dataclass
class _Layer:
    number: str
    name: str
    type: str
    data: dict[str, str] = field(default_factory=dict)
    inputs: list[_Port] = field(default_factory=list)


class _RefusedError(Exception):
    """Stops the parser."""


@dataclass
class _Reader:
    """Follows the elements of a graph; keeps its parameters and results, checks the rest in passing."""

    weights: str
    weights_size: int
    parameters: list[_Layer] = field(default_factory=list)
    results: list[_Layer] = field(default_factory=list)
    layers: int = 0
    _path: list[str] = field(default_factory=list)
    _open_layers: list[_Layer] = field(default_factory=list)
    _wirings: list[Wiring] = field(default_factory=list)
    _port: _Port | None = None
    _text: list[str] | None = None

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if not self._path and tag != "net":
            _refuse(f"begins with <{tag}> where an OpenVINO graph begins with <net>")
        if len(self._path) >= _DEPTH_LIMIT:
            _refuse(f"nested deeper than {_DEPTH_LIMIT}")
        if tag in _SCOPES:
            self._wirings.append(Wiring())
        elif tag == "layer":
            self._start_layer(attributes)
        elif tag == "edge" and self._path[-1] == "edges":
            self._wirings[-1].add_edge(attributes)
        elif tag == "data" and self._path[-1] == "layer":
            self._open_layers[-1].data.update(attributes)
        elif tag == "port" and self._open_layers and self._path[-1] in {"input", "output"}:
            is_input = self._path[-1] == "input"
            self._wirings[-1].add_port(self._open_layers[-1].number, attributes.get("id", ""), is_input=is_input)
            if is_input:
                self._port = _Port(attributes.get("precision", ""))
                self._open_layers[-1].inputs.append(self._port)
        elif tag == "dim" and self._port is not None:
            self._text = []
        self._path.append(tag)

    def characters(self, text: str) -> None:
        if self._text is not None:
            self._text.append(text)

    def end(self, tag: str) -> None:
        self._path.pop()
        if tag in _SCOPES:
            self._wirings.pop().check()
        elif tag == "layer":
            self._end_layer(self._open_layers.pop())
        elif tag == "port":
            self._port = None
        elif tag == "dim" and self._port is not None and self._text is not None:
            self._port.dims.append("".join(self._text).strip())
            self._text = None

    def _start_layer(self, attributes: dict[str, str]) -> None:
        self.layers += 1
        if self.layers > _LAYER_LIMIT:
            _refuse(f"has more than {_LAYER_LIMIT:,} layers")
        layer = _Layer(attributes.get("id", ""), attributes.get("name", ""), attributes.get("type", ""))
        opset = attributes.get("version", "")
        if not _OPSET.fullmatch(opset):
            _refuse(f"layer {layer.name!r} is of {opset!r}, which is none of OpenVINO's own operation sets")
        if layer.type not in ALLOWED:
            reason = REASONS.get(layer.type.lower(), "is none of the operations that a network for photos may have")
            _refuse(f"layer {layer.name!r} ({layer.type!r}) {reason}")
        self._wirings[-1].add_layer(layer.number, layer.type, layer.name)
        self._open_layers.append(layer)

    def _end_layer(self, layer: _Layer) -> None:
        if layer.type == "Const":
            self._check_constant(layer)
        # Bodies of loops have parameters and results of their own.
        if not self._open_layers:
            if layer.type == "Parameter":
                self.parameters.append(layer)
            elif layer.type == "Result":
                self.results.append(layer)

    def _check_constant(self, layer: _Layer) -> None:
        offset, size = layer.data.get("offset", ""), layer.data.get("size", "")
        if not (_is_count(offset) and _is_count(size)):
            _refuse(f"constant {layer.name!r} has no offset and size")
        if int(offset) + int(size) > self.weights_size:
            _refuse(f"constant {layer.name!r} lies outside {self.weights}")


def check_graph(directory: Path, manifest: BundleManifest, kind: GraphKind = "float32") -> None:
    """Check one of a bundle's graphs against its manifest, without OpenVINO and without building the network.

    Args:
        directory: the bundle's directory; sizes and digests of its files are already checked.
        manifest: the checked `bundle.json`.
        kind: which graph.

    Raises:
        BundleError: the graph is not one, has an operation that is refused, or does not take the images or give the
            numbers that `bundle.json` says.
    """
    graph_name, weights_name = GRAPH_FILES[kind]
    with _refusals(directory / graph_name, hint="the bundle was not made by FashionBatch, or not whole"):
        reader = _read(directory / graph_name, directory / weights_name)
        _check_input(reader.parameters, manifest)
        _check_output(reader.results, manifest)


def check_operations(graph: Path, weights: Path) -> None:
    """Check a stranger's OpenVINO file before it is read: what `check_graph` does without a manifest.

    Args:
        graph: the `.xml` file.
        weights: the `.bin` file; it may be missing.

    Raises:
        BundleError: they are no regular files, not a graph, or the graph has an operation that is refused.
    """
    with _refusals(graph, hint="export the model with openvino.save_model, which writes whole graphs"):
        _read(graph, weights)


@contextlib.contextmanager
def _refusals(file: Path, *, hint: str) -> Iterator[None]:
    try:
        yield
    except _RefusedError as refused:
        raise BundleError(f"{file}: {printable(str(refused))}", hint=hint) from None


def _size(weights: Path) -> int:
    try:
        with disk.open_regular(weights) as file:
            return os.fstat(file.fileno()).st_size
    except FileNotFoundError:
        return 0
    except OSError as error:
        _refuse(f"{weights.name} {disk.why_unreadable(error)}")


def _read(file: Path, weights: Path) -> _Reader:
    reader = _Reader(weights.name, _size(weights))
    parser = expat.ParserCreate(encoding="utf-8")
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.characters
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        with disk.open_regular(file) as stream:
            if os.fstat(stream.fileno()).st_size > _XML_LIMIT:
                _refuse(f"larger than {_XML_LIMIT:,} bytes")
            parser.ParseFile(stream)
    except WiringError as error:
        _refuse(str(error))
    except expat.ExpatError as error:
        _refuse(f"not XML: {expat.ErrorString(error.code)}, line {error.lineno}")
    except OSError as error:
        _refuse(disk.why_unreadable(error))
    return reader


def _check_input(parameters: list[_Layer], manifest: BundleManifest) -> None:
    if len(parameters) != 1:
        _refuse(f"takes {len(parameters)} inputs where a bundle's graph takes one")
    [data] = [layer.data for layer in parameters]
    if data.get("element_type") != "u8":
        _refuse(f"takes {data.get('element_type')!r} where a bundle's graph takes 'u8'")
    expected = ["?", *(str(side) for side in manifest.image.shape)]
    given = [side.strip() for side in data.get("shape", "").split(",")]
    if given != expected:
        _refuse(f"takes images of shape {', '.join(given)} where bundle.json says {', '.join(expected)}")


def _check_output(results: list[_Layer], manifest: BundleManifest) -> None:
    if len(results) != 1:
        _refuse(f"gives {len(results)} outputs where a bundle's graph gives one")
    ports = results[0].inputs
    if len(ports) != 1 or ports[0].precision != "FP32":
        _refuse("gives something else than float32 numbers")
    dims = ports[0].dims
    # A size that the file leaves open (-1) is checked when the graph is loaded for a batch of fixed size.
    if len(dims) != 2 or dims[0] != "-1" or dims[1] not in {"-1", str(manifest.outputs)}:
        _refuse(f"gives an array ({', '.join(dims)}) where bundle.json says (-1, {manifest.outputs})")


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 20


def _refuse_doctype(*_: object) -> NoReturn:
    _refuse("declares a document type, which could hold entities")


def _refuse(reason: str) -> NoReturn:
    raise _RefusedError(reason)
