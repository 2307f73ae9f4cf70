from __future__ import annotations

from pathlib import Path

import pytest

from fashionbatch.errors import DataError
from fashionbatch.stores.archives.naming import archives_of, root_of


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("a.tar", ["a.tar"]),
        ("A.TAR.GZ", ["A.TAR.GZ"]),
        ("s-{8..10}.tar", ["s-8.tar", "s-9.tar", "s-10.tar"]),
        ("s-{08..10}.tar", ["s-08.tar", "s-09.tar", "s-10.tar"]),
        ("s-{3..1}.tar", ["s-3.tar", "s-2.tar", "s-1.tar"]),
        ("s-{0..6..3}.zip", ["s-0.zip", "s-3.zip", "s-6.zip"]),
        ("{a,b}-{1..2}.tar", ["a-1.tar", "a-2.tar", "b-1.tar", "b-2.tar"]),
        ("{a,a}.tar", ["a.tar"]),
        ("{a}.tar", ["{a}.tar"]),
        ("{}{1..2}.tar", ["{}1.tar", "{}2.tar"]),
        ("a.jpg", []),
        ("{a,b}.jpg", []),
    ],
)
def test_braces_mean_what_they_mean_to_bash(pattern: str, names: list[str]) -> None:
    assert list(map(str, archives_of(Path(pattern)))) == names


def test_a_file_or_folder_is_what_it_is_called(tmp_path: Path) -> None:
    named = tmp_path / "{a,b}.tar"
    named.touch()
    folder = tmp_path / "photos.tar"
    folder.mkdir()
    assert archives_of(named) == (named,)
    assert archives_of(folder) == ()


def test_a_range_without_end_is_refused() -> None:
    with pytest.raises(DataError, match="more than 100,000 archives"):
        archives_of(Path("s-{0..99999999999}.tar"))


@pytest.mark.parametrize(
    ("pattern", "root"),
    [("/p/s-{1..2}.tar", "/p"), ("/p/{a,b}/s.tar", "/p"), ("/p/{a,b}/c/s.tar", "/p"), ("{a,b}/s.tar", ".")],
)
def test_rows_are_relative_to_what_comes_before_the_braces(pattern: str, root: str) -> None:
    assert root_of(Path(pattern)) == Path(root)
