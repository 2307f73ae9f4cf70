"""Searches and lists, page by page: what came is never asked for again, and every search comes to an end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fashionbatch.collecting.web.pace import StoppedError
from fashionbatch.errors import InterruptedRunError
from fashionbatch.specs import ImageSearchSpec, SearchHit, SearchPage

pytest.importorskip("httpcore", reason="the extra `collect` is not installed")

from fashionbatch.collecting.asking import HostFetch
from fashionbatch.testing.web import Reply


class Pages:
    """A search of services that are made up: pages by their cursors."""

    def __init__(self, web, photo) -> None:
        self.asked: list[tuple[str, str | None]] = []
        self.web, self.photo = web, photo
        self.following: Callable[[str | None], str | None] = lambda cursor: None

    def __call__(self, query, cursor, *, fetch, **_):
        fetch(f"https://search.example/{query}?{cursor}")
        self.asked.append((query, cursor))
        seed = 100 * (query == "second") + int(cursor or 0)
        url = self.web.put(f"photos.example/{query}{seed}.jpg", Reply(self.photo(seed)))
        return SearchPage((SearchHit(id=f"{query}{seed}", url=url, licence="cc0"),), self.following(cursor))


@pytest.fixture
def pages(collecting, web, photo, monkeypatch):
    made = Pages(web, photo)
    web.put("search.example/*", Reply(b"{}"))
    spec = ImageSearchSpec(name="url_list", summary="x", search=made, hosts=("search.example",))
    monkeypatch.setattr(type(collecting.registry), "get", lambda self, kind, name: spec)
    return made


def test_a_search_whose_pages_go_in_a_circle_is_given_up(collecting, pages):
    pages.following = lambda cursor: "2" if cursor == "1" else "1"

    report = collecting.run(collecting.list_of(map(str, range(9))))

    assert [cursor for _, cursor in pages.asked] == [None, "1", "2"]
    assert report.notes == ("dress: url_list, 'dress.csv': its pages go round in a circle, and give no more",)
    assert [row.outcome for row in report.rows] == ["ok"] * 3


def test_a_page_that_came_is_not_asked_for_again_when_the_run_is_stopped_at_the_next(collecting, pages, monkeypatch):
    path = collecting.write(
        """\
        version: 1
        contact: ana@example.org
        classes:
          dress: {count: 1, queries: [{query: first, search: url_list}, {query: second, search: url_list}]}
        """
    )
    fetch = HostFetch.__call__

    def stop(self, url, **options):
        if "second" in url:
            raise StoppedError
        return fetch(self, url, **options)

    with monkeypatch.context() as patch:
        patch.setattr(HostFetch, "__call__", stop)
        with pytest.raises(InterruptedRunError):
            collecting.run(path)
    collecting.run(path)

    assert [query for query, _ in pages.asked] == ["first", "second"]


def test_a_long_list_is_read_as_far_as_it_is_needed(collecting, web, photo):
    urls = [web.put(f"photos.example/{number}.jpg", Reply(photo(number))) for number in (0, 2_500)]
    path = collecting.list_of(
        [urls[0], *["http://refused.example/1.jpg"] * 2_499, urls[1], *["http://last.example"] * 9_000]
    )
    text = path.read_text().replace("count: 11501", "count: 2")
    path.write_text(text)
    rows = (
        (collecting.folder / "dress.csv")
        .read_text()
        .replace("refused.example/1.jpg,cc0", "refused.example/1.jpg,by-nc")
    )
    (collecting.folder / "dress.csv").write_text(rows)

    report = collecting.run(path)

    assert [row.outcome for row in report.rows if row.take.hit.url in urls] == ["ok", "ok"]
    assert not [row for row in report.rows if "last" in row.take.hit.url]


def test_what_one_query_of_a_class_cannot_give_is_wanted_of_the_others(collecting, web, photo):
    urls = [web.put(f"photos.example/{number}.jpg", Reply(photo(number))) for number in range(12)]
    path = collecting.write(
        """\
        version: 1
        contact: ana@example.org
        classes:
          dress: {count: 6, lists: [few.csv, many.csv], queries: [{query: own.csv, search: url_list, count: 1}]}
        """,
        few=f"url,licence\n{urls[0]},cc0\n",
        many="url,licence\n" + "".join(f"{url},cc0\n" for url in urls[1:9]),
        own="url,licence\n" + "".join(f"{url},cc0\n" for url in urls[9:]),
    )

    report = collecting.run(path)

    found = [row.take.source.query for row in report.rows if row.outcome == "ok"]
    assert {name: found.count(name) for name in set(found)} == {"few.csv": 1, "many.csv": 4, "own.csv": 1}
