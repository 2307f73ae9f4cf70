"""Label files of people: one a line, or JSON."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fashionbatch.bundle.importing.label_file import read_label_file
from fashionbatch.errors import BundleError


def read(tmp_path: Path, data: bytes) -> tuple[str, ...]:
    file = tmp_path / "labels.txt"
    file.write_bytes(data)
    return read_label_file(file)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"cat\ndog\n", ("cat", "dog")),
        (b"cat\r\ndog", ("cat", "dog")),
        ("\ufeff고양이\n 개 \n".encode(), ("고양이", "개")),
        (b'["cat", "a, b"]', ("cat", "a, b")),
        (b'\n {"1": "dog", "0": "cat"}', ("cat", "dog")),
        (b'{"0": ["n01440764", "tench"], "1": ["n01443537", "goldfish"]}', ("tench", "goldfish")),
    ],
)
def test_every_form_gives_the_names_in_order(tmp_path: Path, data: bytes, expected: tuple[str, ...]) -> None:
    assert read(tmp_path, data) == expected


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "label 0 is empty"),
        (b"cat\n\ndog\n", "label 1 is empty"),
        (b"cat\ndog\ncat\n", "labels 0 and 2 are both 'cat'"),
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


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "labels.txt")
    with pytest.raises(BundleError, match="is a named pipe or a device, where a file is needed"):
        read_label_file(tmp_path / "labels.txt")


def test_there_is_a_limit_to_labels(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("\n".join(map(str, range(100_001))))
    with pytest.raises(BundleError, match="has 100,001 labels; a bundle has 100,000 at most"):
        read_label_file(tmp_path / "labels.txt")
