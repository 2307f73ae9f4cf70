from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from fashionbatch.csvtext import PathFinder, foreign_path, path_below, plain_path, western_path

FILES = ("cat/a.jpg", "dog/b.png", "한복.jpg", "café.jpg")


@pytest.fixture
def finder(tmp_path: Path) -> PathFinder:
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return PathFinder(str(tmp_path), [".jpg", ".png"])


@pytest.mark.parametrize(
    ("path", "found", "note"),
    [
        ("cat/a.jpg", "cat/a.jpg", None),
        (r"cat\a.jpg", "cat/a.jpg", r"1 path is with backslashes, taken for slashes, such as 'cat\\a.jpg'"),
        ("./cat/a.jpg", "./cat/a.jpg", None),
        (" cat/a.jpg ", "cat/a.jpg", "with blanks around them"),
        ('"cat/a.jpg"', "cat/a.jpg", "in quotes"),
        (r'"cat\a"', "cat/a.jpg", "in quotes, which were left out"),
        ("dog/b", "dog/b.png", "without an ending"),
        (unicodedata.normalize("NFD", "한복.jpg"), "한복.jpg", "accents composed in another way"),
        ("caf\udce9.jpg", "café.jpg", "in the list's encoding"),
    ],
)
def test_a_file_is_found_however_another_machine_wrote_its_path(
    finder: PathFinder, path: str, found: str, note: str | None
) -> None:
    assert finder.find(path, western_path(path)) == found
    assert finder.missing == 0
    assert (note in finder.notes()[0]) if note else not finder.notes()


def test_what_is_not_there_is_counted_and_the_first_is_shown_in_full(finder: PathFinder) -> None:
    assert finder.find("no.jpg") is None
    assert finder.find("cat/c") is None
    assert (finder.missing, finder.first_missing) == (2, "no.jpg")
    assert finder.place("no.jpg") == f"{os.path.join(finder.root, 'no.jpg')!r} ('no.jpg', relative to {finder.root!r})"
    assert finder.place("/no.jpg") == "'/no.jpg'"


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("https://example.org/a.jpg", "is a URL"),
        ("s3://bucket/a.jpg", "is a URL"),
        (r"C:\photos\a.jpg", "is a path of a Windows machine"),
        ("d:/photos/a.jpg", "is a path of a Windows machine"),
        (r"\\server\share\a.jpg", "is a path of a Windows machine"),
        ("a:b.jpg", None),
        (r"cat\a.jpg", None),
        ("/photos/a.jpg", None),
    ],
)
def test_paths_of_other_machines_are_told_apart(path: str, word: str | None) -> None:
    found = foreign_path(path)
    assert found is None if word is None else (found or "").startswith(word)


def test_paths_are_compared_without_what_machines_write_differently() -> None:
    assert plain_path(r" .\cat\a.jpg") == plain_path("cat/a.jpg") == "cat/a.jpg"
    assert plain_path(unicodedata.normalize("NFD", "한복")) == "한복"


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("photos/a.jpg", "a.jpg"),
        (r"photos\sub\a.jpg", "sub/a.jpg"),
        ("./photos/a.jpg", "a.jpg"),
        ("../data/photos/a.jpg", "a.jpg"),
        ("/data/photos/a.jpg", "a.jpg"),
        ("a.jpg", None),
        ("photos", None),
        ("/data/photos2/a.jpg", None),
        ("photos/../a.jpg", None),
    ],
)
def test_a_path_is_seen_from_the_folder_that_it_leads_into(path: str, found: str | None) -> None:
    assert path_below(path, "/data/photos", ["/elsewhere", "/data"]) == found


@pytest.mark.parametrize(
    ("path", "end"),
    [
        ("/home/kim/photos/cat/a.jpg", "cat/a.jpg"),
        (r"C:\photos\cat\a.jpg", "cat/a.jpg"),
        ("photos/cat/a.jpg", "cat/a.jpg"),
        ("/home/kim/none.jpg", None),
        ("none.jpg", None),
        ("none/", None),
    ],
)
def test_the_end_of_a_path_of_another_machine_is_found(finder: PathFinder, path: str, end: str | None) -> None:
    assert finder.end_that_is_there(path) == end
