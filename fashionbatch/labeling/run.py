"""A labeling run from beginning to end: folder + bundles -> table."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from fashionbatch.display_width import counted, counted_of
from fashionbatch.errors import InterruptedRunError
from fashionbatch.labeling import checks, describe, finish
from fashionbatch.labeling.destination import Destination, destination_of
from fashionbatch.labeling.engine import Tally, run_shards
from fashionbatch.labeling.job.manifest import Manifest
from fashionbatch.labeling.job.opening import home_of
from fashionbatch.labeling.job.paths import JobPaths
from fashionbatch.labeling.job.record import differences
from fashionbatch.labeling.job.shards import DamagedShardError
from fashionbatch.labeling.load import load
from fashionbatch.labeling.options import LabelOptions
from fashionbatch.labeling.products.sorted_paths import Sorted
from fashionbatch.labeling.products.sorting import Way, sort_files
from fashionbatch.labeling.setup import Ready, Run, begin_job, resume_job
from fashionbatch.labeling.workers.launch import Launcher
from fashionbatch.labels.sidecar import Sidecar
from fashionbatch.progress import OpenBar, Reporter, silent
from fashionbatch.specs import StopSignal

Then = Callable[[Sidecar], None]
LABELING = "labeling"
"""What the bar of a run's rows says."""
_REPAIRS = 2
"""How often shards that were damaged are labeled anew. A disk that damages more than that needs another one."""


def label(
    options: LabelOptions,
    *,
    reporter: Reporter | None = None,
    stop_signal: StopSignal = lambda: 0,
    then: Then | None = None,
    launcher: Launcher | None = None,
    began: float | None = None,
) -> finish.TableReport:
    """Label every file of a folder; goes on where an earlier run of the same job stopped.

    Args:
        options: what to label, by what, into what.
        reporter: where the run says what it does.
        stop_signal: asked now and then for the number of a signal that wants an end; 0 while there is none.
        then: what to do with the complete table, given its sidecar; done again if the run is killed meanwhile.
        launcher: has perhaps started workers already; the caller closes it.
        began: when the run began, by `time.monotonic`, where that was before this is called. All times that the sidecar
            gives count from there.

    Returns:
        The table, and what its sidecar holds.

    Raises:
        DataError: the folder is missing, unreadable or without images.
        BundleError: a bundle is missing, damaged or foreign.
        RuntimeUnavailableError: this machine does not offer what was asked for.
        OutputError: the output exists, cannot be written, is held by another run, or belongs to another job.
        InterruptedRunError: stopped by a signal; what was committed stays.
    """
    began = time.monotonic() if began is None else began
    with contextlib.ExitStack() as stack:
        run = _opened(options, reporter or silent(), stop_signal, stack, launcher)
        destination = _destination(run)
        stack.enter_context(run.home.held())
        if not options.output.restart:
            run.home.refresh()
        then = _delivering(destination, then)
        report = _complete_before(run, destination, then)
        if report is not None:
            return report
        if options.output.restart or run.home.delivering is None:
            destination.refuse_existing()
        ready = _ready(run)
        first_labels = _do_shards(run, ready)
        sidecar = _assemble(run, ready, began, first_labels)
        if sidecar.reused and options.reuse.match == "sha256":
            run.reporter.show(f"compared with {options.reuse.previous} by content: {sidecar.reused}")
        embeddings = options.output.embeddings
        plugins = ready.loaded.plugins
        return finish.conclude(run.home, sidecar, plugins, embeddings=embeddings, say=run.reporter.show, then=then)


def label_part(
    options: LabelOptions,
    *,
    reporter: Reporter | None = None,
    stop_signal: StopSignal = lambda: 0,
    launcher: Launcher | None = None,
) -> int:
    """Do one part of a job that several runs share: `options.work.part`. `merge` makes the table of all parts.

    Args:
        options: the same in each run, but for the part.
        reporter: as in `label`.
        stop_signal: as in `label`.
        launcher: as in `label`.

    Returns:
        The rows of the part.

    Raises:
        ValueError: the options name no part.
        FashionBatchError: as in `label`.
    """
    part = options.work.part
    if part is None:
        raise ValueError("options.work.part names no part")
    with contextlib.ExitStack() as stack:
        run = _opened(options, reporter or silent(), stop_signal, stack, launcher)
        destination = _destination(run)
        stack.enter_context(run.home.held(f"{part.number}-of-{part.count}"))
        with run.home.setting_up():
            destination.refuse_existing()
            ready = _ready(run)
        _do_shards(run, ready)
        run.home.part_is_done()
        return ready.store.count_rows(run.shards(ready.store))


def _opened(
    options: LabelOptions,
    reporter: Reporter,
    stop_signal: StopSignal,
    stack: contextlib.ExitStack,
    launcher: Launcher | None,
) -> Run:
    """A run whose options make sense, with the place where its job lies."""
    table = Path(os.path.abspath(options.output.table))
    output = options.output
    home = home_of(
        JobPaths(table),
        output.store,
        output.job,
        replaces=output.overwrite or output.restart,
        stop_signal=stop_signal,
        say=reporter.show,
    )
    checks.check_options(options, home.paths)
    return Run(options, reporter, home.stop_signal, stack, launcher, home)


