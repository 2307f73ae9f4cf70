from __future__ import annotations

import hashlib
import itertools
import json
import os
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fashionbatch.errors import OutputError
from fashionbatch.labeling.job.shards import LARGEST, SMALLEST, Counts, ShardStore, plan_shards


@given(rows=st.integers(1, 30_000_000), columns=st.integers(4, 5000), batch_size=st.integers(1, 1024))
def test_shards_are_contiguous_and_of_1000_to_10000_rows(rows: int, columns: int, batch_size: int) -> None:
    bounds = plan_shards(rows, columns=columns, batch_size=batch_size)
    sizes = [stop - start for start, stop in itertools.pairwise(bounds)]
    assert bounds[0] == 0
    assert bounds[-1] == rows
    assert max(sizes) <= LARGEST
    assert min(sizes) >= min(SMALLEST, rows)


@given(rows=st.integers(1000, 3_000_000))
def test_with_usual_batches_only_the_last_one_is_padded(rows: int) -> None:
    assert all(start % 8 == 0 for start in plan_shards(rows, columns=5, batch_size=8)[:-1])


def counts(**statuses: int) -> Counts:
    return Counts(Counter(statuses), [Counter(red=statuses.get("ok", 0))])


@pytest.fixture
def store(tmp_path: Path) -> ShardStore:
    (tmp_path / "shards").mkdir()
    return ShardStore(tmp_path / "shards", [0, 10, 20, 25])


def test_a_shard_is_done_when_its_file_is_there(store: ShardStore) -> None:
    assert store.done() == set()
    store.commit(1, [b"rows\n"], counts(ok=10))
    assert store.done() == {1}
    assert store.path(1).read_bytes() == b"rows\n"
    store.path(1).unlink()
    assert store.done() == set()


def test_counts_survive_the_run(store: ShardStore) -> None:
    store.commit(0, [b"a"], counts(ok=8, error=2))
    store.commit(2, [b"b"], counts(ok=5))
    total = store.counts([0, 2])
    assert total.statuses == {"ok": 13, "error": 2}
    assert total.labels == [{"red": 13}]
    assert total.rows == 15


def test_a_shard_that_was_damaged_later_is_found_and_done_again(store: ShardStore) -> None:
    for shard in range(3):
        store.commit(shard, [b"rows %d\n" % shard], counts(ok=1))
    store.path(1).write_bytes(b"\0" * 7)
    with pytest.raises(OutputError, match=r"000001\.rows: damaged"):
        list(store.checked_paths())
    assert store.done() == {0, 2}


def test_notes_of_an_earlier_version_are_read(store: ShardStore) -> None:
    digest = hashlib.sha256(b"a").hexdigest()
    store.commit(0, [b"a"], counts(ok=1))
    notes = {"statuses": {"ok": 10}, "labels": [{"신발": 10}], "same": 2, "digests": "00" * 32 * 10, "sha256": digest}
    (store.directory / "000000.json").write_text(json.dumps(notes))
    store.require_whole(0)
    found = store.counts([0])
    assert (found.statuses, found.labels, found.same) == ({"ok": 10}, [{"신발": 10}], 2)
    assert store.digests(0) == [bytes(32)] * 10


@pytest.mark.parametrize(
    "change",
    [{"statuses": {"ok": -1}}, {"labels": [{"red": "3"}]}, {"same": None}, {"digests": "0g"}, {"sha256": "short"}],
)
def test_notes_that_hold_something_else_are_damage(store: ShardStore, change: dict[str, object]) -> None:
    store.commit(0, [b"a"], counts(ok=1))
    notes = store.directory / "000000.json"
    notes.write_text(json.dumps(json.loads(notes.read_bytes()) | change))
    with pytest.raises(OutputError, match=r"000000\.rows: damaged"):
        store.counts([0])


@pytest.mark.parametrize("ending", [".json", ".rows"])
def test_a_pipe_in_a_shards_place_is_damage_and_not_waited_for(store: ShardStore, ending: str) -> None:
    store.commit(0, [b"a"], counts(ok=1))
    path = store.directory / f"000000{ending}"
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(OutputError, match=r"damaged|named pipe"):
        store.require_whole(0)


@pytest.mark.parametrize("damage", [b"", b"{}", b"[]", b'{"sha256": 1, "statuses": [], "labels": {}}', b"\xff"])
def test_damaged_counts_are_found_too(store: ShardStore, damage: bytes) -> None:
    store.commit(0, [b"a"], counts(ok=1))
    (store.directory / "000000.json").write_bytes(damage)
    with pytest.raises(OutputError, match="damaged"):
        store.counts([0])
