"""Files of a store that are needed on this machine for a moment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fashionbatch.errors import DataError
from fashionbatch.stores import fetching
from fashionbatch.stores.address import Url
from fashionbatch.stores.fetching import fetched, read_object

fsspec = pytest.importorskip("fsspec", reason="needs fashionbatch[cloud]")


@pytest.fixture
def store() -> Iterator[Any]:
    """The store in memory, empty."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    yield system
    system.store.clear()


def test_a_file_and_what_lies_beside_it_are_here_for_the_time_of_the_block(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "_PIECE", 3)
    store.pipe_file("/out/labels.csv", b"0123456789")
    store.pipe_file("/out/labels.csv.meta.json", b"{}")
    with fetched(Url("memory://out/labels.csv"), beside=(".meta.json", ".files")) as path:
        assert path.name == "labels.csv"
        assert path.read_bytes() == b"0123456789"
        assert path.with_name("labels.csv.meta.json").read_bytes() == b"{}"
        assert not path.with_name("labels.csv.files").exists()
    assert not path.exists()


def test_a_file_of_this_machine_is_itself(tmp_path: Path) -> None:
    with fetched(tmp_path / "labels.csv") as path:
        assert path == tmp_path / "labels.csv"


def test_what_is_not_there_is_told(store: Any) -> None:
    with (
        pytest.raises(DataError, match=r"^memory://out/labels\.csv: there is no such file"),
        fetched(Url("memory://out/labels.csv")),
    ):
        pass
    assert read_object(Url("memory://out/labels.csv")) is None


def test_a_small_file_is_read_whole(store: Any) -> None:
    store.pipe_file("/out/labels.csv.meta.json", b"{}")
    assert read_object(Url("memory://out/labels.csv.meta.json")) == b"{}"
