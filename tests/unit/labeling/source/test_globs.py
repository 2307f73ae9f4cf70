from __future__ import annotations

import pytest

from fashionbatch.labeling.source.globs import PathPatterns


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("*.jpg", b"a.jpg", True),
        ("*.jpg", b"deep/down/a.jpg", True),
        ("*.jpg", b"a.jpg/b.png", False),
        ("2024/*", b"2024/a.jpg", True),
        ("2024/*", b"2024/may/a.jpg", False),
        ("2024/**", b"2024/may/a.jpg", True),
        ("**/thumbs/*", b"thumbs/a.jpg", True),
        ("**/thumbs/*", b"x/y/thumbs/a.jpg", True),
        ("/top.jpg", b"top.jpg", True),
        ("img_?.png", b"img_1.png", True),
        ("img_?.png", b"img_12.png", False),
        ("img_[0-3].png", b"img_2.png", True),
        ("img_[!0-3].png", b"img_2.png", False),
        ("img_[!0-3].png", b"img_7.png", True),
        ("a+b (1).jpg", b"a+b (1).jpg", True),
        ("[", b"[", True),
        ("caf\udce9*", b"caf\xe9.jpg", True),
        ("*", b"with\nnewline.jpg", True),
    ],
)
def test_a_pattern_matches_the_last_part_or_with_a_slash_the_whole_path(
    pattern: str, path: bytes, matches: bool
) -> None:
    assert PathPatterns([pattern]).match(path) is matches


def test_any_of_several_patterns_is_enough() -> None:
    patterns = PathPatterns(["*.png", "raw/*"])
    assert patterns.match(b"a.png")
    assert patterns.match(b"raw/a.jpg")
    assert not patterns.match(b"a.jpg")
