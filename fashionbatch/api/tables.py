"""Label tables side by side, and tables of several parts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from fashionbatch.api.labeling import Labels
from fashionbatch.api.progress import Progress, reporter_of
from fashionbatch.api.settings import PathLike, as_paths
from fashionbatch.interrupts import stop_asked_for
from fashionbatch.stores.address import Url, as_location

if TYPE_CHECKING:
    from fashionbatch.labels.compare import Comparison


def merge(
    output: PathLike | Url,
    jobs: PathLike | Iterable[PathLike] = (),
    *,
    job: PathLike | Url | None = None,
    overwrite: bool = False,
    embeddings: PathLike | Url | None = None,
    progress: Progress = True,
) -> Labels:
    """Join the parts that `fb.classify(..., shard=(1, 8))` and its like have labeled.

    It is checked that all belong together and that no row is missing.

    Args:
        output: the table that the parts were labeled for; it may be an address in a store.
        jobs: job directories (`NAME.job`) from other machines; those beside the table are found.
        job: as the parts were given it.
        overwrite: replace the output if it exists.
        embeddings: where the features go, if the parts were told another folder than the table's.
        progress: True for bars and lines, False for silence, or a function that takes each line.

    Returns:
        The whole table.

    Raises:
        OutputError: the parts do not belong together, rows are missing, or something cannot be written.
        InterruptedRunError: Ctrl-C or a notebook's stop button; the same call goes on.

    Example:
        >>> import fashionbatch as fb
        >>> for part in (1, 2):  # doctest: +SKIP
        ...     fb.classify("photos", "runs/first/bundle", "labels.csv", shard=(part, 2))
        >>> fb.merge("labels.csv").counts  # doctest: +SKIP
        {'ok': 1000}
    """
    from fashionbatch.labeling.job.staging import made_at
    from fashionbatch.labeling.merge import merge as join

    place = as_location(output)
    beside, kept = (None if given is None else as_location(given) for given in (embeddings, job))
    table, features, store = made_at(place, beside, kept)
    with stop_asked_for() as stop_signal:
        report = join(
            table,
            as_paths(jobs),
            overwrite=overwrite,
            embeddings=features,
            store=store,
            jobs=kept if isinstance(kept, Url) else None,
            reporter=reporter_of(progress),
            stop_signal=stop_signal,
        )
    return Labels(place, report.sidecar.rows, report.sidecar)


def compare(
    old: PathLike | Url,
    new: PathLike | Url,
    *,
    truth: PathLike | Url | None = None,
    truth_as_text: bool = False,
    encoding: str = "auto",
    progress: Progress = True,
) -> Comparison:
    """Compare two label tables by file: changed labels, shifts of shares, accuracy.

    Args:
        old: a table of `classify`, or any other one with the columns `filepath` and `label` or `labels`. It may be an
            address in a store, and so may the others.
        new: another one.
        truth: a third one, with the right labels.
        truth_as_text: take right labels for those of the tables that are only written otherwise: 1.0 for 1.
        encoding: of CSV files; `auto` finds out.
        progress: True for bars, False for silence, or a function that takes each line.

    Returns:
        How many labels changed, from which to which, how the shares shifted, and how right each table is. Shares and
        accuracies are in 0..1.

    Raises:
        DataError: a table is missing or damaged, or has no such columns.

    Example:
        >>> import fashionbatch as fb
        >>> found = fb.compare("may.csv", "june.csv")  # doctest: +SKIP
        >>> found.changed, found.largest_shift  # doctest: +SKIP
        (31, ('Coat', 0.012))
    """
    from fashionbatch.labels.compare import compare_tables

    return compare_tables(
        as_location(old),
        as_location(new),
        truth=None if truth is None else as_location(truth),
        as_text=truth_as_text,
        encoding=encoding,
        reporter=reporter_of(progress),
    )
