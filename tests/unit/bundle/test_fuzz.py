"""Whatever a bundle's files hold, opening ends in a bundle or in a BundleError."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fashionbatch.bundle.graph.check import check_graph
from fashionbatch.bundle.manifest import BundleManifest
from fashionbatch.bundle.open import open_bundle
from fashionbatch.bundle.parse import parse_manifest
from fashionbatch.errors import BundleError
from fashionbatch.testing.bundles import make_tiny_bundle

BOUNDED = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bundle(tmp_path_factory.mktemp("fuzz") / "tiny", decoding="several_of_many")


@pytest.fixture(scope="module")
def document(whole: Path) -> dict[str, Any]:
    loaded = json.loads((whole / "bundle.json").read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def read(data: bytes) -> BundleManifest | None:
    try:
        return parse_manifest(data, name="bundle.json")
    except BundleError as error:
        message = error.message
    assert message.isprintable()
    return None


@BOUNDED
@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    assert read(data) is None


@BOUNDED
@given(data=st.data())
def test_a_manifest_with_bytes_changed(data: st.DataObject, whole: Path) -> None:
    text = bytearray((whole / "bundle.json").read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(text) - 1))
        text[place : place + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    read(bytes(text))


@BOUNDED
@given(data=st.data())
def test_a_manifest_with_one_value_replaced(data: st.DataObject, document: dict[str, Any]) -> None:
    changed = json.loads(json.dumps(document))
    place: Any = changed
    while True:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if isinstance(place[key], dict | list) and place[key] and data.draw(st.booleans()):
            place = place[key]
            continue
        place[key] = data.draw(JSON)
        break
    manifest = read(json.dumps(changed, ensure_ascii=data.draw(st.booleans())).encode("utf-8", "surrogatepass"))
    if manifest is not None:
        assert set(manifest.files) <= {
            "model.xml",
            "model.bin",
            "model.int8.xml",
            "model.int8.bin",
            "model.weights.h5",
            "recipe.yaml",
            "reference.npz",
        }


@BOUNDED
@given(data=st.data())
def test_a_graph_with_text_replaced_under_a_right_digest(
    data: st.DataObject, whole: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = tmp_path_factory.mktemp("graph", numbered=True)
    graph = bytearray((whole / "model.xml").read_bytes())
    place = data.draw(st.integers(0, len(graph) - 1))
    graph[place : place + data.draw(st.integers(0, 40))] = data.draw(
        st.sampled_from(
            [b"", b"<", b">", b'"', b"-1", b"9" * 25, b"&a;", b"<layer/>", b"<port/>", b"<dim>", b"\0", b"\xff"]
        )
    )
    document = json.loads((whole / "bundle.json").read_text(encoding="utf-8"))
    document["files"]["model.xml"] = {"size": len(graph), "sha256": hashlib.sha256(graph).hexdigest()}
    (directory / "model.xml").write_bytes(graph)
    for name in ("model.bin", "reference.npz"):
        (directory / name).write_bytes((whole / name).read_bytes())
    (directory / "bundle.json").write_text(json.dumps(document), encoding="utf-8")
    bundle = open_bundle(directory)
    with suppress(BundleError):
        check_graph(bundle.path, bundle.manifest)
