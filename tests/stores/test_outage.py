"""A store that fails as a whole ends the run, and no row of it tells of that; the same command goes on afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from fashionbatch.api.labeling import classify
from fashionbatch.errors import DataError
from fashionbatch.labeling.job import shards

FILES = {f"{number:02}.png": number % 3 for number in range(40)}
BEGUN = 25


@pytest.fixture
def folder(paint: Callable[[Mapping[str, int]], Path], store: Any) -> Path:
    folder = paint(FILES)
    store.put_folder(folder, "photos")
    return folder


def label(where: str | Path, bundle: Path, output: Path, **asked: Any) -> bytes:
    classify(where, bundle, output, workers=1, batch_size=4, progress=False, **asked)
    return output.read_bytes()


def from_the_nth_photo(fault: str, first: int = BEGUN) -> Callable[[str, str, int], str | None]:
    """Everything fails once so many photos were read."""
    asked: set[str] = set()

    def plan(method: str, path: str, number: int) -> str | None:
        if method == "GET" and path.startswith("/bucket/photos/"):
            asked.add(path)
        return fault if len(asked) > first else None

    return plan


@pytest.mark.parametrize(
    ("fault", "said", "hint"),
    [
        ("ExpiredToken", "ExpiredToken: the store answered with status 400", "when the credentials are renewed, "),
        ("403", "AccessDenied: the store answered with status 403", "when the credentials allow reading it again, "),
        ("NoSuchBucket", "NoSuchBucket: the store answered with status 404", "when it is there again, "),
        pytest.param("lost", "(tried 6 times)", "when it answers again, ", marks=pytest.mark.slow),
    ],
)
def test_a_store_that_fails_in_mid_run_ends_it_and_the_same_command_goes_on(
    *, fault: str, said: str, hint: str, folder: Path, tiny: Path, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "SMALLEST", 8)
    local, remote = folder.parent / "local.csv", folder.parent / "remote.csv"
    store.proxy.plan = from_the_nth_photo(fault)
    with pytest.raises(DataError) as caught:
        label("s3://bucket/photos", tiny, remote)
    assert caught.value.message.startswith("s3://bucket/photos: nothing can be read there any more: ")
    assert said in caught.value.message
    assert (caught.value.hint or "").startswith(hint)
    assert not remote.exists()
    store.proxy.reset()
    assert label("s3://bucket/photos", tiny, remote) == label(folder, tiny, local)
    assert 0 < len(store.requests("photos")) < len(FILES), "what was labeled is not read again"


def test_a_list_of_addresses_ends_likewise(folder: Path, tiny: Path, store: Any, tmp_path: Path) -> None:
    listed = tmp_path / "list.txt"
    listed.write_text("".join(f"s3://bucket/photos/{name}\n" for name in FILES))
    store.proxy.plan = from_the_nth_photo("ExpiredToken", 3)
    with pytest.raises(DataError, match=r"^s3://bucket: nothing can be read there any more: ExpiredToken: "):
        label(folder, tiny, tmp_path / "labels.csv", files_from=listed)
    assert not (tmp_path / "labels.csv").exists()


def test_a_store_that_lists_but_lets_nothing_be_read_is_told_before_anything_is_labeled(
    folder: Path, tiny: Path, store: Any, tmp_path: Path
) -> None:
    store.proxy.plan = lambda method, path, number: "403" if path.startswith("/bucket/photos/") else None
    with pytest.raises(DataError, match=r"lists what is there, but lets nothing be read: .* \(16 objects tried\)"):
        label("s3://bucket/photos", tiny, tmp_path / "labels.csv")
    assert not list(tmp_path.glob("labels.csv*"))
