"""What finds pictures on the web: by an interface of a service, or in a list of addresses."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol

from fashionbatch.errors import DataError
from fashionbatch.specs.base import Spec


@dataclass(frozen=True, kw_only=True)
class SearchHit:
    """One picture that a search found, and what may be done with it.

    Attributes:
        id: the picture's own name in that service; a hit with an id and address that came before is the same one.
        url: the address of the picture's file, `http` or `https`.
        licence: as the service writes it: `by-sa`, `CC BY 4.0`, or the address of a Creative Commons deed. Empty where
            it says none.
        creator: whom to name.
        landing_page: the page that shows the picture, with its licence.
        title: what it is called there.
    """

    id: str
    url: str
    licence: str = ""
    creator: str = ""
    landing_page: str = ""
    title: str = ""


class SearchPage(NamedTuple):
    """What a search gives at once.

    Attributes:
        hits: in the service's order.
        cursor: what to ask the next page by; None where this is the last.
    """

    hits: tuple[SearchHit, ...]
    cursor: str | None = None


@dataclass(frozen=True)
class SearchAnswer:
    """A service's answer with status 200; any other status ends the search with an error of its own.

    Attributes:
        url: where it came from.
        content: its bytes, without transfer and content encoding.
    """

    url: str
    content: bytes

    def json(self) -> Any:
        """The answer as plain data.

        Raises:
            DataError: it is no JSON.
        """
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError) as error:
            raise DataError(f"the answer of {self.url} is no JSON: {error}") from None


class Fetch(Protocol):
    """Asks a service: the core's only way to the web that a search gets, bound to the hosts of its spec."""

    def __call__(
        self, url: str, *, query: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> SearchAnswer:
        """Get an address, no faster than the search's pace, with retries and within the core's limits.

        Args:
            url: `https://` and one of the spec's hosts.
            query: what stands behind the `?`, not yet quoted.
            headers: of the request, such as a key; they are sent to that host alone, and never follow a redirect.

        Raises:
            DataError: the host is none of the spec's, or the service does not answer with status 200.
        """


class Locate(Protocol):
    """Finds a file that a query names."""

    def __call__(self, path: str) -> Path:
        """The file, relative to the folder of the file of queries."""


@dataclass(frozen=True, kw_only=True)
class ImageSearchSpec(Spec):
    """Something that finds pictures. It never talks to the web itself.

    Attributes:
        search: `search(query, cursor, *, parameters, fetch, locate)` gives one `SearchPage`. `cursor` is None for the
            first page, and then what the page before said. It may leave out the keyword arguments that it does not
            need: the checked `parameters`, `fetch` (a `Fetch`) and `locate` (a `Locate`). Nothing is kept from one
            call to the next: a run that was killed goes on with a cursor in another process.
        hosts: the names of the hosts that `fetch` may ask; none where it only reads files.
        pace: seconds from one request to a host to the next, as the service asks for.
        needs_contact: whether the service wants to know who asks: a file of queries must then say `contact`.
        environment: names of environment variables that it reads, such as that of a key.
        recorded: answers of the service in the form that it documents, one for each of the first pages, the last of
            which ends the search. The contract suite reads them in the service's place; none are needed without hosts.
    """

    kind: ClassVar[str] = "image_search"
    hook: ClassVar[str] = "register_image_searches"

    search: Callable[..., SearchPage]
    hosts: tuple[str, ...] = ()
    pace: float = 1.0
    needs_contact: bool = False
    environment: tuple[str, ...] = ()
    recorded: tuple[str, ...] = ()
