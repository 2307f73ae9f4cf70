"""Secrets of the environment stand in nothing that a run leaves or says, however it ends."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from fashionbatch.cli import main

FILES = {f"{'ab'[number % 2]}/{number:02}.png": number % 2 for number in range(20)}
SECRET = "PLANTED"
Plan = Callable[[str, str, int], str | None]
RECIPE = """
version: 1
name: stored
data:
  source: {name: image_folder, path: "s3://bucket/photos"}
  image: {size: [8, 8]}
  split: {validation: 0.25, test: 0.0}
architecture: {name: mlp, dense: [4]}
training: {epochs: 1, batch_size: 8}
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where everything goes that a run leaves: tables, caches, temporary files."""
    place = tmp_path / "place"
    for name in ("cache", "temporary"):
        (place / name).mkdir(parents=True)
    monkeypatch.setenv("FASHIONBATCH_CACHE_DIR", str(place / "cache"))
    monkeypatch.setenv("TMPDIR", str(place / "temporary"))
    monkeypatch.setattr(tempfile, "tempdir", str(place / "temporary"))
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def folder(paint: Callable[[Mapping[str, int]], Path], tiny: Path, store: Any) -> Path:
    folder = paint(FILES)
    store.put_folder(folder, "photos")
    store.put_folder(tiny, "bundle")
    return folder


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return int(caught.value.code or 0)


def written(place: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of every file, and the names of folders."""
    for path in place.rglob("*"):
        yield str(path), path.read_bytes() if path.is_file() else b""


def stored(store: Any) -> Iterator[tuple[str, bytes]]:
    for each in store.client.list_objects_v2(Bucket="bucket").get("Contents", []):
        yield each["Key"], store.client.get_object(Bucket="bucket", Key=each["Key"])["Body"].read()


def require_no_secret(place: Path, store: Any, said: str, *, files: int) -> None:
    found = [*written(place), *stored(store), ("said", said.encode())]
    assert len(found) > files
    for name, content in found:
        for form in (SECRET, "AWS4-HMAC"):
            assert form not in name
            assert form.encode() not in content, name


class Commands:
    """Command lines of all processes below this one, looked at when a photo is asked for."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()

    def look(self) -> None:
        for line in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                if b"fashionbatch" in (text := line.read_bytes()):
                    self.seen.add(text)
            except OSError:
                continue


def refusing(fault: str, wanted: Callable[[str, str], bool]) -> Plan:
    return lambda method, path, number: fault if wanted(method, path) else None


def expiring(method: str, path: str, number: int) -> str | None:
    """The token has expired when the listing is done."""
    is_listing = path == "/bucket" and number == 1
    return "ExpiredToken" if path.startswith("/bucket/photos/") or (path == "/bucket" and not is_listing) else None


CLASSIFY = ("classify", "s3://bucket/photos", "-b", "s3://bucket/bundle", "-j", "1")


@pytest.mark.parametrize(
    ("plan", "code"),
    [
        (refusing("403", lambda method, path: path.endswith("/03.png")), 0),
        (expiring, 1),
        (refusing("403", lambda method, path: method == "GET" and path == "/bucket"), 1),
        (refusing("403", lambda method, path: "labels.csv" in path and method in {"PUT", "POST"}), 1),
        (refusing("InvalidAccessKeyId", lambda method, path: "bundle" in path), 1),
    ],
    ids=["one photo", "expired", "no list", "no upload", "no bundle"],
)
def test_labeling_tells_no_secret(
    *, plan: Plan, code: int, folder: Path, place: Path, store: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    commands = Commands()

    def looking(method: str, path: str, number: int) -> str | None:
        if path.startswith("/bucket/photos/"):
            commands.look()
        return plan(method, path, number)

    store.proxy.plan = looking
    assert run(*CLASSIFY, "-o", "s3://bucket/out/labels.csv", "--match", "sha256") == code
    require_no_secret(place, store, "".join(capfd.readouterr()), files=len(FILES))
    if code == 0:
        assert commands.seen
        assert run("status", "s3://bucket/out/labels.csv", "--json") in {0, 1}
        assert run("doctor") in {0, 1}
        require_no_secret(place, store, "".join(capfd.readouterr()), files=len(FILES) + 3)
    assert not any(SECRET.encode() in line for line in commands.seen)


def test_the_password_of_a_proxy_is_not_told(
    folder: Path, place: Path, store: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, f"http://me:{SECRET}@127.0.0.1:9")
    monkeypatch.setattr("fashionbatch.stores.retrying.Patience.__init__.__defaults__", (2, 0.01, 0.01, 5.0, 10.0))
    assert run(*CLASSIFY, "-o", "labels.csv") == 1
    said = "".join(capfd.readouterr())
    assert "tried 2 times" in said
    require_no_secret(place, store, said, files=len(FILES))


def test_a_bug_tells_no_secret_in_its_traceback(
    folder: Path, place: Path, store: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*given: object) -> None:
        raise RuntimeError(f"{dict(os.environ)} s3://me:{SECRET}@bucket https://host/a?X-Amz-Signature={SECRET}")

    monkeypatch.setattr("fashionbatch.labeling.run._ready", fail)
    assert run(*CLASSIFY, "-o", "labels.csv") == 3
    said = "".join(capfd.readouterr())
    assert "traceback is in" in said
    assert list((place / "temporary").glob("*.txt"))
    require_no_secret(place, store, said, files=len(FILES))


@pytest.mark.parametrize("fault", [pytest.param(None, marks=pytest.mark.slow), "403"])
def test_training_tells_no_secret(
    fault: str | None, folder: Path, place: Path, store: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    store.proxy.plan = lambda method, path, number: fault if path.endswith("/03.png") else None
    (place / "recipe.yaml").write_text(RECIPE)
    assert run("train", "recipe.yaml", "-o", "run") == (0 if fault is None else 1)
    require_no_secret(place, store, "".join(capfd.readouterr()), files=len(FILES))
