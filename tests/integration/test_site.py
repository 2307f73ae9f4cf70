"""The documents are a site: every page is in its navigation, every link leads somewhere, no other host is asked."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from scripts import make_site

with make_site.CONFIGURATION.open("rb") as file:
    PROJECT: dict[str, Any] = tomllib.load(file)["project"]

zensical = pytest.mark.skipif(find_spec("zensical") is None, reason="needs zensical, which the extra `docs` brings")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("built") / "site"
    make_site.build(target)
    return target


def test_every_document_is_in_the_navigation_once() -> None:
    named = sorted(_paths(PROJECT["nav"]))
    assert named == sorted(path.as_posix() for path in make_site.documents())


@zensical
def test_every_document_is_a_page(site: Path) -> None:
    for document in make_site.documents():
        name = "index" if document.stem == "README" else document.stem
        assert (site / document.parent / f"{name}.html").is_file(), document


@zensical
def test_links_lead_somewhere_and_no_other_host_is_asked(site: Path) -> None:
    assert list(make_site.find_mistakes(site)) == []


@zensical
def test_what_is_configured_is_there(site: Path) -> None:
    # zensical says nothing of a key, a feature or a plugin that it does not know.
    text = (site / "docs/recipes.html").read_text(encoding="utf-8")
    page = _Page()
    page.feed(text)
    assert PROJECT["site_name"] in page.title
    assert set(page.configuration["features"]) == set(PROJECT["theme"]["features"])
    assert page.schemes == [palette["scheme"] for palette in PROJECT["theme"]["palette"]]
    assert {"table", "pre"} <= page.tags
    assert {"headerlink", "highlight", "language-yaml"} <= page.classes
    assert "fonts.g" not in text
    index = json.loads((site / "search.json").read_text(encoding="utf-8"))
    assert any("recipes.html" in item["location"] for item in index["items"])


def test_mistakes_are_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<h1 id="here">A</h1><a href="#here"></a><a href="b.html#there"></a><a href="https://example.org/"></a>',
        encoding="utf-8",
    )
    (tmp_path / "b.html").write_text(
        '<a href="a.html#here"></a><a href="a.html#gone"></a><a href="c.html"></a><img src="d.png">'
        '<script src="https://example.org/x.js"></script><link href="//fonts.example.org/f.css"><pre class="mermaid">',
        encoding="utf-8",
    )
    assert list(make_site.find_mistakes(tmp_path)) == [
        "a.html: no such place: b.html#there",
        "b.html: loads https://example.org/x.js",
        "b.html: loads //fonts.example.org/f.css",
        "b.html: the theme fetches a library for the class 'mermaid'",
        "b.html: no such place: a.html#gone",
        "b.html: nothing is at c.html",
        "b.html: nothing is at d.png",
    ]


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.classes: set[str] = set()
        self.schemes: list[str] = []
        self.configuration: dict[str, Any] = {}
        self.title = ""
        self._within = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.add(tag)
        self.classes |= set((values.get("class") or "").split())
        if tag == "input" and (scheme := values.get("data-md-color-scheme")):
            self.schemes.append(scheme)
        self._within = "configuration" if values.get("id") == "__config" else tag

    def handle_data(self, data: str) -> None:
        if self._within == "configuration" and data.strip():
            self.configuration = json.loads(data)
        elif self._within == "title":
            self.title += data


def _paths(entries: list[Any]) -> Iterator[str]:
    for entry in entries:
        if isinstance(entry, str):
            yield entry
            continue
        for value in entry.values():
            yield from [value] if isinstance(value, str) else _paths(value)
