"""Labeling photos in a store, through a proxy that misbehaves: the table is that of the same photos in a folder."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from fashionbatch.api.labeling import classify
from fashionbatch.cli.classify import command as classify_verb
from fashionbatch.errors import DataError
from fashionbatch.labeling.estimate import estimate
from fashionbatch.labeling.options import LabelOptions, OutputOptions, SourceOptions, WorkOptions
from fashionbatch.progress import silent
from fashionbatch.stores.address import Url

Paint = Callable[[Mapping[str, int]], Path]
MANY = {f"{'ab'[number % 2]}/{number:02}.png" if number % 3 else f"{number:02}.png": number % 3 for number in range(40)}


def label(where: str | Path, bundle: Path, output: Path, **asked: Any) -> Path:
    classify(where, bundle, output, workers=1, progress=False, **asked)
    return output


def rows_of(table: Path) -> dict[str, dict[str, str]]:
    with table.open(newline="", encoding="utf-8") as file:
        return {row["filepath"]: row for row in csv.DictReader(file)}


@pytest.fixture
def folder(paint: Paint, store: Any) -> Path:
    """Photos and what else lies about, in a folder and in the store."""
    folder = paint(MANY)
    (folder / "broken.jpg").write_bytes(b"broken")
    (folder / "notes.txt").write_text("no photo")
    (folder / ".thumbs").mkdir()
    (folder / ".thumbs" / "a.png").write_bytes(b"hidden")
    store.put_folder(folder, "photos")
    return folder


def test_the_table_is_that_of_the_same_photos_in_a_folder(folder: Path, tiny: Path, store: Any, tmp_path: Path) -> None:
    local = label(folder, tiny, tmp_path / "local.csv")
    remote = label("s3://bucket/photos", tiny, tmp_path / "remote.csv")
    assert remote.read_bytes() == local.read_bytes()
    asked = store.requests("photos")
    assert len(asked) == len(MANY) + 1
    assert set(asked.values()) == {1}


def test_a_store_that_misbehaves_gives_the_same_table(folder: Path, tiny: Path, store: Any, proxy_module: Any) -> None:
    local = label(folder, tiny, folder.parent / "local.csv")
    store.proxy.plan = proxy_module.seeded(7, "429", "500", "503", "lost", "truncated", "slow", share=0.3, most=2)
    remote = label("s3://bucket/photos", tiny, folder.parent / "remote.csv")
    assert remote.read_bytes() == local.read_bytes()
    counts = store.requests("photos").values()
    assert max(counts) == 3
    assert sum(counts) > len(counts) + 5


def test_an_object_that_always_fails_is_one_row(folder: Path, tiny: Path, store: Any, tmp_path: Path) -> None:
    store.proxy.plan = lambda method, path, number: "403" if path.endswith("/03.png") else None
    rows = rows_of(label("s3://bucket/photos", tiny, tmp_path / "remote.csv"))
    assert rows["03.png"]["status"] == "error"
    assert rows["03.png"]["error"] == "AccessDenied: the store answered with status 403"
    assert {row["status"] for path, row in rows.items() if path not in {"03.png", "broken.jpg"}} == {"ok"}


def test_objects_that_change_or_vanish_after_the_listing_are_told_apart(
    folder: Path, tiny: Path, store: Any, tmp_path: Path
) -> None:
    def plan(method: str, path: str, number: int) -> None:
        # The first object that is asked for says that the listing is over.
        if path.startswith("/bucket/photos/") and not done:
            done.append(path)
            store.put("photos/36.png", (folder / "03.png").read_bytes())
            store.client.delete_object(Bucket="bucket", Key="photos/39.png")

    done: list[str] = []
    store.proxy.plan = plan
    # Few at a time: those at the end are not read before the first one is.
    rows = rows_of(label("s3://bucket/photos", tiny, tmp_path / "remote.csv", include=["3?.png", "00.png"]))
    statuses = {path: row["status"] for path, row in rows.items() if row["status"] != "ok"}
    assert done
    assert statuses.items() <= {"36.png": "changed", "39.png": "missing"}.items()


def test_one_photo_of_a_store_is_one_row(folder: Path, tiny: Path, tmp_path: Path) -> None:
    rows = rows_of(label("s3://bucket/photos/a/02.png", tiny, tmp_path / "remote.csv"))
    assert {path: row["label"] for path, row in rows.items()} == {"02.png": "blue"}


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("s3://nowhere/photos", "s3://nowhere/photos: NoSuchBucket: the store answered with status 404"),
        ("s3://bucket/other", "no images in s3://bucket/other; it is empty, or there is no such folder"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(where: str, said: str, tiny: Path, store: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        label(where, tiny, tmp_path / "remote.csv")
    assert caught.value.message == said
    assert not list(tmp_path.glob("remote.csv*"))


def test_credentials_stand_nowhere(folder: Path, tiny: Path, store: Any, capfd: pytest.CaptureFixture[str]) -> None:
    tmp_path = folder.parent
    store.proxy.plan = lambda method, path, number: "403" if path.endswith(("/03.png", "/06.png")) else None
    output = label("s3://bucket/photos", tiny, tmp_path / "remote.csv", match="sha256")
    store.proxy.plan = lambda method, path, number: "403"
    with pytest.raises(DataError, match=r"^s3://bucket/photos: AccessDenied: ") as caught:
        label("s3://bucket/photos", tiny, tmp_path / "other.csv")
    assert "credentials" in (caught.value.hint or "")
    said = str(caught.value) + "".join(capfd.readouterr())
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert output.exists()
    for secret in ("PLANTED", "AWS4-HMAC"):
        assert secret not in said
        assert not any(secret.encode() in content for content in written)


def test_the_bundle_may_lie_in_the_store_too(
    folder: Path, tiny: Path, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FASHIONBATCH_CACHE_DIR", str(folder.parent / "cache"))
    store.put_folder(tiny, "bundle")
    local = label(folder, tiny, folder.parent / "local.csv", include="*3.png")
    remote = folder.parent / "remote.csv"
    classify("s3://bucket/photos", "s3://bucket/bundle", remote, workers=1, include="*3.png", progress=False)
    assert remote.read_bytes() == local.read_bytes()
    assert set(store.requests("bundle").values()) == {1}


def test_a_dry_run_lists_the_store_and_labels_a_sample(folder: Path, tiny: Path, store: Any, tmp_path: Path) -> None:
    source = SourceOptions(Url("s3://bucket/photos"))
    asked = LabelOptions((tiny,), source, OutputOptions(tmp_path / "remote.csv"), work=WorkOptions(workers=1))
    found = estimate(asked, reporter=silent(), stop_signal=lambda: 0)
    assert (found.files, found.sample, found.left_out[0]) == (len(MANY) + 1, len(MANY) + 1, "1 .txt")
    assert found.rate > 0
    assert found.bytes == sum(path.stat().st_size for path in folder.rglob("*.png") if "thumbs" not in str(path)) + 6
    assert not list(tmp_path.glob("remote.csv*"))


def test_one_photo_of_a_store_is_drawn_with_its_labels(folder: Path, tiny: Path, tmp_path: Path) -> None:
    picture = tmp_path / "labeled.png"
    asked = ["s3://bucket/photos/a/02.png", "-b", str(tiny), "--show", str(picture)]
    result = CliRunner().invoke(classify_verb, asked)
    assert result.exit_code == 0
    assert "*  blue" in result.output
    assert picture.stat().st_size > 1000
    result = CliRunner().invoke(classify_verb, ["s3://bucket/photos/broken.jpg", *asked[1:], "--overwrite"])
    assert isinstance(result.exception, DataError)
    assert result.exception.message.startswith("s3://bucket/photos/broken.jpg: ")
