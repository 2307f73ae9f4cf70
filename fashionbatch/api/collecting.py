"""Photos from the web, into a folder for each class."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fashionbatch.api import html
from fashionbatch.api.pictures import Picture
from fashionbatch.api.progress import Progress, reporter_of
from fashionbatch.api.settings import PathLike
from fashionbatch.errors import FashionBatchError
from fashionbatch.interrupts import stop_asked_for

if TYPE_CHECKING:
    import pandas as pd

    from fashionbatch.collecting.applying import Report
    from fashionbatch.collecting.queries import Queries
    from fashionbatch.collecting.rows import RowOutcome
    from fashionbatch.progress import Reporter
    from fashionbatch.specs import StopSignal


@dataclass(frozen=True)
class Collected:
    """What was collected; `fb.collect` gives it.

    Attributes:
        path: the folder, with one for each class in it.
        report: as the rest of FashionBatch has it; `notes` are sentences for the user.
    """

    path: Path
    report: Report

    @property
    def table(self) -> pd.DataFrame:
        """`collected.csv`, a row a hit: its class, address, licence, creator and what became of it, all as text.

        Raises:
            DataError: it was taken away, or is damaged.
        """
        from fashionbatch.labels.reader import read

        return read(self.path / "collected.csv")

    @property
    def counts(self) -> Mapping[str, Mapping[RowOutcome, int]]:
        """Class -> outcome, such as `ok` -> hits."""
        from fashionbatch.collecting.rows import counts

        return counts(self.report.rows)

    @property
    def sheets(self) -> Mapping[str, tuple[Picture, ...]]:
        """Class -> its contact sheets; a notebook shows each."""
        return {label: tuple(map(Picture, paths)) for label, paths in self.report.sheets.items()}

    def __repr__(self) -> str:
        return f"<Collected {str(self.path)!r}: {sum(one.get('ok', 0) for one in self.counts.values()):,} photos>"

    def _repr_html_(self) -> str:
        wanted = self.report.wanted
        rows = [(label, wanted.get(label), counts.get("ok", 0)) for label, counts in self.counts.items()]
        return html.table(("class", "wanted", "photos"), rows, caption=str(self.path))


def collect(
    queries: PathLike,
    output: PathLike,
    *,
    any_licence: bool = False,
    retry_failed: bool = False,
    progress: Progress = True,
) -> Collected:
    """Collect photos by image searches or from lists of addresses, one folder a class.

    What was fetched is never fetched again: the same call goes on after any end.

    Args:
        queries: a YAML file: classes, what to search for, and how many photos of each.
        output: the folder that the photos go into.
        any_licence: take photos whatever their licence says, and where it says nothing.
        retry_failed: ask again for what failed before, such as a host that was down.
        progress: True for a bar and lines, False for silence, or a function that takes each line.

    Returns:
        The photos of each class, with their licences and sources.

    Raises:
        RecipeError: the mistakes in the file of queries.
        FashionBatchError: the extra `collect` is not installed.
        OutputError: the folder cannot be written, or another process collects into it.
        InterruptedRunError: Ctrl-C or a notebook's stop button; what was fetched is kept.

    Example:
        >>> import fashionbatch as fb
        >>> found = fb.collect("shoes.yaml", "photos")  # doctest: +SKIP
        >>> found.counts["boots"]["ok"]  # doctest: +SKIP
        100
    """
    reporter = reporter_of(progress)
    with stop_asked_for() as stop_signal:
        report = collect_into(
            Path(queries),
            Path(output),
            any_licence=any_licence,
            retry_failed=retry_failed,
            reporter=reporter,
            stop_signal=stop_signal,
        )
    return Collected(Path(output), report)


def collect_into(
    path: Path,
    output: Path,
    *,
    any_licence: bool,
    retry_failed: bool,
    reporter: Reporter,
    stop_signal: StopSignal,
) -> Report:
    """Collect by a file of queries; the arguments are those of `collect`.

    Raises:
        FashionBatchError: as `collect`.
    """
    queries = load(path)
    require_http()
    from fashionbatch.collecting.estimate import plan

    for line in plan(queries, output):
        reporter.show(line)
    from fashionbatch.collecting.run import collect as run
    from fashionbatch.collecting.web.exchange import WebExchange
    from fashionbatch.collecting.web.pace import RunClock

    def stopping() -> bool:
        return stop_signal() != 0

    exchange = WebExchange(stopping=stopping)
    try:
        return run(
            queries,
            output,
            clock=RunClock(stopping),
            exchange=exchange,
            any_licence=any_licence,
            retry_failed=retry_failed,
            bar=reporter.bar,
            stop_signal=stop_signal,
        )
    finally:
        exchange.close()


def load(path: Path) -> Queries:
    """A file of queries, checked with the searches that are installed.

    Raises:
        RecipeError: the mistakes in it.
    """
    from fashionbatch.collecting.queries import load_queries
    from fashionbatch.plugins import load_plugins

    return load_queries(path, load_plugins({"register_image_searches"}).registry)


def require_http() -> None:
    """Say how to get what asks the web, where it is not installed.

    Raises:
        FashionBatchError: it is not.
    """
    if importlib.util.find_spec("httpcore") is None:
        raise FashionBatchError(
            "`data collect` needs the package httpcore, which is not installed",
            hint="pip install 'fashionbatch[collect]'",
        )
