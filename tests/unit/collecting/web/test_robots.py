"""What a robots.txt means, however it is written: RFC 9309, and wishes about training."""

from __future__ import annotations

import pytest

from fashionbatch.collecting.web.robots import Robots


@pytest.mark.parametrize(
    ("text", "path", "is_allowed"),
    [
        ("", "/a.jpg", True),
        ("<html><body>Not here: go away</body></html>", "/a.jpg", True),
        ("User-agent: *\nDisallow: /", "/a.jpg", False),
        ("\ufeffUser-agent: *\nDisallow: /", "/a.jpg", False),
        ("user-AGENT : * # all\r\ndisallow:/private # not here\r\n", "/private/a.jpg", False),
        ("User-agent: *\n\n\nDisallow: /private", "/private/a.jpg", False),
        ("User-agent: *\nDisallow:", "/a.jpg", True),
        ("User-agent: *\nDisallow: /\nAllow: /free/", "/free/a.jpg", True),
        ("User-agent: *\nAllow: /free/\nDisallow: /free/but/", "/free/but/a.jpg", False),
        ("User-agent: *\nDisallow: /a\nAllow: /a", "/a.jpg", True),
        ("User-agent: *\nDisallow: /*.jpg$", "/deep/a.jpg", False),
        ("User-agent: *\nDisallow: /*.jpg$", "/deep/a.jpg?size=1", True),
        ("User-agent: *\nDisallow: /*.jpg$", "/a.jpg.jpg", False),
        ("User-agent: *\nDisallow: /*/full*w=", "/x/full/a?w=3", False),
        ("User-agent: *\nDisallow: /*?", "/a.jpg?x", False),
        ("User-agent: *\nDisallow: /a$", "/ab", True),
        ("User-agent: *\nDisallow: private", "/private", False),
        ("User-agent: *\nDisallow: /kleidung/Größe", "/kleidung/Gr%C3%B6%C3%9Fe/1.jpg", False),
        ("User-agent: *\nDisallow: /a%2fb%7E", "/a%2Fb~c", False),
        ("User-agent: other\nDisallow: /", "/a.jpg", True),
        ("User-agent: fash\nDisallow: /", "/a.jpg", True),
        ("User-agent: *\nDisallow: /\n\nUser-agent: FashionBatch/0.2\nDisallow: /b", "/a.jpg", True),
        (
            "User-agent: fashionbatch\nAllow: /b\nUser-agent: x\nAllow: /\nUser-agent: fashionbatch\nDisallow: /a",
            "/a.jpg",
            False,
        ),
        ("User-agent: other\nUser-agent: fashionbatch\nDisallow: /", "/a.jpg", False),
        ("User-agent: *\nSitemap: https://x.example/s.xml\nDisallow: /a", "/a.jpg", False),
        ("Disallow: /\nUser-agent: *\nAllow: /", "/a.jpg", True),
    ],
)
def test_the_longest_rule_of_the_groups_for_this_program_decides(text, path, is_allowed):
    assert Robots(text).allows(f"http://photos.example{path}") is is_allowed


def test_no_rule_takes_long_to_match():
    robots = Robots(f"User-agent: *\nDisallow: /{'*a' * 5_000}b$\n")

    assert robots.allows(f"http://photos.example/{'a' * 8_000}")


@pytest.mark.parametrize(
    ("line", "pace"),
    [
        ("Crawl-delay: 7", 7.0),
        ("crawl-delay: 0.5", 0.5),
        ("Crawl-delay: soon", 0.0),
        ("Crawl-delay: -1", 0.0),
        ("", 0.0),
    ],
)
def test_the_pace_is_what_is_told_as_a_number(line, pace):
    assert Robots(f"User-agent: *\n{line}\nDisallow: /x\n").pace == pace


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("User-agent: *\nContent-Signal: search=yes, ai-train=no\nAllow: /", "Content-Signal: ai-train=no"),
        ("Content-signal: AI-TRAIN=NO\nUser-agent: *\nAllow: /", "Content-Signal: ai-train=no"),
        ("User-agent: *\nContent-Usage: train-ai=n\nAllow: /", "Content-Usage: train-ai=n"),
        ("User-agent: *\nContent-Signal: ai-train=yes, ai-input=no\nAllow: /", ""),
        ("User-agent: other\nContent-Signal: ai-train=no\nAllow: /", ""),
        ("User-agent: *\nAllow: /", ""),
    ],
)
def test_a_wish_against_training_is_read(text, wish):
    assert Robots(text).wish == wish
