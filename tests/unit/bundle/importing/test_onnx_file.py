"""A stranger's ONNX file: what it names outside of itself, and how many numbers it has."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from fashionbatch.bundle.importing.onnx_file import check_onnx
from fashionbatch.errors import BundleError

ADDRESS = "*/_ORT_MEM_ADDR_/*"


def tensor(**fields: Any) -> TensorProto:
    """Four float32, kept as the fields say."""
    made = TensorProto(name="w", dims=fields.pop("dims", [1, 4]), data_type=fields.pop("data_type", TensorProto.FLOAT))
    external = fields.pop("external", None)
    for name, value in fields.items():
        if isinstance(value, list):
            getattr(made, name).extend(value)
        else:
            setattr(made, name, value)
    if external is not None:
        made.data_location = TensorProto.EXTERNAL
        for key, value in external.items():
            made.external_data.add(key=key, value=str(value))
    return made


def as_initializer(weights: TensorProto) -> onnx.ModelProto:
    return helper.make_model(helper.make_graph([], "g", [], [], [weights]))


def _graph(*nodes: onnx.NodeProto) -> onnx.GraphProto:
    return helper.make_graph(list(nodes), "g", [], [])


def _constant(weights: TensorProto) -> onnx.NodeProto:
    return helper.make_node("Constant", [], ["y"], value=weights)


def as_attribute(weights: TensorProto) -> onnx.ModelProto:
    return helper.make_model(_graph(_constant(weights)))


def in_a_branch(weights: TensorProto) -> onnx.ModelProto:
    inner = _graph(_constant(weights))
    return helper.make_model(_graph(helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)))


def in_a_list(weights: TensorProto) -> onnx.ModelProto:
    node = helper.make_node("Anything", [], ["y"])
    node.attribute.append(helper.make_attribute("many", [weights, weights]))
    return helper.make_model(_graph(node))


def as_sparse(weights: TensorProto) -> onnx.ModelProto:
    model = helper.make_model(_graph())
    model.graph.sparse_initializer.add(values=weights)
    return model


def as_sparse_attribute(weights: TensorProto) -> onnx.ModelProto:
    node = helper.make_node("Constant", [], ["y"])
    attribute = node.attribute.add(name="sparse_value", type=onnx.AttributeProto.SPARSE_TENSOR)
    attribute.sparse_tensor.indices.CopyFrom(weights)
    return helper.make_model(_graph(node))


def in_a_function(weights: TensorProto) -> onnx.ModelProto:
    model = helper.make_model(_graph())
    model.functions.add(name="f", domain="d").node.append(_constant(weights))
    return model


def in_training(weights: TensorProto) -> onnx.ModelProto:
    model = helper.make_model(_graph())
    model.training_info.add().algorithm.initializer.append(weights)
    return model


PLACES = [
    as_initializer,
    as_attribute,
    in_a_branch,
    in_a_list,
    as_sparse,
    as_sparse_attribute,
    in_a_function,
    in_training,
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_bytes(b"s" * 64)
    model = tmp_path / "model"
    (model / "parts").mkdir(parents=True)
    (model / "w.bin").write_bytes(bytes(64))
    (model / "parts" / "w.bin").write_bytes(bytes(64))
    (model / "link").symlink_to("../secret")
    (model / "inside").symlink_to("w.bin")
    (model / "up").symlink_to("..")
    os.mkfifo(model / "pipe")
    return model


def check(folder: Path, model: onnx.ModelProto) -> int:
    (folder / "net.onnx").write_bytes(model.SerializeToString())
    return check_onnx(folder / "net.onnx")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("location", "told"),
    [
        (ADDRESS, "stands for memory"),
        (f"./{ADDRESS}", "stands for memory"),
        ("../secret", "is no path below the model's folder"),
        ("parts/../../secret", "is no path below the model's folder"),
        ("/etc/passwd", "is no path below the model's folder"),
        ("..\\secret", "is no path below the model's folder"),
        ("\\\\host\\share", "is no path below the model's folder"),
        ("C:\\secret", "is no path below the model's folder"),
        ("file:///etc/passwd", "is no path below the model's folder"),
        ("", "is no path below the model's folder"),
        (".", "is no path below the model's folder"),
        ("link", "leads over a link"),
        ("inside", "leads over a link"),
        ("up/secret", "leads over a link"),
        ("parts", "is no plain file"),
        ("pipe", "is no plain file"),
        ("w.bin/x", "is no plain file"),
        ("nowhere.bin", "is not there"),
    ],
)
def test_numbers_are_kept_in_plain_files_below_the_models_folder_alone(
    folder: Path, place: Callable[[TensorProto], onnx.ModelProto], location: str, told: str
) -> None:
    model = place(tensor(external={"location": location, "offset": 140_000_000_000, "length": 16}))
    with pytest.raises(BundleError, match=rf"net\.onnx: tensor 'w' keeps its numbers in .*, which {told}"):
        check(folder, model)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("location", ["w.bin", "parts/w.bin", "./w.bin"])
def test_external_data_beside_the_model_are_fine(
    folder: Path, place: Callable[[TensorProto], onnx.ModelProto], location: str
) -> None:
    model = place(tensor(external={"location": location, "offset": 16, "length": 16}))
    assert check(folder, model) == len(model.SerializeToString()) + 64


@pytest.mark.parametrize(
    ("external", "told"),
    [
        ({"offset": 64}, "has 0 bytes where its shape says 16"),
        ({"offset": 56}, "has 8 bytes where its shape says 16"),
        ({"offset": 0, "length": 8}, "has 8 bytes where its shape says 16"),
        ({"offset": 56, "length": 16}, "behind the end of 'w.bin'"),
        ({"offset": 10**18}, "behind the end of 'w.bin'"),
        ({"offset": -16}, "numbers of bytes that are none"),
        ({"offset": "0x10"}, "numbers of bytes that are none"),
        ({"length": "9" * 30}, "numbers of bytes that are none"),
    ],
)
def test_external_data_lie_within_their_file(folder: Path, external: dict[str, object], told: str) -> None:
    with pytest.raises(BundleError, match=told):
        check(folder, as_initializer(tensor(external={"location": "w.bin", **external})))


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"raw_data": bytes(15)}, "has 15 bytes where its shape says 16"),
        ({"raw_data": bytes(16), "dims": [1 << 40, 1 << 40]}, "where its shape says 4,835,703"),
        ({"raw_data": bytes(16), "dims": [-1, 4]}, "a side of negative length"),
        ({}, "has a shape and no numbers"),
        ({"raw_data": bytes(2), "dims": [5], "data_type": TensorProto.INT4}, "has 2 bytes where its shape says 3"),
    ],
)
def test_a_tensor_has_as_many_numbers_as_its_shape_says(folder: Path, fields: dict[str, Any], told: str) -> None:
    with pytest.raises(BundleError, match=told):
        check(folder, as_initializer(tensor(**fields)))


@pytest.mark.parametrize(
    "fields",
    [
        {"raw_data": bytes(16)},
        {"float_data": [0.0] * 4},
        {"dims": [0]},
        {"dims": [], "raw_data": bytes(4)},
        {"dims": [1], "data_type": TensorProto.STRING, "string_data": [b"x"]},
    ],
)
def test_whole_tensors_pass(folder: Path, fields: dict[str, Any]) -> None:
    assert check(folder, as_initializer(tensor(**fields))) > 0


def test_a_shape_and_numbers_from_two_halves_of_a_message_are_refused(folder: Path) -> None:
    # Protocol Buffers join a message that comes twice.
    halves = [as_attribute(tensor(dims=[0])), as_attribute(tensor(dims=[4], raw_data=bytes(16)))]
    (folder / "net.onnx").write_bytes(b"".join(half.SerializeToString() for half in halves))
    with pytest.raises(BundleError, match="is damaged"):
        check_onnx(folder / "net.onnx")


@pytest.mark.parametrize("content", [b"<html>", b"\x0b\x0c", b"\x3a\xff\xff\xff\xff\x0f", b"\xff" * 40])
def test_what_is_no_onnx_file_is_one_clear_error(folder: Path, content: bytes) -> None:
    (folder / "net.onnx").write_bytes(content)
    with pytest.raises(BundleError, match=r"net\.onnx: is damaged, or no ONNX file"):
        check_onnx(folder / "net.onnx")


def test_a_place_in_memory_is_none_on_the_disk_though_a_file_of_that_name_is_there(folder: Path) -> None:
    (folder / ADDRESS).parent.mkdir(parents=True)
    (folder / ADDRESS).write_bytes(bytes(64))
    with pytest.raises(BundleError, match="stands for memory"):
        check(folder, as_initializer(tensor(external={"location": ADDRESS, "offset": 16, "length": 16})))


def varint(value: int) -> bytes:
    return bytes([value & 0x7F | 0x80]) + varint(value >> 7) if value > 0x7F else bytes([value])


def packed(number: int, content: bytes, *, beyond: int = 0) -> bytes:
    """A field of bytes; `beyond` are bits of its tag over the 32 that count."""
    return varint(number << 3 | 2 | beyond << 32) + varint(len(content)) + content


def with_tensor(content: bytes) -> bytes:
    return packed(7, packed(5, content))


@pytest.mark.parametrize("number", [5, 13])
def test_a_field_that_only_protocol_buffers_would_see_is_refused(folder: Path, number: int) -> None:
    whole = tensor(raw_data=bytes(16)).SerializeToString()
    location = packed(1, b"location") + packed(2, ADDRESS.encode())
    hidden = packed(number, location, beyond=1)
    (folder / "net.onnx").write_bytes(with_tensor(whole + hidden))
    with pytest.raises(BundleError, match="is damaged"):
        check_onnx(folder / "net.onnx")


@pytest.mark.parametrize(
    "more",
    [
        varint(2 << 3) + varint(TensorProto.FLOAT | 1 << 32),  # an enumeration has 32 bits
        packed(2, b""),  # bytes where the type is a number: none that Protocol Buffers knows
    ],
)
def test_a_type_that_is_written_oddly_does_not_hide_how_many_numbers_there_are(folder: Path, more: bytes) -> None:
    (folder / "net.onnx").write_bytes(with_tensor(tensor(raw_data=bytes(15)).SerializeToString() + more))
    with pytest.raises(BundleError, match="has 15 bytes where its shape says 16"):
        check_onnx(folder / "net.onnx")


@pytest.mark.parametrize("more", [varint(14 << 3) + varint(1 | 1 << 32), varint(14 << 3) + varint(1) + packed(14, b"")])
def test_a_place_that_is_written_oddly_is_elsewhere_still(folder: Path, more: bytes) -> None:
    (folder / "net.onnx").write_bytes(with_tensor(tensor(raw_data=bytes(16)).SerializeToString() + more))
    with pytest.raises(BundleError, match="keeps its numbers in ''"):
        check_onnx(folder / "net.onnx")


def test_pipes_folders_and_empty_files_are_told(folder: Path) -> None:
    (folder / "empty.onnx").touch()
    for name, told in [("pipe", "is a named pipe"), ("parts", "is a folder"), ("empty.onnx", "is empty")]:
        with pytest.raises(BundleError, match=told):
            check_onnx(folder / name)


def test_deep_nesting_is_refused_and_not_recursed_into(folder: Path) -> None:
    graph = _graph()
    for _ in range(40):
        outer = _graph()
        outer.node.add(op_type="If").attribute.add(name="b").g.CopyFrom(graph)
        graph = outer
    with pytest.raises(BundleError, match="is damaged"):
        check(folder, helper.make_model(graph))


@given(data=st.data())
def test_whatever_the_bytes_are_what_passes_names_no_place_in_memory(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    whole = bytearray(as_initializer(tensor(external={"location": ADDRESS, "offset": 1})).SerializeToString())
    for _ in range(data.draw(st.integers(0, 4))):
        place = data.draw(st.integers(0, len(whole) - 1))
        whole[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    file = tmp_path_factory.getbasetemp() / "fuzzed.onnx"
    file.write_bytes(whole)
    try:
        check_onnx(file)
    except BundleError:
        return
    model = onnx.ModelProto()
    try:
        model.ParseFromString(bytes(whole))
    except Exception:  # noqa: BLE001 - then OpenVINO, which reads it by the same library, refuses it too
        return
    assert not any(
        entry.value == ADDRESS for initializer in model.graph.initializer for entry in initializer.external_data
    )
