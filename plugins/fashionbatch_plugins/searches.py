"""Built-in image searches: Openverse, Wikimedia Commons, and lists of addresses."""

from __future__ import annotations

import html
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from fashionbatch.errors import DataError
from fashionbatch.hookspecs import hookimpl
from fashionbatch.specs import CsvReader, Fetch, ImageSearchSpec, Locate, Parameters, SearchHit, SearchPage

OPENVERSE = "api.openverse.org"
COMMONS = "commons.wikimedia.org"
_TOKEN = "OPENVERSE_TOKEN"  # noqa: S105 - the name of a variable
_TAG = re.compile(r"<[^<>]*>")
_FIRST_ROWS = 1000
# What lists call their columns, the likeliest first.
_COLUMNS = {
    "url": ("url", "image_url", "link", "src"),
    "id": ("id",),
    "licence": ("licence", "license", "licence_url", "license_url"),
    "creator": ("creator", "author", "artist", "photographer"),
    "landing_page": ("landing_page", "source", "page", "foreign_landing_url"),
    "title": ("title", "caption"),
}


class Openverse(Parameters):
    """Which pictures of Openverse."""

    licence_type: Literal["commercial", "modification", "all-cc"] | None = Field(
        None, description="Ask for pictures alone that may be used for this; all where omitted."
    )
    source: str | None = Field(None, min_length=1, description="Collections, such as `flickr,met`; all where omitted.")
    mature: bool = Field(False, description="Whether pictures that are marked as not for everybody are given, too.")


class WikimediaCommons(Parameters):
    """Which pictures of Wikimedia Commons."""

    width: int = Field(1024, ge=64, le=4096, description="Pixels: the width of the copies that are asked for.")


class UrlList(Parameters):
    """A file of addresses, CSV with a header or one JSON object a line."""

    url_column: str | None = Field(
        None, description=f"The column of addresses; where omitted, the first of {', '.join(_COLUMNS['url'])}."
    )
    licence: str = Field("", description="The licence of rows that say none, such as `cc0`, or `own` for your photos.")
    encoding: str = Field("auto", description="Of a CSV file; found out where omitted.")


@hookimpl
def register_image_searches() -> Iterable[ImageSearchSpec]:
    """Two services that need no key, and files."""
    yield ImageSearchSpec(
        name="openverse",
        summary="Pictures under open licences from many collections (api.openverse.org).",
        parameters=Openverse,
        search=search_openverse,
        hosts=(OPENVERSE,),
        pace=3.0,  # who has no key may ask 20 times a minute
        environment=(_TOKEN,),
        recorded=(_OPENVERSE_PAGE, '{"result_count": 3, "page_count": 2, "page_size": 20, "page": 2, "results": []}'),
    )
    yield ImageSearchSpec(
        name="wikimedia_commons",
        summary="The free media of Wikipedia (commons.wikimedia.org).",
        parameters=WikimediaCommons,
        search=search_commons,
        hosts=(COMMONS,),
        pace=1.0,
        needs_contact=True,
        recorded=(_COMMONS_PAGE, '{"batchcomplete": true}'),
    )
    yield ImageSearchSpec(
        name="url_list",
        summary="Addresses from a file of yours, CSV or JSON Lines, with licence and source.",
        parameters=UrlList,
        search=read_list,
    )


# ------------------------------------------------------------------------------------------------ Openverse


def search_openverse(query: str, cursor: str | None, *, parameters: Openverse, fetch: Fetch) -> SearchPage:
    """One page of Openverse, 20 pictures: the most that it gives to those without a key."""
    page = int(cursor or 1)
    asked = {"q": query, "page": str(page), "page_size": "20", "mature": str(parameters.mature).lower()}
    if parameters.licence_type is not None:
        asked["license_type"] = parameters.licence_type
    if parameters.source is not None:
        asked["source"] = parameters.source
    token = os.environ.get(_TOKEN, "")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    found = _mapping(fetch(f"https://{OPENVERSE}/v1/images/", query=asked, headers=headers).json(), OPENVERSE)
    hits = tuple(
        SearchHit(
            id=_text(one, "id"),
            url=_text(one, "url"),
            licence=_text(one, "license"),
            creator=_text(one, "creator"),
            landing_page=_text(one, "foreign_landing_url"),
            title=_text(one, "title"),
        )
        for one in _mappings(found.get("results"), OPENVERSE)
        if _text(one, "id") and _text(one, "url")
    )
    pages = found.get("page_count")
    is_more = isinstance(pages, int) and page < pages
    return SearchPage(hits, str(page + 1) if is_more else None)


