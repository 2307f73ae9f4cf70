"""Tables in a store of S3's kind, read through a proxy that misbehaves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import fashionbatch as fb
from fashionbatch.errors import DataError
from fashionbatch.labels.summary.run import summarize_table
from fashionbatch.stores import fetching
from fashionbatch.stores.address import Url

HEAD = "filepath,status,error,label,prob\n"
ROWS = [f"{number % 7}/{number}.jpg,ok,,{'red' if number % 3 else 'blue'},0.{500 + number}\n" for number in range(300)]


def test_what_passes_is_asked_for_again_and_the_figures_are_those_of_the_disk(
    store: Any, tmp_path: Path, proxy_module: Any
) -> None:
    (tmp_path / "labels.csv").write_text(HEAD + "".join(ROWS))
    store.put("labels.csv", (HEAD + "".join(ROWS)).encode())
    for part in range(5):
        store.put(f"parts/part-{part:06}.csv", (HEAD + "".join(ROWS[part * 60 : part * 60 + 60])).encode())
    store.proxy.plan = proxy_module.seeded(3, "503", "lost", "truncated", share=0.4, most=2)
    expected = summarize_table(tmp_path / "labels.csv").as_json()
    for name in ("labels.csv", "parts"):
        found = summarize_table(Url(f"s3://bucket/{name}")).as_json()
        assert found == {**expected, "table": f"s3://bucket/{name}"}


def test_a_bucket_may_be_the_folder_of_a_table(store: Any) -> None:
    for part in range(2):
        store.put(f"part-{part:06}.csv", (HEAD + ROWS[part]).encode())
    assert fb.read_labels("s3://bucket").filepath.tolist() == ["0/0.jpg", "1/1.jpg"]


def test_a_sidecar_that_may_not_be_looked_for_is_none(store: Any) -> None:
    store.put("labels.csv", (HEAD + "".join(ROWS)).encode())
    store.proxy.plan = lambda _method, path, _number: "403" if path.endswith(".meta.json") else None
    assert fb.summarize("s3://bucket/labels.csv", progress=False).is_unchanged is None


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("s3://bucket/nothing.csv", "there is no such file"),
        ("s3://nowhere/labels.csv", "there is no such file|cannot be read"),
        ("s3://bucket/refused.csv", "cannot be read: HTTPError: the store answered with status 403"),
    ],
)
def test_what_is_not_there_is_one_clear_line(store: Any, address: str, message: str) -> None:
    store.proxy.plan = lambda _method, path, _number: "403" if "refused" in path else None
    with pytest.raises(DataError, match=message) as raised:
        fb.summarize(address, progress=False)
    assert "PLANTED" not in str(raised.value)


def test_a_table_that_is_replaced_while_it_is_fetched_is_no_mixture(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "_PIECE", 1000)
    content = (HEAD + "".join(ROWS)).encode()
    store.put("labels.csv", content)

    def replace(method: str, path: str, number: int) -> None:
        if (method, path, number) == ("GET", "/bucket/labels.csv", 2):
            store.put("labels.csv", content.replace(b"red", b"RED"))

    store.proxy.plan = replace
    with pytest.raises(DataError, match=r"^s3://bucket/labels\.csv: was written to while it was read"):
        fb.summarize("s3://bucket/labels.csv", progress=False)
