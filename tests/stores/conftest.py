"""A store of S3's kind on this machine, behind a proxy that misbehaves as told."""

from __future__ import annotations

import importlib.util
import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fashionbatch.testing.bundles import class_colour, make_tiny_bundle

ACCESS_KEY, SECRET_KEY = "AKIAPLANTEDPLANTED", "PLANTED/secret+key"
SESSION_TOKEN = "PLANTEDSESSION"


@dataclass
class Store:
    """A bucket called `bucket`, by its own client, and the proxy through which the code under test reaches it."""

    client: Any
    proxy: Any

    def put(self, key: str, content: bytes) -> None:
        self.client.put_object(Bucket="bucket", Key=key, Body=content)

    def put_folder(self, folder: Path, prefix: str) -> None:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.put(f"{prefix}/{path.relative_to(folder)}", path.read_bytes())

    def requests(self, prefix: str) -> Mapping[str, int]:
        """Path of each object below a prefix -> how often it was asked for."""
        start = f"/bucket/{prefix}/"
        return {path: count for (_, path), count in self.proxy.counts.items() if path.startswith(start)}


@pytest.fixture(scope="session")
def proxy_module() -> Any:
    path = Path(__file__).with_name("faulty_proxy.py")
    spec = importlib.util.spec_from_file_location("faulty_proxy", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def served(proxy_module: Any) -> Iterator[Store]:
    server_module = pytest.importorskip("moto.server", reason="moto is not installed: pip install 'fashionbatch[dev]'")
    pytest.importorskip("s3fs", reason="s3fs is not installed: pip install 'fashionbatch[cloud]'")
    import boto3

    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    client = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id="tests",
        aws_secret_access_key="tests",
        region_name="us-east-1",
    )
    with proxy_module.FaultyProxy(port) as proxy:
        yield Store(client, proxy)
    client.close()
    server.stop()


@pytest.fixture
def store(served: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """An empty bucket; the environment leads to it, through the proxy."""
    environment = {
        "AWS_ENDPOINT_URL": served.proxy.url,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_SESSION_TOKEN": SESSION_TOKEN,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    served.proxy.reset()
    served.client.create_bucket(Bucket="bucket")
    yield served
    listed = served.client.list_objects_v2(Bucket="bucket").get("Contents", [])
    for each in listed:
        served.client.delete_object(Bucket="bucket", Key=each["Key"])
    served.client.delete_bucket(Bucket="bucket")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with the classes red, green and blue, which labels an image by its mean colour."""
    return make_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")


@pytest.fixture
def paint(tmp_path: Path) -> Callable[[Mapping[str, int]], Path]:
    """Paint photos in the colour of a class: `paint({"a.png": 0, "sub/b.png": 2})`; gives the folder."""

    def make(files: Mapping[str, int]) -> Path:
        folder = tmp_path / "photos"
        for name, number in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (8, 8), class_colour(number, 3)).save(path)
        return folder

    return make