# ------------------------------------------------------------------------------------------------ Wikimedia Commons


def search_commons(query: str, cursor: str | None, *, parameters: WikimediaCommons, fetch: Fetch) -> SearchPage:
    """One page of Wikimedia Commons: photos by their descriptions, as copies of the wished width."""
    asked = {
        "action": "query",
        "format": "json",
        "formatversion": "2",
        "generator": "search",
        "gsrnamespace": "6",
        "gsrsearch": f"{query} filetype:bitmap",
        "gsrlimit": "20",
        "prop": "imageinfo",
        "iiprop": "url|extmetadata",
        "iiextmetadatafilter": "LicenseShortName|Artist|ObjectName",
        "iiurlwidth": str(parameters.width),
    }
    if cursor is not None:
        asked |= {"gsroffset": cursor, "continue": "gsroffset||"}
    found = _mapping(fetch(f"https://{COMMONS}/w/api.php", query=asked).json(), COMMONS)
    if isinstance(error := found.get("error"), dict):
        raise DataError(f"{COMMONS}: {_text(error, 'info') or 'an error without words'}")
    result = _mapping(found.get("query") or {}, COMMONS)
    pages = sorted(_mappings(result.get("pages"), COMMONS), key=_place)
    hits = tuple(hit for page in pages for hit in _file_of_commons(page))
    following = found.get("continue")
    offset = following.get("gsroffset") if isinstance(following, dict) else None
    return SearchPage(hits, str(offset) if isinstance(offset, int) else None)


def _place(page: Mapping[str, Any]) -> int:
    index = page.get("index")
    return index if isinstance(index, int) else 0


def _file_of_commons(page: Mapping[str, Any]) -> Iterator[SearchHit]:
    for info in _mappings(page.get("imageinfo"), COMMONS)[:1]:
        url = _text(info, "thumburl") or _text(info, "url")
        told = info.get("extmetadata")
        words = {name: _words(entry) for name, entry in told.items()} if isinstance(told, dict) else {}
        name = page.get("pageid")
        if url and isinstance(name, int):
            yield SearchHit(
                id=str(name),
                url=url,
                licence=words.get("LicenseShortName", ""),
                creator=words.get("Artist", ""),
                landing_page=_text(info, "descriptionurl"),
                title=words.get("ObjectName", ""),
            )


def _words(entry: object) -> str:
    """A value of `extmetadata`, which is HTML, as text."""
    value = entry.get("value") if isinstance(entry, dict) else None
    return " ".join(html.unescape(_TAG.sub(" ", value)).split()) if isinstance(value, str) else ""


# ------------------------------------------------------------------------------------------------ lists


def read_list(query: str, cursor: str | None, *, parameters: UrlList, locate: Locate) -> SearchPage:
    """The next rows of a file of addresses; rows without an address are left out.

    The cursor is the number of rows that came before. A page holds as many rows as all before it: few are read where
    few are wanted, and a whole list is read in few pages, since each reads the file from its beginning.
    """
    path = locate(query)
    start = int(cursor or 0)
    size = max(_FIRST_ROWS, start)
    try:
        is_lines = path.suffix.lower() in {".jsonl", ".ndjson", ".json"}
        found = _json_rows(path, start) if is_lines else _csv_rows(path, parameters.encoding, start)
        rows = list(islice(found, size + 1))
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None
    named = _COLUMNS["url"] if parameters.url_column is None else (parameters.url_column,)
    if rows and not start and not any(column in row for row in rows for column in named):
        raise DataError(f"{path}: has no column of addresses", hint=f"call it {named[0]!r}, or set `url_column`")
    hits = (_hit_of(row, named, parameters.licence) for row in rows[:size])
    return SearchPage(tuple(hit for hit in hits if hit.url), str(start + size) if len(rows) > size else None)


