"""Files of this machine -> objects of a store. Under its name an object is the old one, or the new one whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias

from fashionbatch.errors import OutputError
from fashionbatch.stores.address import Url
from fashionbatch.stores.objects import Objects
from fashionbatch.stores.reaching import require_store
from fashionbatch.stores.retrying import Patience, Retrying

Outcome: TypeAlias = Literal["written", "taken", "unconditional"]
"""`taken`: there is an object of that name, or another one than was to be replaced. `unconditional`: the store knows no
such condition, and nothing was written."""

UPLOADING: Final = Patience(tries=8, longest_pause_s=30.0, try_s=600.0, total_s=3600.0)
"""For one request that writes: what hours of labeling have made is worth more than a request that reads."""

_WRITABLE: Final = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "memory")
"""Stores in which an object appears whole, once all of it was sent."""


@dataclass(frozen=True)
class Upload:
    """A file of this machine on its way to a store.

    Attributes:
        file: the file.
        path: its name below the address.
        replace: whether an object of that name is replaced; else nothing happens where there is one.
        note: a file that holds, while it is there, what has been begun in the store. Should this process be killed, the
            next one ends it.
        goes_on: called before each request; it raises where an end is wanted.
        retrying: sends each request.
    """

    file: Path
    path: str
    replace: bool
    note: Path
    goes_on: Callable[[], None]
    retrying: Retrying


class Written(NamedTuple):
    """What has become of a few bytes.

    Attributes:
        outcome: whether they are an object now.
        tag: its tag; empty where it was not written, or the store does not say it.
    """

    outcome: Outcome
    tag: str = ""


class WritableObjects(Objects, Protocol):
    """The objects below one address, of which new ones can be made."""

    def require_writable(self, path: str, retrying: Retrying) -> None:
        """See as far as the store allows that an object can be written, without making one.

        Raises:
            StoreFaultError: it cannot.
        """

    def put(self, upload: Upload) -> Outcome:
        """Make a file of this machine an object.

        Raises:
            StoreFaultError: the store refused for good; nothing of the file is left there.
        """

    def write(self, path: str, content: bytes, over: str | None, retrying: Retrying) -> Written:
        """Make bytes an object by one request.

        A request whose answer was lost is sent again, and finds then what it has written itself: `taken`.

        Args:
            path: below the address.
            content: the bytes.
            over: the tag of the object that is replaced; empty where there must be none; None for whatever is there.
            retrying: sends the request.

        Raises:
            StoreFaultError: the store refused for good.
        """

    def remove(self, paths: Sequence[str], retrying: Retrying) -> None:
        """Remove objects, as far as they are there.

        Raises:
            StoreFaultError: the store refused for good; some may be gone.
        """

    def age_s(self, path: str, seconds: float) -> float | None:
        """Seconds since an object was written, by the store's own clock; None where that does not tell.

        Asks once, as `look`.
        """


def require_writable_store(url: Url) -> None:
    """See that addresses of this kind can be written to. Nothing is asked of the network.

    Raises:
        OutputError: they cannot.
        FashionBatchError: as `require_store`.
    """
    require_store(url)
    if url.scheme not in _WRITABLE:
        raise OutputError(
            f"{url}: nothing is written to {url.scheme}://, where a file could be seen before it is complete",
            hint="write to s3://, gs:// or az://, or to a file on this machine",
        )
