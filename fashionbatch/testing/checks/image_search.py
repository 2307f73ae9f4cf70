"""The promises of an image search."""

from __future__ import annotations

import contextlib
import io
import socket
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any, cast
from unittest import mock
from urllib.parse import urlsplit

from fashionbatch.errors import FashionBatchError, PluginError
from fashionbatch.plugins import guarded
from fashionbatch.registry import Provider
from fashionbatch.specs import ImageSearchSpec, SearchAnswer, SearchHit, SearchPage
from fashionbatch.testing.deadline import Unchecked, described
from fashionbatch.testing.subject import CheckFunction, ContractError, Subject, require

_QUERY = "red dress"
_LIST = "list.csv"
_ROWS = """url,licence,creator,source,title
https://photos.example/1.jpg,cc0,Ana,https://photos.example/1,One
https://photos.example/2.jpg,by,Ben,https://photos.example/2,Two
"""
_ODD = (b"", b"<html>busy</html>", b"null", b"[]", b"{}", b'"text"', b'{"results": [null]}', b'{"query": {"pages": 1}}')
_MOST_PAGES = 50


class _Service:
    """Stands in for the web: gives answers one after the other, and notes what is asked."""

    def __init__(self, spec: ImageSearchSpec, answers: Sequence[bytes]) -> None:
        self._spec, self._answers = spec, answers
        self.asked: list[tuple[str, Mapping[str, str], Mapping[str, str]]] = []

    def __call__(
        self, url: str, *, query: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> SearchAnswer:
        parts = urlsplit(url)
        require(
            parts.scheme == "https" and parts.hostname in self._spec.hosts,
            f"it asked {url}, and its hosts are {', '.join(self._spec.hosts) or 'none'}",
            "name every host in the spec's `hosts`, and ask by https",
        )
        for name, value in {**(query or {}), **(headers or {})}.items():
            require(
                isinstance(name, str) and isinstance(value, str),
                f"it asked with {name!r}: {value!r}",
                "give texts: str(page)",
            )
        self.asked.append((url, dict(query or {}), dict(headers or {})))
        return SearchAnswer(url, self._answers[min(len(self.asked), len(self._answers)) - 1])


def check_a_search_gives_hits_that_can_be_asked_for(subject: Subject) -> None:
    """Each hit has an id of its own and the address of a file, and pages come to an end."""
    hits = [hit for page in _pages(subject) for hit in page.hits]
    require(hits, "it gave no hit for the recorded answers", "let the first answer in `recorded` hold some")
    for hit in hits:
        parts = urlsplit(hit.url)
        require(
            parts.scheme in {"http", "https"} and bool(parts.hostname),
            f"the hit {hit.id!r} has the address {hit.url!r}",
            "give the whole address of the picture's file, with https://",
        )
    ids = [hit.id for hit in hits]
    require(len(set(ids)) == len(ids), "two hits have one id", "give the service's own id of each picture")
    require(
        any(hit.licence for hit in hits),
        "no hit says its licence, so that all of them would be refused",
        "give `licence` as the service writes it",
    )


def check_a_search_asks_the_core_alone(subject: Subject) -> None:
    """It opens no connection: the core keeps to pace, limits and the rules about addresses."""
    spec = _spec(subject)
    with _no_connections():
        _pages(subject)
    require(
        not spec.hosts or spec.pace > 0,
        f"its pace is {spec.pace}",
        "give the seconds between two requests that the service asks for",
    )


def check_a_search_remembers_nothing(subject: Subject) -> None:
    """A run that was killed goes on with a cursor in another process: the same call asks and gives the same."""
    first, second = _service(subject), _service(subject)
    pages = _pages(subject, first)
    again = _pages(subject, second)
    require(
        (pages, first.asked) == (again, second.asked),
        "the same query gave something else the second time",
        "keep what is needed in the cursor, and draw nothing",
    )
    require(
        not _spec(subject).hosts or len(first.asked) == len({repr(asked) for asked in first.asked}),
        "it asked the same twice for two pages",
        "ask for the page that the cursor says",
    )


def check_an_odd_answer_is_one_clear_error(subject: Subject) -> None:
    """A service that is ill answers anything; a search says so in one line, or finds nothing."""
    spec = _spec(subject)
    if not spec.hosts:
        return
    for answer in _ODD:
        try:
            page = _call(subject, None, _Service(spec, [answer]))
        except PluginError as error:
            raise ContractError(
                f"for the answer {answer!r} search raised {described(error)}",
                "check what an answer holds before it is used, and raise fashionbatch.errors.DataError",
            ) from error
        except FashionBatchError:
            continue
        require(isinstance(page, SearchPage), f"for the answer {answer!r} it gave no page", "return a SearchPage")


def check_a_search_works_in_a_whole_run(subject: Subject) -> None:
    """Against a server on this machine, `data collect` keeps a photo of each hit, and no host is asked too fast."""
    if find_spec("httpcore") is None:
        raise Unchecked("a whole run needs `pip install 'fashionbatch[collect]'`")
    from fashionbatch.collecting.queries import Queries, QueriesFile, Searching, Wish
    from fashionbatch.collecting.run import collect
    from fashionbatch.testing.web import FakeClock, FakeWeb, Reply

    spec = _spec(subject)
    hits = [hit for page in _pages(subject) for hit in page.hits]
    wish = Wish("dress", spec.name, _LIST if not spec.hosts else _QUERY, len(hits))
    file = QueriesFile.model_validate(
        {"version": 1, "contact": "a@b.example", "classes": {"dress": {"queries": ["x"]}}}
    )
    clock = FakeClock()
    with tempfile.TemporaryDirectory() as name, FakeWeb(now=clock.now) as web:
        base = Path(name)
        (base / _LIST).write_text(_ROWS, encoding="utf-8")
        for host in spec.hosts:
            web.put(f"{host}/*", [Reply(answer.encode()) for answer in spec.recorded])
        for number, hit in enumerate(hits):
            web.put(_place(hit), Reply(_photo(number)))
        searches = {spec.name: Searching(spec, subject.parameters)}
        queries = Queries(file, base, (wish,), searches, frozenset())
        exchange = web.exchange()
        try:
            report = collect(queries, base / "photos", clock=clock, exchange=exchange, any_licence=True)
        finally:
            exchange.close()
    kept = [row for row in report.rows if row.outcome == "ok"]
    problems = [*report.notes, *(row.reason for row in report.rows if row.outcome != "ok")]
    require(len(kept) == len(hits), f"of {len(hits)} hits {len(kept)} were kept: {'; '.join(problems)}", "see above")
    for host in spec.hosts:
        times = [one.at for one in web.asked if one.host == host]
        require(
            all(later - earlier >= spec.pace for earlier, later in pairwise(times)),
            f"{host} was asked faster than every {spec.pace:g} s",
            "this is a mistake of the core",
        )


def _spec(subject: Subject) -> ImageSearchSpec:
    return cast(ImageSearchSpec, guarded(subject.spec, Provider(subject.distribution or "check", "")))


def _service(subject: Subject) -> _Service:
    spec = _spec(subject)
    if spec.hosts and not spec.recorded:
        raise ContractError(
            "it has hosts, and no recorded answers to check it by",
            "give `recorded` in its spec: answers in the form that the service documents, one a page",
        )
    return _Service(spec, [answer.encode() for answer in spec.recorded])


def _call(subject: Subject, cursor: str | None, service: _Service) -> SearchPage:
    spec = _spec(subject)
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / _LIST).write_text(_ROWS, encoding="utf-8")
        query = _QUERY if spec.hosts else _LIST
        return spec.search(
            query, cursor, parameters=subject.parameters, fetch=service, locate=lambda path: Path(name) / path
        )