def _hit_of(row: Mapping[str, str], url_columns: Sequence[str], licence: str) -> SearchHit:
    def cell(columns: Sequence[str]) -> str:
        return next((row[column].strip() for column in columns if row.get(column, "").strip()), "")

    url = cell(url_columns)
    return SearchHit(
        id=cell(_COLUMNS["id"]) or url,
        url=url,
        licence=cell(_COLUMNS["licence"]) or licence,
        creator=cell(_COLUMNS["creator"]),
        landing_page=cell(_COLUMNS["landing_page"]),
        title=cell(_COLUMNS["title"]),
    )


def _csv_rows(path: Path, encoding: str, start: int) -> Iterator[dict[str, str]]:
    with open(path, "rb") as file:
        reader = CsvReader(path, file, encoding=encoding, paths=())
        header = [column.strip() for column in reader.header]
        for row in islice(reader, start, None):
            yield dict(zip(header, row, strict=True))


def _json_rows(path: Path, start: int) -> Iterator[dict[str, str]]:
    with open(path, "rb") as file:
        lines = ((number, line) for number, line in enumerate(file, 1) if line.strip())
        for number, line in islice(lines, start, None):
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                row = None
            if not isinstance(row, dict):
                raise DataError(f"{path}:{number}: is no JSON object; write one in each line")
            yield {str(name): str(value) for name, value in row.items() if value is not None}


# ------------------------------------------------------------------------------------------------ answers


def _mapping(value: Any, host: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise DataError(f"{host}: the answer is not in the form that the service documents")
    return value


def _mappings(value: Any, host: str) -> list[Mapping[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise DataError(f"{host}: the answer is not in the form that the service documents")
    return [_mapping(one, host) for one in value]


def _text(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    return value.strip() if isinstance(value, str) else ""


_OPENVERSE_PAGE = """{
  "result_count": 3, "page_count": 2, "page_size": 20, "page": 1,
  "results": [
    {"id": "4bc43a04-ef46-4544-a0c1-63c63f56e276", "title": "Red dress",
     "foreign_landing_url": "https://www.flickr.com/photos/8695101@N07/2443912884",
     "url": "https://live.staticflickr.com/2443/2443912884_0f3a9c.jpg", "creator": "Ana Example",
     "license": "by-sa", "license_version": "2.0",
     "license_url": "https://creativecommons.org/licenses/by-sa/2.0/", "provider": "flickr", "source": "flickr"},
    {"id": "610bc0ba-5e34-44cc-8ee5-3d1a21c5a3d5", "title": null,
     "foreign_landing_url": "https://www.metmuseum.org/art/collection/search/81132",
     "url": "https://images.metmuseum.org/CRDImages/ci/original/81132.jpg", "creator": null,
     "license": "cc0", "license_version": "1.0", "provider": "met", "source": "met"}
  ]
}"""
"""An answer in the form that https://api.openverse.org/v1/ documents."""

_COMMONS_PAGE = """{
  "batchcomplete": true,
  "continue": {"gsroffset": 20, "continue": "gsroffset||"},
  "query": {"pages": [
    {"pageid": 12345, "ns": 6, "title": "File:Red dress.jpg", "index": 1, "imagerepository": "local",
     "imageinfo": [{
       "thumburl": "https://upload.wikimedia.org/wikipedia/commons/thumb/a/a9/Red_dress.jpg/1024px-Red_dress.jpg",
       "thumbwidth": 1024, "thumbheight": 768,
       "url": "https://upload.wikimedia.org/wikipedia/commons/a/a9/Red_dress.jpg",
       "descriptionurl": "https://commons.wikimedia.org/wiki/File:Red_dress.jpg",
       "extmetadata": {
         "LicenseShortName": {"value": "CC BY-SA 4.0", "source": "commons-desc-page", "hidden": ""},
         "Artist": {"value": "<a href=\\"//commons.wikimedia.org/wiki/User:Ana\\">Ana &amp; Co</a>", "source": "x"},
         "ObjectName": {"value": "Red dress", "source": "mediawiki-metadata"}}}]}
  ]}
}"""
"""An answer in the form that https://www.mediawiki.org/wiki/API:Imageinfo documents."""
