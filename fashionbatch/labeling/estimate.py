"""What a labeling run would do and how long it would take: counts all files, labels a few of them for the rate."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from fashionbatch import disk
from fashionbatch.display_width import counted
from fashionbatch.errors import DataError
from fashionbatch.images import EXTENSIONS
from fashionbatch.labeling import checks
from fashionbatch.labeling.job.manifest import Manifest
from fashionbatch.labeling.job.paths import JobPaths
from fashionbatch.labeling.options import LabelOptions, ReuseOptions, SourceOptions
from fashionbatch.labeling.run import LABELING, label
from fashionbatch.labeling.source.left_out import left_out
from fashionbatch.labeling.source.process import ScanProcess, request_of
from fashionbatch.labeling.source.request import ListOptions, ScanSummary, is_parquet_list, text_of_list
from fashionbatch.progress import Advance, Reporter, no_bar
from fashionbatch.stores.address import archives_in, folder_of, resolved

SAMPLE = 256
_TABLE = "sample"


@dataclass(frozen=True)
class Estimate:
    """What a run would do.

    Attributes:
        files: rows that the table would have.
        bytes: their sizes together.
        left_out: a phrase for each kind of what else is in the folder.
        sample: how many files were labeled for the rate.
        rate: files a second, once the model is loaded.
    """

    files: int
    bytes: int
    left_out: list[str]
    sample: int
    rate: float


class _Clock(Reporter):
    """Shows the bar of the sample, and measures from its first labels to the last."""

    def __init__(self, reporter: Reporter) -> None:
        # What the run says is about the sample.
        super().__init__(lambda _line: None, bars=False)
        self._reporter = reporter
        self.rows = self.first_rows = 0
        self.first = self.last = 0.0

    @contextmanager
    def bar(self, title: str, total: int | None, unit: str, /, *, before: int = 0) -> Iterator[Advance]:
        """The bar of labeling counts; the others are of no interest."""
        with (self._reporter.bar if title == LABELING else no_bar)(title, total, unit, before=before) as told:

            def advance(done: int, figures: Mapping[str, float] | None = None) -> None:
                told(done, figures)
                if title == LABELING:
                    self.rows, self.last = done, time.monotonic()
                    if not self.first:
                        self.first, self.first_rows = self.last, done

            yield advance

    @property
    def rate(self) -> float:
        """Rows a second, without the wait for the first ones where there are more."""
        took_s = self.last - self.first
        return (
            (self.rows - self.first_rows) / took_s if took_s > 0 and self.rows > self.first_rows else float(self.rows)
        )


def estimate(options: LabelOptions, *, reporter: Reporter, stop_signal: Callable[[], int]) -> Estimate:
    """Count what a run would label and measure a sample, spread evenly over it. Nothing is written beside the output.

    Args:
        options: of the run.
        reporter: where it is said what is done.
        stop_signal: the number of the signal that asks for an end, 0 while there is none.

    Raises:
        FashionBatchError: as `label`, but for what concerns the output's place.
    """
    own = JobPaths(options.output.table.absolute())
    checks.check_options(replace(options, output=replace(options.output, overwrite=True)), own)
    source = resolved(options.source.folder)
    folder = folder_of(source, tuple(EXTENSIONS))
    with disk.scratch_folder() as scratch:
        # The ending says the format, and whether there is one.
        output = Path(scratch, f"{_TABLE}{options.output.table.suffix}")
        paths = JobPaths(output)
        paths.directory.mkdir()
        summary = _counted(options)
        are_in_list = summary is not None
        if summary is None:
            scan = ScanProcess(source, request_of(options, folder, own), paths)
            try:
                with reporter.bar("scanning", None, "file") as advance:
                    summary = scan.finish(advance, stop_signal)
            finally:
                scan.close()
        sample = Path(scratch, "files")
        step = max(1, summary.rows // SAMPLE)
        wanted = range(0, summary.rows, step)[:SAMPLE]
        if are_in_list:
            # The first ones: to get at the others, all between them would have to be read.
            sampled = replace(options.source, limit=len(wanted))
        elif options.source.files_from is None and archives_in(source):
            sampled = replace(options.source, step=step, limit=len(wanted))
        else:
            # The photos of a store are named by their addresses, and the list itself lies here.
            base = b"" if isinstance(folder, Path) else os.fsencode((folder / "").text)
            sampled = SourceOptions(folder if isinstance(folder, Path) else Path(scratch), files_from=sample, null=True)
            with disk.write_new(sample) as file, contextlib.closing(Manifest(paths.manifest)) as manifest:
                file.writelines(base + next(manifest.rows(row, row + 1)).path + b"\0" for row in wanted)
        clock = _Clock(reporter)
        reporter.show(f"found {counted(summary.rows, 'file')}; labeling {len(wanted):,} of them to see how fast it is")
        table_of_sample = replace(
            options.output, table=output, store=None, embeddings=None, overwrite=False, restart=True
        )
        label(
            replace(
                options,
                source=sampled,
                output=table_of_sample,
                reuse=ReuseOptions(match=options.reuse.match),
            ),
            reporter=clock,
            stop_signal=stop_signal,
        )
    return Estimate(summary.rows, summary.bytes, left_out(summary), len(wanted), clock.rate)


def _counted(options: LabelOptions) -> ScanSummary | None:
    """The images that a Parquet list itself holds, counted without reading them; None for every other source."""
    source = options.source
    if source.files_from is None or not is_parquet_list(source.files_from):
        return None
    from fashionbatch.labeling.source.parquet_list import count_images

    found = count_images(ListOptions(text_of_list(source.files_from), source.path_column, source.keep))
    if found is None:
        return None
    rows, size = found
    if source.limit is not None and source.limit < rows:
        rows, size = source.limit, size * source.limit // rows
    if not rows:
        raise DataError(f"{source.files_from}: the list names no files")
    return ScanSummary(rows=rows, bytes=size)