def _pages(subject: Subject, service: _Service | None = None) -> list[SearchPage]:
    """All pages of one query.

    Raises:
        Unchecked: it reads files of a form that the suite does not know.
    """
    service = _service(subject) if service is None else service
    pages: list[SearchPage] = []
    cursor = None
    while True:
        try:
            pages.append(_call(subject, cursor, service))
        except PluginError:
            raise
        except FashionBatchError as error:
            if _spec(subject).hosts:
                raise
            raise Unchecked(f"it does not read a CSV file of addresses: {error.message}") from None
        cursor = pages[-1].cursor
        if cursor is None:
            return pages
        require(
            len(pages) < _MOST_PAGES,
            f"after {len(pages)} pages there are still more",
            "let the last of the `recorded` answers be one that ends the search, and give the cursor None for it",
        )


@contextlib.contextmanager
def _no_connections() -> Iterator[None]:
    def refuse(*_: Any, **__: Any) -> None:
        raise ContractError("it opened a connection", "ask by `fetch`, which the core gives to `search`")

    with (
        mock.patch.object(socket.socket, "connect", refuse),
        mock.patch.object(socket, "create_connection", refuse),
        mock.patch.object(socket, "getaddrinfo", refuse),
    ):
        yield


def _place(hit: SearchHit) -> str:
    parts = urlsplit(hit.url)
    return f"{parts.netloc}{parts.path or '/'}{'?' + parts.query if parts.query else ''}"


def _photo(seed: int) -> bytes:
    """A picture like no other seed's."""
    import numpy as np
    from PIL import Image

    pixels = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).resize((96, 96), Image.Resampling.BICUBIC).save(buffer, "PNG")
    return buffer.getvalue()


CHECKS: tuple[CheckFunction, ...] = (
    check_a_search_gives_hits_that_can_be_asked_for,
    check_a_search_asks_the_core_alone,
    check_a_search_remembers_nothing,
    check_an_odd_answer_is_one_clear_error,
    check_a_search_works_in_a_whole_run,
)
