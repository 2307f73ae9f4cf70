"""Where on this machine a table is made that belongs in a store: the same command finds its job there again."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from fashionbatch.data.places import cache_path
from fashionbatch.errors import FashionBatchError, OutputError
from fashionbatch.stores.address import Location, Url

_DIGEST_LENGTH: Final = 16
_FOLDER: Final = "jobs"


def staged_table(url: Url, jobs: Location | None = None) -> Path:
    """The path of a table until it is complete.

    It lies in a directory of its own, which is named for the address, so that it is in nobody's way.

    Args:
        url: of the table in the store.
        jobs: a folder for such directories; None for one in the cache. An address for what lies in a store, of which
            the directory is a copy: it is then named for both addresses, in the cache.

    Raises:
        OutputError: the address cannot be that of a table.
    """
    if url.is_web or not url.key or url.text.endswith("/") or url.name in {".", ".."}:
        raise OutputError(f"{url}: names no table", hint=f"write {url.scheme}://BUCKET/labels.csv")
    folder = jobs if isinstance(jobs, Path) else cache_path() / _FOLDER
    name = _name_of(url) if jobs is None or isinstance(jobs, Path) else _name_of(jobs / _name_of(url))
    return folder.absolute() / name / url.name


def job_address(table: Url, jobs: Url) -> Url:
    """Where in a store the job of a table lies.

    Args:
        table: its address.
        jobs: what is given as `--job`: like a folder it may hold the jobs of several tables.
    """
    return jobs / _name_of(table)


def _name_of(url: Url) -> str:
    return hashlib.sha256(str(url).encode("utf-8", "surrogateescape")).hexdigest()[:_DIGEST_LENGTH]


def made_at(
    table: Location, embeddings: Location | None, jobs: Location | None, *, is_folder: bool = False
) -> tuple[Path, Path | None, Url | None]:
    """Where on this machine a table and its embeddings are made, and the address at which the table belongs.

    Args:
        table: as the user names it.
        embeddings: likewise; None for none.
        jobs: a folder for what is made of a table in a store, or an address; None for one in the cache.
        is_folder: whether the table is a folder of parts, whose address may end as that of a folder.

    Returns:
        The paths of both, and the address; None for a table of this machine.

    Raises:
        FashionBatchError: table and embeddings do not belong together, or `jobs` is given for a table of this machine.
    """
    if isinstance(table, Path):
        if isinstance(embeddings, Url):
            raise OutputError(f"{embeddings}: embeddings lie beside their table, which belongs on this machine")
        if jobs is not None:
            raise FashionBatchError(
                "--job is for a table in a store: any other job lies beside its table",
                hint=f"give -o/--output an address, too, such as {jobs.parent / table.name}"
                if isinstance(jobs, Url)
                else None,
            )
        return table, embeddings, None
    if is_folder:
        table = Url(table.text.rstrip("/"))
    made = staged_table(table, jobs)
    if embeddings is None:
        return made, None, table
    if isinstance(embeddings, Path) or embeddings.parent != table.parent:
        raise OutputError(
            f"{embeddings}: embeddings of a table in a store lie beside it",
            hint=f"give --embeddings {table.parent / embeddings.name}",
        )
    return made, made.with_name(embeddings.name), table
