from __future__ import annotations

import csv
import json

import pytest

from fashionbatch.errors import OutputError
from fashionbatch.trying.results import Journal, Tried, best_of, key_of, ranked, read_journal, write_journal


def tried(key, accuracy, *, judge="cross-validation", validation=None, cross_entropy=0.5, milliseconds=5.0):
    return Tried(
        key=key,
        candidate="Tiny",
        kind="head" if judge == "cross-validation" else "fine-tuned",
        setting="decay 1",
        accuracy=accuracy,
        images=400,
        judge=judge,
        validation=accuracy if validation is None else validation,
        cross_entropy=cross_entropy,
        milliseconds=milliseconds,
        size=1000,
        seconds=2.0,
        recipe={"version": 1},
    )


def test_among_heads_all_images_decide_and_not_the_validation_images_alone():
    lucky, better = tried("a", 0.80, validation=0.95), tried("b", 0.85, validation=0.84)
    assert best_of([lucky, better]).key == "b"


def test_a_fine_tuned_network_is_compared_with_the_best_head_on_the_validation_images():
    head = tried("a", 0.80, validation=0.90)
    worse, better = (tried(key, accuracy, judge="validation") for key, accuracy in (("b", 0.89), ("c", 0.91)))
    assert best_of([head, worse]).key == "a"
    assert best_of([head, worse, better]).key == "c"
    assert best_of([]) is None


def test_of_equally_accurate_ones_the_surer_is_the_best_also_where_it_is_slower():
    unsure = tried("a", 0.9, judge="validation", cross_entropy=0.41, milliseconds=3)
    sure = tried("b", 0.9, judge="validation", cross_entropy=0.35, milliseconds=9)
    assert best_of([unsure, sure]).key == "b"
    assert [one.key for one in ranked([unsure, sure])] == ["b", "a"]


def test_behind_the_best_stand_the_others_by_the_accuracy_that_is_shown():
    head, other, fine = tried("a", 0.86, validation=0.8), tried("b", 0.85, validation=0.9), tried("c", 0.7)
    best = tried("d", 0.84, judge="validation")
    assert [one.key for one in ranked([fine, other, head, best])] == ["d", "a", "b", "c"]


def test_of_equally_good_ones_the_faster_is_the_best():
    slow, fast = tried("a", 0.8, milliseconds=9), tried("b", 0.8, milliseconds=3)
    assert best_of([slow, fast]).key == "b"
    assert [one.key for one in ranked([slow, fast])] == ["b", "a"]


def test_what_was_tried_is_read_again_and_stands_in_a_table(tmp_path):
    write_journal(tmp_path / "try", Journal(tried=(tried("a", 0.80), tried("b", 0.85))))
    assert [one.key for one in read_journal(tmp_path / "try").tried] == ["a", "b"]
    with open(tmp_path / "try" / "try.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["accuracy"] for row in rows] == ["0.85", "0.8"]
    assert float(rows[0]["low"]) < 0.85 < float(rows[0]["high"])
    assert "recipe" not in rows[0]


def test_a_directory_with_other_files_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match="holds files, but no try"):
        read_journal(tmp_path)
    assert read_journal(tmp_path / "new").tried == ()


@pytest.mark.parametrize("text", ["{", json.dumps({"format": 0}), json.dumps({"tried": [{"key": "a"}]})])
def test_a_journal_that_cannot_be_read_is_no_traceback(tmp_path, text):
    (tmp_path / "try.json").write_text(text, encoding="utf-8")
    with pytest.raises(OutputError, match="was not written by this version"):
        read_journal(tmp_path)


def test_a_journal_of_a_later_version_is_refused_by_name(tmp_path):
    (tmp_path / "try.json").write_text(json.dumps({"format": 2}), encoding="utf-8")
    with pytest.raises(OutputError, match="a later FashionBatch wrote it, in version 2 of its format"):
        read_journal(tmp_path)


def test_other_data_and_other_recipes_have_other_keys():
    keys = {key_of({"a": 1}, "x", "head"), key_of({"a": 2}, "x", "head"), key_of({"a": 1}, "y", "head")}
    assert len(keys) == 3
    assert key_of({"a": 1}, "x", "head") in keys
