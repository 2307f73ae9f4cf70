"""Finds out where a job lies."""

from __future__ import annotations

from collections.abc import Callable

from fashionbatch.labeling.job.home import JobHome
from fashionbatch.labeling.job.paths import JobPaths
from fashionbatch.labeling.job.staging import job_address
from fashionbatch.progress import silent
from fashionbatch.specs import StopSignal
from fashionbatch.stores.address import Url


def home_of(
    paths: JobPaths,
    table: Url | None = None,
    jobs: Url | None = None,
    *,
    replaces: bool = False,
    stop_signal: StopSignal = lambda: 0,
    say: Callable[[str], None] | None = None,
    keeps_copies: bool = True,
) -> JobHome:
    """Where the job of a table lies. Nothing is asked of the network.

    Args:
        paths: of the output, where it is made on this machine.
        table: its address, where it belongs in a store.
        jobs: the address that the job lies below, where it lies in a store, too.
        replaces: whether an earlier table there gives way, where it is a folder of parts.
        stop_signal: the number of the signal that asks for an end, 0 while there is none.
        say: takes a line for the user; None for nobody.
        keeps_copies: whether what this machine finishes of a job in a store is kept here, too.
    """
    if table is None:
        return JobHome(paths, stop_signal)
    from fashionbatch.labeling.job.stored.parts import StoredParts

    parts = StoredParts.at(table, stop_signal, replaces=replaces)
    if jobs is None:
        return JobHome(paths, stop_signal, parts=parts)
    from fashionbatch.labeling.job.stored.folder import JobFolder
    from fashionbatch.labeling.job.stored.home import StoredHome

    folder = JobFolder(job_address(table, jobs), stop_signal)
    return StoredHome(paths, folder, stop_signal, say or silent().show, parts=parts, keeps_copies=keeps_copies)
