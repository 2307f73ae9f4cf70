"""Checkpoints of PyTorch's older layout: what is read, and that nothing but tables of numbers is."""

from __future__ import annotations

import os
import pickle
import zipfile

import numpy as np
import pytest

from fashionbatch.errors import WeightsError
from fashionbatch_plugins.architectures import torch_file
from fashionbatch_plugins.architectures.torch_file import read_tensors

ARRAYS = {
    "conv.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2),
    "cube": np.arange(8, dtype=np.float32).reshape(2, 2, 2),
    "bias": np.array([0.5, -1], np.float32),
    "steps": np.array(7, np.int64),
}


def changed(name, **fields):
    """Change what a tensor or its storage says of itself."""

    def change(tensors):
        given = list(tensors[name].given)
        if "count" in fields:
            given[0].count = fields["count"]
        for position, field in enumerate(("offset", "shape", "strides"), start=1):
            given[position] = fields.get(field, given[position])
        tensors[name].given = tuple(given)

    return change


def test_tensors_are_read_by_their_names_without_pytorch(save_checkpoint):
    found = read_tensors(save_checkpoint(ARRAYS))
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array, strict=True)


def test_a_tensor_may_be_part_of_a_storage_in_another_order(save_checkpoint):
    path = save_checkpoint(ARRAYS, change=changed("cube", offset=1, shape=(3, 2), strides=(1, 4)))
    np.testing.assert_array_equal(read_tensors(path)["cube"], [[1, 5], [2, 6], [3, 7]])


def test_a_single_tensor_is_read(save_checkpoint):
    assert list(read_tensors(save_checkpoint({"bias": ARRAYS["bias"]}))) == ["bias"]


class Command:
    """Makes a folder when a pickle of it is loaded by Python's reader."""

    def __init__(self, folder):
        self.folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self.folder,)


def test_what_a_file_wants_to_run_is_refused_and_not_run(save_checkpoint, tmp_path):
    made = tmp_path / "made"
    path = save_checkpoint(ARRAYS, change=lambda tensors: tensors.update(more=Command(made)))
    with pytest.raises(WeightsError, match=r"it names \w+\.mkdir, which no weights need"):
        read_tensors(path)
    assert not made.exists()


@pytest.mark.parametrize(
    ("name", "fields", "reason"),
    [
        ("bias", {"count": 1 << 39}, "a storage has another size"),
        ("bias", {"count": 3}, "another size"),
        ("bias", {"offset": 1}, "beyond its storage"),
        ("bias", {"offset": -1}, "has no storage"),
        ("bias", {"shape": (1 << 30,)}, "larger than the file"),
        ("bias", {"shape": (3,)}, "beyond its storage"),
        ("bias", {"shape": (2, 2), "strides": (0, 0)}, "beyond its storage"),
        ("bias", {"strides": (1 << 38,)}, "beyond its storage"),
        ("bias", {"strides": (-1,)}, "has no shape"),
        ("cube", {"shape": (2, 2)}, "has no shape"),
        ("cube", {"shape": [2, 2, 2]}, "has no shape"),
        ("cube", {"shape": (True, 2, 2)}, "has no shape"),
    ],
)
def test_sizes_that_lie_are_refused(save_checkpoint, name, fields, reason):
    with pytest.raises(WeightsError, match=reason):
        read_tensors(save_checkpoint(ARRAYS, change=changed(name, **fields)))


def test_many_names_for_one_storage_do_not_fill_the_memory(save_checkpoint, monkeypatch):
    monkeypatch.setattr(torch_file, "_LARGEST_FILE", 1 << 12)
    path = save_checkpoint(
        {"a": np.zeros(100, np.float32)},
        change=lambda tensors: tensors.update({f"a{number}": tensors["a"] for number in range(30)}),
    )
    assert path.stat().st_size < 1 << 12
    with pytest.raises(WeightsError, match="larger than the file"):
        read_tensors(path)


def test_files_and_descriptions_that_are_too_long_are_refused(save_checkpoint, monkeypatch):
    path = save_checkpoint(ARRAYS)
    monkeypatch.setattr(torch_file, "_LARGEST_PICKLE", 200)
    with pytest.raises(WeightsError, match="its description is too long"):
        read_tensors(path)
    monkeypatch.setattr(torch_file, "_LARGEST_FILE", 200)
    with pytest.raises(WeightsError, match="it has more than"):
        read_tensors(path)


def test_a_file_that_was_cut_anywhere_is_refused(save_checkpoint):
    path = save_checkpoint(ARRAYS)
    whole = path.read_bytes()
    for length in range(0, len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(WeightsError, match="is no checkpoint"):
            read_tensors(path)


def test_damage_anywhere_gives_numbers_or_one_error(save_checkpoint):
    path = save_checkpoint(ARRAYS)
    whole = path.read_bytes()
    generator = np.random.default_rng(3)
    outcomes = set()
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] = generator.integers(0, 256)
        path.write_bytes(damaged)
        try:
            outcomes.add(all(isinstance(found, np.ndarray) for found in read_tensors(path).values()))
        except WeightsError:
            outcomes.add("refused")
    assert outcomes == {True, "refused"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is no checkpoint"),
        (b"not a pickle", "is no checkpoint"),
        (pickle.dumps("a newer protocol", protocol=4), "the operation FRAME"),
        (pickle.dumps(7, protocol=2), "it begins in another way"),
        (b"(" * 100_000 + b"i__main__\nx\n.", "the operation INST"),
        # A tuple within a tuple as a key: Python would hash it all the way down.
        (b"}" + b")" + b"\x85" * 100_000 + b"K\x01s.", "a dictionary of something else than names"),
        (b"]K\x01}b.", "it changes what it has made"),
        (b"K\x01)R.", "it calls what is no function"),
        (b"ccollections\nOrderedDict\nK\x01R.", "it calls what is no function"),
        (b"ccollections\nOrderedDict\n(K\x01K\x02tR.", "is no checkpoint"),
        (b"}K\x01a.", "appends to what is no list"),
        (b"h\x05.", "is no checkpoint"),
        (b"t.", "is no checkpoint"),
        (b"K\x01Q.", "a storage is described in another way"),
        (b"cbuiltins\neval\n.", r"it names builtins\.eval"),
    ],
)
def test_what_is_no_such_file_is_refused(tmp_path, content, reason):
    path = tmp_path / "x.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=reason):
        read_tensors(path)


def test_the_newer_layout_is_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.pth", "w") as archive:
        archive.writestr("archive/data.pkl", b"")
    with pytest.raises(WeightsError, match="newer layout"):
        read_tensors(tmp_path / "x.pth")


def test_numbers_of_another_machine_and_other_things_than_tensors_are_refused(save_checkpoint):
    path = save_checkpoint(ARRAYS)
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"little_endian", b"little_endiaN"))
    with pytest.raises(WeightsError, match="not little-endian"):
        read_tensors(path)
    with pytest.raises(WeightsError, match="more than tensors"):
        read_tensors(save_checkpoint(ARRAYS, change=lambda tensors: tensors.update(epoch=3)))
    with pytest.raises(WeightsError, match="not those of its tensors"):
        read_tensors(save_checkpoint(ARRAYS, change=lambda tensors: tensors.pop("bias")))


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(WeightsError, match=r"absent\.pth is no checkpoint"):
        read_tensors(tmp_path / "absent.pth")
