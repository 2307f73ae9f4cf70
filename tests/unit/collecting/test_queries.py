"""A file of queries: what it means, and every mistake with its line and column."""

from __future__ import annotations

import pytest

from fashionbatch.collecting.queries import load_queries
from fashionbatch.errors import RecipeError


@pytest.fixture
def load(collecting):
    return lambda yaml, **lists: load_queries(collecting.write(yaml, **lists), collecting.registry)


def test_queries_share_what_their_class_wants(load):
    queries = load(
        """\
        version: 1
        contact: ana@example.org
        count: 10
        classes:
          dress:
            queries: [red, {query: blue, count: 3, search: wikimedia_commons}, green]
            lists: [mine.csv]
          shirt: {count: 4, queries: [shirt]}
        """,
        mine="url\n",
    )

    wishes = [(wish.label, wish.search, wish.query, wish.count) for wish in queries.wishes]
    assert wishes == [
        ("dress", "openverse", "red", 2),
        ("dress", "wikimedia_commons", "blue", 3),
        ("dress", "openverse", "green", 2),
        ("dress", "url_list", "mine.csv", 3),
        ("shirt", "openverse", "shirt", 4),
    ]
    assert queries.wanted == {"dress": 10, "shirt": 4}
    assert queries.licences == {"cc0", "pdm", "by", "by-sa"}


@pytest.mark.parametrize(
    ("yaml", "expected"),
    [
        ("version: 1\nclases: {dress: {queries: [x]}}", "2:1: clases: unknown key 'clases'; did you mean 'classes'?"),
        ("version: 1\nclasses: {}", "2:10: classes: must be"),
        ("version: 1\nclasses:\n  dress: {count: 0, queries: [x]}", "3:18: classes.dress.count: must be"),
        ("version: 1\nclasses:\n  dress: {qeries: [x]}", "3:11: classes.dress.qeries: unknown key 'qeries'"),
        ("version: 1\nclasses:\n  dress: {count: 3}", "3:3: classes.dress: has neither queries nor lists"),
        ("version: 1\nclasses:\n  a/b: {queries: [x]}", "3:3: classes.a/b: the name of the class is also the name"),
        ("version: 1\nclasses:\n  .a: {queries: [x]}", "3:3: classes..a: the name of the class is also the name"),
        ("version: 1\nclasses:\n  a: {queries: [x]}\n  A: {queries: [x]}", "4:3: classes: the classes 'a' and 'A'"),
        ("version: 1\nsearch: openvers\nclasses: {a: {queries: [x]}}", "2:9: unknown image_search 'openvers'; did you"),
        (
            "version: 1\nclasses:\n  a: {queries: [{query: x, search: googl}]}",
            "3:36: unknown image_search 'googl'",
        ),
        (
            "version: 1\nsearches: {openverse: {licence: by}}\nclasses: {a: {queries: [x]}}",
            "2:24: searches.openverse.licence: unknown key 'licence'; did you mean 'licence_type'?",
        ),
        (
            "version: 1\nsearch: wikimedia_commons\nclasses: {a: {queries: [x]}}",
            "2:9: the search 'wikimedia_commons' wants to know who asks; write 'contact:",
        ),
        (
            "version: 1\nclasses:\n  collected.csv: {queries: [x]}",
            "3:3: classes.collected.csv: the name of the class is",
        ),
        ("version: 1\nclasses:\n  ../x: {queries: [x]}", "3:3: classes.../x: the name of the class is also the name"),
        ('version: 1\nclasses:\n  "a\\0": {queries: [x]}', "3:3"),
        (f"version: 1\nclasses:\n  {'x' * 201}: {{queries: [x]}}", "is longer than 200 bytes"),
        ("version: 1\nclasses:\n  \u00e9: {queries: [x]}\n  e\u0301: {queries: [x]}", "4:3: classes: the classes"),
        ("version: 1\nclasses:\n  a: {queries: [x, y, x]}", "3:23: classes.a.queries: 'x' stands twice"),
        ("version: 1\nclasses:\n  a: {lists: [x.csv, x.csv]}", "3:22: classes.a.lists: 'x.csv' stands twice"),
        ("version: 1\nclasses:\n  a: {lists: [x.csv, quiries.csv]}", "3:15: classes.a.lists: there is no file"),
        (
            "version: 1\nlicences: [by-as]\nclasses: {a: {queries: [x]}}",
            "2:12: licences: unknown licence 'by-as'; did you",
        ),
        ("- 1", "must be a mapping"),
        ("version: 1\nclasses\n", "2:1: this line lacks its ':'"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_column(load, yaml, expected):
    with pytest.raises(RecipeError) as refused:
        load(yaml)

    assert expected in str(refused.value)
    assert refused.value.what == "file of queries"


def test_all_mistakes_are_told_at_once(load):
    with pytest.raises(RecipeError) as refused:
        load("version: 0\npace: fast\nclasses:\n  a: {queries: [x]}\n")

    assert [problem.line for problem in refused.value.problems] == [1, 2]


def test_a_file_that_is_not_there_is_one_clear_error(tmp_path, searches):
    with pytest.raises(RecipeError, match="a file of queries is a YAML file"):
        load_queries(tmp_path / "none.yaml", searches)


def test_a_file_of_a_later_version_is_one_problem_whatever_else_it_says(load):
    with pytest.raises(RecipeError) as raised:
        load("version: 2\nfuture: {key: 1}\n")
    (problem,) = raised.value.problems
    assert (
        problem.message
        == "was written for version 2 of files of queries; this FashionBatch reads 1: update FashionBatch"
    )
