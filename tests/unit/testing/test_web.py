"""The web of our own, as tests look at it."""

from __future__ import annotations

import contextlib
import time

import pytest

pytest.importorskip("httpcore", reason="the extra `collect` is not installed")

from fashionbatch.testing.web import FakeWeb, Reply


class Late(list[tuple[str, str]]):
    """A list into which nothing comes at once."""

    def append(self, place: tuple[str, str]) -> None:
        time.sleep(0.3)
        super().append(place)


def test_an_answer_is_noted_before_whoever_has_got_it_can_look() -> None:
    with FakeWeb() as web:
        web.whole = Late()
        url = web.put("photos.example/1.jpg", Reply(b"photo"))
        with contextlib.closing(web.exchange()) as exchange:
            assert exchange(url, {}, max_bytes=100, seconds=60.0).content == b"photo"
            assert web.whole == [("photos.example", "/1.jpg")]
