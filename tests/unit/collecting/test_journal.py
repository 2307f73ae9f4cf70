"""A journal that another release wrote, or somebody else."""

from __future__ import annotations

import pytest

from fashionbatch.errors import DataError

pytest.importorskip("httpcore", reason="the extra `collect` is not installed")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('{"is":"journal","version":2}', "written by a newer FashionBatch"),
        ('{"is":"thumbs"}', "1: this line is not one that FashionBatch writes"),
        ("[1]", "1: this line is not one"),
        ('{"is":"page","source":["a"],"hits":[],"next":null}', "1: this line is not one"),
        ('{"is":"takes","takes":[{"source":["../x","y","z"],"hit":{"id":"1"}}]}', "1: this line is not one"),
    ],
)
def test_a_journal_that_is_not_ours_is_refused_and_left_as_it_is(collecting, web, line, expected):
    path = collecting.list_of(["http://photos.example/1.jpg"])
    journal = collecting.output / ".collected" / "journal.jsonl"
    journal.parent.mkdir(parents=True)
    journal.write_text(f"{line}\n")

    with pytest.raises(DataError, match=expected):
        collecting.run(path)

    assert journal.read_text() == f"{line}\n"
    assert web.asked == []
