"""Photos that a table names by addresses: read through a store that misbehaves, and judged as those of a folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from fashionbatch.data import addresses
from fashionbatch.data.prepare import prepare_data
from fashionbatch.data.prepared import PreparedData
from fashionbatch.errors import DataError
from fashionbatch.plan import plan_from_text
from fashionbatch.plugins import load_plugins
from fashionbatch.stores.retrying import Patience, Retrying
from fashionbatch.stores.s3 import S3Objects

_RECIPE = """
version: 1
name: by_address
data:
  source: {{name: csv_manifest, path: {table}}}
  image: {{size: [8, 8], channels: 3}}
  split: {{validation: 0.25, seed: 1}}
architecture: {{name: mlp, dense: [4]}}
training: {{epochs: 1}}
"""
_COUNT = 24


@pytest.fixture(autouse=True)
def photos(
    paint: Callable[[Mapping[str, int]], Path], store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    monkeypatch.setenv("FASHIONBATCH_CACHE_DIR", str(tmp_path / "cache"))
    folder = paint({f"{number}.png": number % 3 for number in range(_COUNT)})
    store.put_folder(folder, "photos")
    return folder


def prepared(folder: Path, cells: Callable[[int], str]) -> PreparedData:
    """What a table gives whose paths are written so."""
    table = folder / "items.csv"
    table.write_text("path,label\n" + "".join(f"{cells(number)},{'abc'[number % 3]}\n" for number in range(_COUNT)))
    recipe = _RECIPE.format(table=table)
    return prepare_data(plan_from_text(recipe, registry=load_plugins().registry, base=folder))


def test_they_give_what_the_same_files_give(photos: Path, store: Any, proxy_module: Any) -> None:
    here = prepared(photos, lambda number: f"{number}.png")
    store.proxy.plan = proxy_module.seeded(4, "503", "lost", "truncated", share=0.3, most=1)
    there = prepared(photos, lambda number: f"s3://bucket/photos/{number}.png" if number % 4 else f"{number}.png")
    assert not there.skipped
    assert there.fingerprint == here.fingerprint
    asked = dict(store.proxy.counts)
    store.proxy.plan = proxy_module.no_faults
    assert prepared(photos, lambda number: f"s3://bucket/photos/{number}.png" if number % 4 else f"{number}.png")
    # Only the tags of what is in the cache were asked for.
    more = {key for key, count in store.proxy.counts.items() if count > asked.get(key, 0)}
    assert {method for method, _ in more} == {"HEAD"}


def test_one_that_is_missing_is_left_out_with_its_line(photos: Path, store: Any) -> None:
    store.client.delete_object(Bucket="bucket", Key="photos/7.png")
    data = prepared(photos, lambda number: f"s3://bucket/photos/{number}.png")
    assert data.skipped == [("s3://bucket/photos/7.png", "FileNotFoundError: there is no such object")]
    assert any("items.csv:9: s3://bucket/photos/7.png cannot be had: FileNotFoundError" in note for note in data.notes)


def test_credentials_that_are_refused_end_it_in_one_line(photos: Path, store: Any) -> None:
    store.proxy.plan = lambda method, path, number: "InvalidAccessKeyId"
    with pytest.raises(DataError, match=r"^s3://bucket: nothing can be read there any more: ") as caught:
        prepared(photos, lambda number: f"s3://bucket/photos/{number}.png")
    assert "PLANTED" not in str(caught.value)


def test_a_table_of_a_store_may_name_photos_by_addresses(photos: Path, store: Any, tmp_path: Path) -> None:
    lines = "".join(f"s3://bucket/photos/{number}.png,{'abc'[number % 3]}\n" for number in range(_COUNT))
    store.put("tables/items.csv", f"path,label\n{lines}".encode())
    recipe = _RECIPE.format(table="s3://bucket/tables/items.csv")
    data = prepare_data(plan_from_text(recipe, registry=load_plugins().registry, base=tmp_path))
    assert data.fingerprint == prepared(photos, lambda number: f"{number}.png").fingerprint


def test_credentials_that_expire_midway_end_it_and_leave_no_photo_out(photos: Path, store: Any) -> None:
    def plan(method: str, path: str, number: int) -> str | None:
        return "ExpiredToken" if sum(store.proxy.counts.values()) > 20 else None

    store.proxy.plan = plan
    with pytest.raises(DataError, match=r"^s3://bucket: nothing can be read there any more: ExpiredToken"):
        prepared(photos, lambda number: f"s3://bucket/photos/{number}.png")
    store.proxy.plan = lambda method, path, number: None
    assert not prepared(photos, lambda number: f"s3://bucket/photos/{number}.png").skipped


def test_a_store_that_does_not_answer_is_asked_no_more_once_that_is_known(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    look = S3Objects.look

    def noted(self: S3Objects, path: str, seconds: float) -> Any:
        asked.append(path)
        return look(self, path, seconds)

    monkeypatch.setattr(S3Objects, "look", noted)
    monkeypatch.setattr(addresses, "Retrying", lambda: Retrying(Patience(tries=3, first_pause_s=0.1)))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(DataError, match=r"^s3://bucket: nothing can be read there any more: .*tried 3 times"):
        prepared(photos, lambda number: f"s3://bucket/photos/{number}.png")
    # Those that were under way, and none of the others.
    assert len(set(asked)) <= 16
    assert len(asked) <= 3 * 16