def sort_photos(  # noqa: PLR0917 - as `sort_files`
    options: LabelOptions, sidecar: Sidecar, into: Path, way: Way, stop_signal: StopSignal, bar: OpenBar
) -> Sorted:
    """Put the photos of a complete table into a folder for each label; those that are no files are copied there.

    Raises:
        FashionBatchError: as `sort_files`.
    """
    run = Run(options)
    source = None if _are_files(run) else run.files_source
    return sort_files(run.paths, sidecar, into, way, source=source, stop_signal=stop_signal, bar=bar)


def _are_files(run: Run) -> bool:
    """As `checks.are_files`, of a table that is complete: what its list was, its list of files knows for good."""
    if run.options.source.files_from is None:
        return checks.are_files(run.options.source)
    with contextlib.closing(Manifest(run.paths.files)) as manifest:
        return not manifest.has_tokens


def _destination(run: Run) -> Destination:
    """Where the table belongs, ready for a run that makes it."""
    destination = destination_of(run.home, run.options.output, run.reporter)
    destination.prepare()
    run.stack.callback(destination.leave)
    return destination


def _delivering(destination: Destination, then: Then | None) -> Then:
    """Bring a complete table where it belongs, and do then what else is to be done with it."""

    def deliver(sidecar: Sidecar) -> None:
        destination.deliver()
        if then is not None:
            then(sidecar)

    return deliver


def _complete_before(run: Run, destination: Destination, then: Then | None) -> finish.TableReport | None:
    """What is left to do where an earlier run has put the table under its name; None where none has."""
    options, paths = run.options, run.paths
    finished = None if options.output.restart else run.home.finished()
    if finished is not None and destination.has(finished):
        run.reporter.show(f"{options.output.shown} is complete; an earlier run was stopped while it tidied up")
        run.home.discard()
        return finish.report_on(paths, finished)
    complete = None if options.output.restart else finish.table_is_complete(paths, options.output.embeddings)
    if complete is None:
        return None
    loaded = load(options)
    if differences(describe.request_behind(complete), describe.describe_request(options, run.source, loaded)):
        destination.refuse_discarding()
        run.home.discard()
        return None
    run.reporter.show(f"{options.output.shown} is complete; an earlier run was stopped while it tidied up")
    embeddings = options.output.embeddings
    return finish.conclude(run.home, complete, loaded.plugins, embeddings=embeddings, say=run.reporter.show, then=then)


def _ready(run: Run) -> Ready:
    """The job on the disk, or a new one where there is none."""
    job = None if run.options.output.restart else run.home.find()
    if job is not None:
        return resume_job(run, job)
    run.home.discard()
    return begin_job(run)


def _do_shards(run: Run, ready: Ready) -> float | None:
    """Run the shards that are pending; returns when the first labels came, by `time.monotonic`, if there were any."""
    mine, store = run.shards(ready.store), ready.store
    total, pending = store.count_rows(mine), store.count_rows(ready.pending)
    done = total - pending
    if done:
        run.reporter.show(f"going on where an earlier run stopped: {counted_of(done, total, 'row')} done")
    try:
        with run.reporter.bar(LABELING, total, "file", before=done) as advance:
            return run_shards(run, ready, Tally(advance, done))
    except InterruptedRunError as error:
        done = store.count_rows(store.done() & set(mine))
        raise InterruptedRunError(
            f"interrupted: {counted_of(done, total, 'row')} done",
            signal_number=error.signal_number,
            hint=_how_to_go_on(run),
        ) from None


def _how_to_go_on(run: Run) -> str:
    where = "" if run.options.output.store is None else f"; the job lies in {run.home.place}"
    return f"start the same command again: it goes on from there{where}"


def _assemble(run: Run, ready: Ready, began: float, first_labels: float | None) -> Sidecar:
    """Join the shards; those that were damaged after they were written are labeled anew first."""
    repairs = 0
    while True:
        times = {
            "seconds": round(time.monotonic() - began, 3),
            "seconds_to_first_labels": None if first_labels is None else round(first_labels - began, 3),
        }
        if run.home.delivering is not None:
            # What is there of it already has to be the same, to the last byte.
            times = run.home.delivering.times.as_json()
        try:
            ready.store.gather(run.reporter.bar)
            return finish.assemble(
                run.paths,
                ready.job,
                ready.loaded.products,
                times=times,
                stop_signal=run.stop_signal,
                stored=run.home.stored_parts(ready.job.options.partitioned),
                bar=run.reporter.bar,
            )
        except DamagedShardError:
            if repairs == _REPAIRS:
                raise
        repairs += 1
        ready.store.remove_damaged()
        pending = sorted(set(range(len(ready.store))) - ready.store.done())
        rows = ready.store.count_rows(pending)
        if not rows:
            continue  # Copies of what a store has are fetched again.
        run.reporter.show(
            f"warning: {counted(rows, 'row')} {'was' if rows == 1 else 'were'} damaged on the disk after they were "
            "written; they are labeled anew"
        )
        ready = replace(ready, pending=pending)
        again = _do_shards(run, ready)
        first_labels = again if first_labels is None else first_labels
