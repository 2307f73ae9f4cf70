"""Label files of people: one a line, or JSON."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from onnx import helper, save

from fashionbatch.bundle.importing.label_file import labels_of_model, read_label_file
from fashionbatch.errors import BundleError


def read(tmp_path: Path, data: bytes) -> tuple[str, ...]:
    file = tmp_path / "labels.txt"
    file.write_bytes(data)
    return read_label_file(file).names


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"cat\ndog\n", ("cat", "dog")),
        (b"cat\r\ndog", ("cat", "dog")),
        ("\ufeff고양이\n 개 \n".encode(), ("고양이", "개")),
        (b'["cat", "a, b"]', ("cat", "a, b")),
        (b'\n {"1": "dog", "0": "cat"}', ("cat", "dog")),
        (b'{"0": ["n01440764", "tench"], "1": ["n01443537", "goldfish"]}', ("tench", "goldfish")),
        (b"cat\ndog\n\n\n", ("cat", "dog")),
        ("cat\ndog".encode("utf-16"), ("cat", "dog")),
        (b"0 red\n1 sky blue\n", ("red", "sky blue")),
        (b"1: dog\n0: cat\n", ("cat", "dog")),
        (b"1 cat\n2 dog\n", ("cat", "dog")),
        (b'0,"tench, Tinca"\n1,goldfish\n', ("tench, Tinca", "goldfish")),
        (b"cat,0\ndog,1\n", ("cat", "dog")),
        (b"cat 0\ndog 1\n", ("cat", "dog")),
        (b"0 fingers\n1 fingers\n", ("0 fingers", "1 fingers")),
        (b"7 up\n2 doors\n", ("7 up", "2 doors")),
        (b"tench, Tinca\ngoldfish, Carassius\n", ("tench, Tinca", "goldfish, Carassius")),
        (b"n01440764 tench, Tinca\nn01443537 goldfish\n", ("tench, Tinca", "goldfish")),
        (b"index,name\n1,dog\n0,cat\n", ("cat", "dog")),
        (b'"name";"id"\n"dog";1\n"a;b";0\n', ("a;b", "dog")),
        (b",label\n0,cat\n1,dog\n", ("cat", "dog")),
        (b'{"dog": 1, "cat": 0}', ("cat", "dog")),
        (b'{"0": 1, "1": 0}', ("1", "0")),
        (b'{"model_type": "vit", "id2label": {"1": "dog", "0": "cat"}, "label2id": {"cat": 0}}', ("cat", "dog")),
        (b'[{"id": 1, "name": "dog"}, {"id": 0, "name": "cat"}]', ("cat", "dog")),
        (b"{0: 'tench, Tinca', 1: \"it's\",}", ("tench, Tinca", "it's")),
    ],
)
def test_every_form_gives_the_names_in_order(tmp_path: Path, data: bytes, expected: tuple[str, ...]) -> None:
    assert read(tmp_path, data) == expected


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "label 0 is empty"),
        (b"cat\n\ndog\n", "label 1 is empty"),
        (b"index,name\n0,cat\n2,dog\n", "are not 0 to 1"),
        (b"index,name\n0,cat\n0,dog\n", "output 0 has two labels: 'cat' and 'dog'"),
        (b"index,name\n0,cat\n1\n", "line 3 has 1 columns"),
        (b'{"cat": 0, "dog": 0}', "output 0 has two labels"),
        (b"{0: __import__('os')}", "not JSON"),
        (b"cat|dog\n", "label 0 is 'cat|dog'"),
        (b"cat\tdog\n", r"label 0 is 'cat\tdog'"),
        (b"caf\xe9\n", "not UTF-8"),
        (b"[1, 2]", "label 0 is 1, not text"),
        (b'["cat", []]', "label 1 is [], not text"),
        (b"[", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"a": "cat"}', "output numbers"),
        (b'{"1": "cat", "2": "dog"}', "are not 0 to 1"),
    ],
)
def test_a_file_that_gives_no_labels_says_where(tmp_path: Path, data: bytes, says: str) -> None:
    with pytest.raises(BundleError) as caught:
        read(tmp_path, data)
    assert says in caught.value.message


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="there is no such file"):
        read_label_file(tmp_path / "none.txt")
    with pytest.raises(BundleError, match="is a folder"):
        read_label_file(tmp_path)


def test_names_that_stand_twice_get_the_numbers_of_their_outputs(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("crane\ndog\ncrane\ncrane (2)\n")
    labels = read_label_file(tmp_path / "labels.txt")
    assert labels.names == ("crane (0)", "dog", "crane (2)'", "crane (2)")
    assert labels.doubles == ("crane",)


def test_yaml_gives_the_names_of_ultralytics(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text("path: x\nnames:\n  0: person\n  1: no\n")
    assert read_label_file(tmp_path / "data.yaml").names == ("person", "no")
    (tmp_path / "data.yaml").write_text("names: [a")
    with pytest.raises(BundleError, match="line 1"):
        read_label_file(tmp_path / "data.yaml")


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("names", "{0: 'cat', 1: 'dog'}"),
        ("Labels", "cat,dog"),
        ("classes", '["cat", "dog"]'),
        ("class_names", "cat\ndog\n"),
    ],
)
def test_a_model_names_its_classes_in_its_metadata(tmp_path: Path, key: str, text: str) -> None:
    model = helper.make_model(helper.make_graph([], "g", [], []))
    helper.set_model_props(model, {"author": "somebody", key: text})
    save(model, tmp_path / "net.onnx")
    assert labels_of_model(tmp_path / "net.onnx").names == ("cat", "dog")


@pytest.mark.parametrize(
    "config",
    [
        {"id2label": {"1": "dog", "0": "cat"}, "label2id": {"dog": 1, "cat": 0}},
        {"architecture": "resnet18", "num_classes": 2, "label_names": ["cat", "dog"]},
        {"architecture": "resnet18", "pretrained_cfg": {"label_names": ["cat", "dog"]}},
        {"label_names": ["n1", "n2"], "label_descriptions": {"n1": "cat", "n2": "dog"}},
    ],
)
def test_the_config_beside_a_model_names_its_classes(tmp_path: Path, config: dict[str, object]) -> None:
    save(helper.make_model(helper.make_graph([], "g", [], [])), tmp_path / "net.onnx")
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert labels_of_model(tmp_path / "net.onnx").names == ("cat", "dog")


@pytest.mark.parametrize(
    "config", ['{"id2label": {"0": "LABEL_0", "1": "LABEL_1"}}', "[1]", "{", '{"label_names": []}']
)
def test_a_config_without_names_of_its_own_names_nothing(tmp_path: Path, config: str) -> None:
    save(helper.make_model(helper.make_graph([], "g", [], [])), tmp_path / "net.onnx")
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(BundleError, match="says nothing of its classes' names"):
        labels_of_model(tmp_path / "net.onnx")


def test_a_config_that_leaves_an_output_out_is_an_error_and_not_a_shorter_list(tmp_path: Path) -> None:
    save(helper.make_model(helper.make_graph([], "g", [], [])), tmp_path / "net.onnx")
    (tmp_path / "config.json").write_text('{"id2label": {"0": "cat", "2": "dog"}}')
    with pytest.raises(BundleError, match=r"config\.json: the 2 output numbers are not 0 to 1"):
        labels_of_model(tmp_path / "net.onnx")


def test_code_in_the_metadata_is_not_run(tmp_path: Path) -> None:
    model = helper.make_model(helper.make_graph([], "g", [], []))
    helper.set_model_props(model, {"names": f"{{0: open({str(tmp_path / 'x')!r}, 'w')}}"})
    save(model, tmp_path / "net.onnx")
    with pytest.raises(BundleError, match="'names' of its metadata: not JSON"):
        labels_of_model(tmp_path / "net.onnx")
    assert not (tmp_path / "x").exists()


def test_a_model_without_names_is_told_where_they_may_be(tmp_path: Path) -> None:
    save(helper.make_model(helper.make_graph([], "g", [], [])), tmp_path / "net.onnx")
    with pytest.raises(BundleError, match="says nothing of its classes' names") as caught:
        labels_of_model(tmp_path / "net.onnx")
    assert "--labels FILE" in (caught.value.hint or "")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(BundleError) as caught:
        labels_of_model(tmp_path / "net.xml")
    assert str(tmp_path / "config.json") in (caught.value.hint or "")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "labels.txt")
    with pytest.raises(BundleError, match="is a named pipe or a device, where a file is needed"):
        read_label_file(tmp_path / "labels.txt")


def test_there_is_a_limit_to_labels(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("\n".join(map(str, range(100_001))))
    with pytest.raises(BundleError, match="has 100,001 labels; a bundle has 100,000 at most"):
        read_label_file(tmp_path / "labels.txt")
