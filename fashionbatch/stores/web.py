"""Files of the web, by requests of our own where a part of a file is wanted: a server may send something else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import quote

from fashionbatch.stores.address import Url
from fashionbatch.stores.faults import StoreFaultError
from fashionbatch.stores.fsspec_objects import FsspecObjects
from fashionbatch.stores.objects import UNKNOWN, StoredObject, no_parts

_PART: Final = 206
_AS_WRITTEN: Final = "%!$&'()*+,;=:@/?-._~[]"
"""What is left of a query as it is; the rest cannot stand in a request."""
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


class WebObjects(FsspecObjects):
    """The files below an address of the web.

    Args:
        url: the address. Its query, if it has one, goes with every request, as it was written: servers compute
            signatures of it.
    """

    def __init__(self, url: Url) -> None:
        super().__init__(url)
        self._query = quote(url.query, safe=_AS_WRITTEN)

    def look(self, path: str, seconds: float) -> StoredObject:
        """As `Objects` says; the size is UNKNOWN where the server does not send parts of files."""
        headers, _ = self._ask(path, (0, 1), "", seconds)
        _, _, total = _part_of(headers)
        modified = headers.get("Last-Modified", "")
        return StoredObject(path, total, _nanoseconds(modified), headers.get("ETag") or modified)

    def get(self, path: str, tag: str, span: tuple[int, int] | None, seconds: float) -> bytes:
        """As `Objects` says. The tag of the answer is looked at: not every server heeds one in the question."""
        if span is None:
            return super().get(path, "", None, seconds)
        headers, content = self._ask(path, span, tag, seconds)
        if not headers:
            raise no_parts()
        if tag and (headers.get("ETag") or headers.get("Last-Modified", "")) != tag:
            raise StoreFaultError("changed", "FileChanged: its tag is no longer that of the first answer")
        first, last, _ = _part_of(headers)
        if (first, last) != (span[0], span[1] - 1):
            raise no_parts()
        return content

    def _ask(self, path: str, span: tuple[int, int], tag: str, seconds: float) -> tuple[Mapping[str, str], bytes]:
        from fsspec.asyn import sync

        answer: tuple[Mapping[str, str], bytes] = sync(self._system.loop, self._part, path, span, tag, timeout=seconds)
        return answer

    async def _part(self, path: str, span: tuple[int, int], tag: str) -> tuple[Mapping[str, str], bytes]:
        """Headers and body of an answer, of no more than was asked for; nothing where it is no part of the file."""
        asked = {"Range": f"bytes={span[0]}-{span[1] - 1}", "Accept-Encoding": "identity"}
        if tag.startswith('"'):
            asked["If-Match"] = tag
        system: Any = self._system
        session = await system.set_session()
        settings = dict(system.kwargs)
        settings["headers"] = {**settings.get("headers", {}), **asked}
        async with session.get(self._address(path), **settings) as answer:
            answer.raise_for_status()
            if answer.status != _PART:
                return {}, b""
            length = span[1] - span[0]
            content: bytes = await answer.content.read(length)
            while len(content) < length and (more := await answer.content.read(length - len(content))):
                content += more
            return answer.headers, content

    def _name(self, path: str) -> str:
        name = super()._name(path)
        return f"{name}?{self._query}" if self._query and path else name

    def _address(self, path: str) -> Any:
        from yarl import URL

        plain = self._system.encode_url(super()._name(path))
        return URL(f"{plain}?{self._query}", encoded=True) if self._query else plain


def _part_of(headers: Mapping[str, str]) -> tuple[int, int, int]:
    """Which bytes an answer holds, of how many; UNKNOWN where it is no part."""
    found = _RANGE.fullmatch(headers.get("Content-Range", "").strip())
    if found is None:
        return UNKNOWN, UNKNOWN, UNKNOWN
    return int(found[1]), int(found[2]), UNKNOWN if found[3] == "*" else int(found[3])


def _nanoseconds(modified: str) -> int:
    try:
        return round(parsedate_to_datetime(modified).timestamp()) * 1_000_000_000
    except ValueError:
        return UNKNOWN
