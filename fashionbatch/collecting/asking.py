"""Asks searches for their pages: a plugin says what to ask and reads the answer, and this asks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from fashionbatch.collecting.queries import Searching, file_of
from fashionbatch.collecting.web.exchange import RefusedError, UnreachableError
from fashionbatch.collecting.web.visitor import Visitor
from fashionbatch.errors import DataError
from fashionbatch.specs import ImageSearchSpec, SearchAnswer, SearchPage

_MOST_BYTES = 16 << 20
_SECONDS = 60.0


class HostFetch:
    """The `fetch` of one search: to its hosts, at its pace.

    Args:
        spec: the search.
        visitor: the way to the web.
    """

    def __init__(self, spec: ImageSearchSpec, visitor: Visitor) -> None:
        self._spec, self._visitor = spec, visitor

    def __call__(
        self, url: str, *, query: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> SearchAnswer:
        """As `fashionbatch.specs.Fetch`."""
        parts = urlsplit(url)
        if parts.scheme != "https" or parts.hostname not in self._spec.hosts:
            hosts = ", ".join(self._spec.hosts) or "none"
            raise DataError(f"the search {self._spec.name!r} asked {url!r}; its spec names the hosts: {hosts}")
        address = f"{url}{'&' if parts.query else '?'}{urlencode(dict(query))}" if query else url
        try:
            answer = self._visitor.service(
                address, dict(headers or {}), pace=self._spec.pace, max_bytes=_MOST_BYTES, seconds=_SECONDS
            )
        except (RefusedError, UnreachableError) as error:
            raise DataError(f"the search {self._spec.name!r}: {parts.hostname}: {error}") from None
        return SearchAnswer(address, answer.content)


def ask_page(searching: Searching, query: str, cursor: str | None, visitor: Visitor, base: Path) -> SearchPage:
    """One page of a search.

    Args:
        searching: the search.
        query: what is searched for.
        cursor: what the page before said; None for the first.
        visitor: the way to the web.
        base: the folder that paths in the query are relative to.

    Raises:
        DataError: the service does not answer, or the file that the query names cannot be read.
        PluginError: the search failed, or returned what it must not.
        HostBusyError, StoppedError: not now.
    """

    def locate(path: str) -> Path:
        return file_of(path, base)

    return searching.spec.search(
        query, cursor, parameters=searching.parameters, fetch=HostFetch(searching.spec, visitor), locate=locate
    )
