"""A stranger's graph: what labeling never needs is refused before OpenVINO reads it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from fashionbatch.bundle.graph.check import check_graph
from fashionbatch.bundle.graph.wiring import Wiring, WiringError
from fashionbatch.bundle.open import read_manifest
from fashionbatch.errors import BundleError
from fashionbatch.testing.bundles import make_tiny_bundle

CONST = '<layer id="90" name="c" type="Const" version="opset1"><data element_type="f32" shape="1" {} /></layer>'
LAYER = '<layer id="90" name="x" type="{}" version="{}"></layer>'


@pytest.fixture
def edit_graph(tiny: Path) -> Callable[[str, str], BundleError | None]:
    """Replace text in the tiny bundle's graph; gives what the check says."""

    def apply(old: str, new: str) -> BundleError | None:
        file = tiny / "model.xml"
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new, 1), encoding="utf-8")
        try:
            check_graph(tiny, read_manifest(tiny).manifest)
        except BundleError as error:
            return error
        return None

    return apply


@pytest.mark.parametrize("decoding", ["one_of_many", "several_of_many"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_graph_of_ours_passes(tmp_path: Path, decoding: str, channels: int) -> None:
    path = make_tiny_bundle(tmp_path / "b", decoding=decoding, channels=channels, size=(5, 7))  # type: ignore[arg-type]
    check_graph(path, read_manifest(path).manifest)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("<layers>", "<layers>" + LAYER.format("ReadValue", "opset6"), "keeps state"),
        ("<layers>", "<layers>" + LAYER.format("Assign", "opset6"), "keeps state"),
        ("<layers>", "<layers>" + LAYER.format("RandomUniform", "opset8"), "random"),
        ("<layers>", "<layers>" + LAYER.format("Evil", "extension"), "'extension'"),
        ('type="Const"', 'type="Constant"', "'Constant') is none of the operations"),
        ('type="Const"', 'type="CONST"', "'CONST') is none of the operations"),
        ("<layers>", "<layers>" + LAYER.format("readvalue", "opset6"), "keeps state"),
        ("<layers>", "<layers>" + LAYER.format("Multinomial", "opset13"), "random"),
        ("<layers>", "<layers>" + LAYER.format("StringTensorUnpack", "opset15"), "none of the operations"),
        ("<layers>", "<layers>" + LAYER.format("\x9b2J", "opset1"), r"'\x9b2J'"),
        ("<layers>", "<layers>" + LAYER.format("", "opset1"), "'') is none of the operations"),
        ("<layers>", "<layers>" + LAYER.format("Evil", "opset1/../x"), "operation sets"),
        ("<layers>", "<layers>" + LAYER.format("ReLU", ""), "operation sets"),
        ("<layers>", "<layers>" + CONST.format('offset="0" size="99999"'), "outside model.bin"),
        ("<layers>", "<layers>" + CONST.format('offset="-8" size="4"'), "no offset and size"),
        ("<layers>", "<layers>" + CONST.format('offset="0" size="\u0661"'), "no offset and size"),
        ("<layers>", "<layers>" + CONST.format('offset="0" size="' + "9" * 30 + '"'), "no offset and size"),
        ("<layers>", "<layers>" + CONST.format(""), "no offset and size"),
        ("<net", '<!DOCTYPE net [<!ENTITY a "aaaa">]><net', "document type"),
        ("<net", "<model><net", "begins with <model>"),
        ("</net>", "", "not XML"),
        ("</net>", "</net><net></net>", "not XML"),
        ("<layers>", "<layers>" + "<a>" * 100, "nested deeper"),
        ('element_type="u8"', 'element_type="f32"', "takes 'f32'"),
        ('shape="?,8,8,3"', 'shape="?,9,8,3"', r"?, 9, 8, 3 where bundle.json says ?, 8, 8, 3"),
        ('shape="?,8,8,3"', 'shape="1,8,8,3"', "1, 8, 8, 3"),
        ('shape="?,8,8,3"', 'shape="?,8,8"', "?, 8, 8"),
        ('type="Parameter"', 'type="ReLU"', "(ReLU) has no input"),
        ('type="Parameter"', 'type="Const"', "has no offset and size"),
        ('type="Result"', 'type="ReLU"', "gives 0 outputs"),
        ('type="Const"', 'type="Broadcast"', "(Broadcast) has no input"),
        ('type="Convert"', 'type="Broadcast"', "(Broadcast) has 1 of at least 2 inputs"),
        ('type="MatMul"', 'type="Slice"', "(Slice) has 2 of at least 4 inputs"),
        ("<layers>", "<layers>" + LAYER.format("Parameter", "opset1"), "takes 2 inputs"),
        ("<layers>", "<layers>" + LAYER.format("Result", "opset1"), "(Result) has no input"),
        ("<layers>", "<layers>" + 2 * LAYER.format("Parameter", "opset1"), "'90', which is none or another one's"),
        ('id="0"', 'id="x"', "'x', which is none or another one's"),
        ('from-layer="0"', 'from-layer="99"', "an edge leads from 99:"),
        ('to-layer="', 'to-layer="9', "where there is nothing to connect"),
        ("<edge ", "<edge_ ", "is not connected"),
    ],
)
def test_what_labeling_never_needs_is_refused(
    edit_graph: Callable[[str, str], BundleError | None], old: str, new: str, says: str
) -> None:
    error = edit_graph(old, new)
    assert error is not None
    assert says in error.message


def test_another_number_of_outputs_is_refused(tiny: Path, tmp_path: Path) -> None:
    other = read_manifest(make_tiny_bundle(tmp_path / "other", class_names=["a", "b", "c", "d"])).manifest
    with pytest.raises(BundleError, match=r"\(-1, 3\) where bundle.json says \(-1, 4\)"):
        check_graph(tiny, other)


def test_a_missing_graph_is_an_error(tiny: Path) -> None:
    manifest = read_manifest(tiny).manifest
    (tiny / "model.xml").unlink()
    with pytest.raises(BundleError, match="there is no such file"):
        check_graph(tiny, manifest)


def _wiring(*edges: tuple[str, str], layers: str = "abc") -> Wiring:
    """A graph of additions, the first layer its input; an edge for each pair."""
    wiring = Wiring()
    numbers = {name: str(number) for number, name in enumerate(layers)}
    for name, number in numbers.items():
        wiring.add_layer(number, "Parameter" if name == "a" else "Add", name)
        wiring.add_port(number, "9", is_input=False)
    for place, (source, target) in enumerate(edges):
        wiring.add_port(numbers[target], str(place), is_input=True)
        ports = {"from-port": "9", "to-port": str(place)}
        wiring.add_edge({"from-layer": numbers[source], "to-layer": numbers[target], **ports})
    return wiring


def test_layers_may_be_connected_in_any_order_but_not_in_a_circle() -> None:
    _wiring(("b", "c"), ("a", "b"), ("a", "c")).check()
    with pytest.raises(WiringError, match="layer 'b' computes from what it gives itself"):
        _wiring(("a", "b"), ("c", "b"), ("b", "c")).check()
    with pytest.raises(WiringError, match="layer 'c' computes from what it gives itself"):
        _wiring(("a", "b"), ("c", "c")).check()


def test_a_chain_of_thousands_is_followed_without_recursion() -> None:
    letters = "a" + "".join(chr(0x4E00 + number) for number in range(20_000))
    _wiring(*itertools.pairwise(letters), layers=letters).check()
