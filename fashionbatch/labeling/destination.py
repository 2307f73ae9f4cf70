"""Where a finished table belongs: under its name on this machine, or in a store.

A table for a store is made on this machine like any other, in a directory that the address alone names, so that the
same command finds it again. Once it is complete, it is uploaded with what belongs to it, and goes from here. A kill
between any two uploads leaves a complete table here, which the next run goes on uploading.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final

from fashionbatch import disk
from fashionbatch.errors import DataError, InterruptedRunError, OutputError
from fashionbatch.labeling import checks
from fashionbatch.labeling.job.home import JobHome
from fashionbatch.labeling.job.staging import job_address
from fashionbatch.labeling.options import OutputOptions
from fashionbatch.labels.parts import own_parts
from fashionbatch.labels.sidecar import Sidecar
from fashionbatch.progress import Reporter
from fashionbatch.stores.address import Url
from fashionbatch.stores.faults import StoreFaultError
from fashionbatch.stores.fetching import read_object
from fashionbatch.stores.retrying import Retrying
from fashionbatch.stores.writable import open_writable
from fashionbatch.stores.writing import UPLOADING, Outcome, Upload, WritableObjects

_PIECE: Final = 8 << 20
_NOTE_ENDING: Final = ".upload"


class Destination:
    """A table's place on this machine, where it is made.

    Args:
        home: where the job lies.
        output: what is made, and where.
    """

    def __init__(self, home: JobHome, output: OutputOptions) -> None:
        self._home = home
        self._paths = home.paths
        self._output = output

    def prepare(self) -> None:
        """Make what a run needs before it begins."""

    def refuse_existing(self) -> None:
        """Insist on --overwrite where there is an output.

        Raises:
            OutputError: the output exists, or nothing can be written there.
        """
        checks.refuse_existing_output(self._output)

    def refuse_discarding(self) -> None:
        """Insist on --overwrite where a complete table, made by another command, would be discarded.

        Raises:
            OutputError: --overwrite was not given.
        """
        checks.refuse_existing_output(self._output)

    def has(self, sidecar: Sidecar) -> bool:
        """Whether a table is where it belongs, with this sidecar, which comes last.

        Raises:
            OutputError: that cannot be found out.
        """
        return self._paths.meta.exists() and self._paths.meta.read_bytes() == sidecar.to_json()

    def deliver(self) -> None:
        """Bring a complete table where it belongs; safe to do again.

        Raises:
            OutputError: it could not be brought there; it is complete on this machine.
            InterruptedRunError: there was a signal.
        """

    def leave(self) -> None:
        """Remove at the end of a run what is of no use any more."""


class StoreDestination(Destination):
    """A table's place in a store.

    Args:
        home: where the job lies; its paths are those where the table is made, on this machine.
        output: what is made, and where.
        url: of the table in the store. What belongs to it lies beside it.
        reporter: where it is said what is done.
        retrying: how long each request is tried.
    """

    def __init__(
        self,
        home: JobHome,
        output: OutputOptions,
        url: Url,
        *,
        reporter: Reporter,
        retrying: Retrying | None = None,
    ) -> None:
        super().__init__(home, output)
        self._url = url
        self._reporter = reporter
        self._stop_signal = home.stop_signal
        self._retrying = retrying or Retrying(UPLOADING)
        self._opened: WritableObjects | None = None

    def prepare(self) -> None:
        """Make the directory on this machine."""
        directory = self._paths.output.parent
        with disk.output_errors(directory):
            disk.make_directory(directory)

    def refuse_existing(self) -> None:
        """As `Destination` says; it is tried, too, whether the store takes anything, and said where the job lies."""
        url, parts = self._url, self._home.parts
        if self._output.partitioned and parts is not None:
            parts.require_free(self._is_begun)
        try:
            for path in sorted(self._products(), key=lambda path: path != self._paths.output):
                if not self._output.overwrite and self._size(path.name) is not None:
                    raise OutputError(
                        f"{url.parent / path.name} exists",
                        hint="`--overwrite` replaces it when the new one is complete",
                    )
            self._objects.require_writable(url.name, self._retrying)
        except StoreFaultError as fault:
            raise OutputError(f"cannot write {url}: {fault.reason}", hint=fault.hint) from fault
        output = self._output
        place = self._paths.output.parent if output.job is None else job_address(url, output.job)
        self._reporter.show(f"the job lies in {place} until {url} is complete")

    def refuse_discarding(self) -> None:
        """As `Destination` says."""
        if not self._output.overwrite:
            raise OutputError(
                f"a complete table for {self._url}, made by another command, waits in {self._paths.output.parent}",
                hint="start that command again to upload it, or `--overwrite` to discard it",
            )

    def has(self, sidecar: Sidecar) -> bool:
        """As `Destination` says."""
        try:
            return read_object(self._url.parent / self._paths.meta.name) == sidecar.to_json()
        except DataError as error:
            raise OutputError(error.message, hint=error.hint) from error

    def deliver(self) -> None:
        """As `Destination` says: the table after what is beside it, and the sidecar that speaks of all of them last."""
        # A table that is a folder is there by now.
        uploads = [path for path in self._products() if path.is_file()]
        url = self._url
        try:
            with self._reporter.bar(f"uploading to {url.parent}", len(uploads), "file") as advance:
                for done, path in enumerate(uploads):
                    advance(done)
                    self._go_on()
                    self._upload(path)
        except StoreFaultError as fault:
            raise OutputError(
                f"cannot write {url}: {fault.reason}",
                hint=f"the table is complete in {self._paths.output.parent}; the same command again uploads it",
            ) from fault

    def leave(self) -> None:
        """Remove what was made here, where the job is no more: it is in the store, or there is nothing of worth."""
        paths = self._paths
        if paths.directory.exists():
            return
        with contextlib.suppress(OSError):
            for part in own_parts(paths.output):
                disk.remove(part)
            paths.output.rmdir()
        for path in self._products():
            for one in (path, path.with_name(path.name + _NOTE_ENDING)):
                with contextlib.suppress(OSError):
                    disk.remove(one)
        # It may hold somebody else's files where --job names it.
        with contextlib.suppress(OSError):
            paths.output.parent.rmdir()

    def _is_begun(self) -> bool:
        """Whether a job is under way whose table is a folder of parts."""
        # What is wrong with a damaged job is told by whoever goes on with it; `--restart` does not.
        with contextlib.suppress(OutputError):
            job = self._home.find()
            return job is not None and job.options.partitioned is not None
        return False

    @property
    def _objects(self) -> WritableObjects:
        if self._opened is None:
            self._opened = open_writable(self._url.parent)
        return self._opened

    def _products(self) -> list[Path]:
        """The files that belong to the table, in the order in which they are uploaded; not all may be there."""
        paths, embeddings = self._paths, self._output.embeddings
        return [*([] if embeddings is None else [embeddings]), paths.files, paths.output, paths.meta]

    def _upload(self, path: Path) -> None:
        """Upload a file, unless it is there: a run that was killed after this one may have done it."""
        if self._is_there(path):
            return
        replace = self._output.overwrite
        if not replace and self._size(path.name) is not None:
            raise self._taken(path)
        disk.steps.step("upload", path)
        outcome = self._put(path, replace=replace)
        if outcome == "unconditional":
            self._reporter.show(
                f"note: {self._url.scheme}:// cannot write on the condition that there is nothing yet; "
                f"{path.name} was looked for just before"
            )
            outcome = self._put(path, replace=True)
        # A request whose answer was lost has written it, and the next one found it there.
        if outcome != "written" and not self._is_there(path):
            raise self._taken(path)

    def _put(self, path: Path, *, replace: bool) -> Outcome:
        note = path.with_name(path.name + _NOTE_ENDING)
        return self._objects.put(Upload(path, path.name, replace, note, self._go_on, self._retrying))

    def _taken(self, path: Path) -> OutputError:
        return OutputError(
            f"{self._url.parent / path.name} exists: another run has written it meanwhile",
            hint=f"the table is complete in {self._paths.output.parent}; `--overwrite` uploads it all the same",
        )

    def _size(self, name: str) -> int | None:
        """Bytes of an object; None where there is none."""
        try:
            return self._retrying.call(lambda seconds: self._objects.look(name, seconds)).size
        except StoreFaultError as fault:
            if fault.kind == "missing":
                return None
            raise

    def _is_there(self, path: Path) -> bool:
        """Whether the store holds the very content of a file under its name."""
        size = path.stat().st_size
        if self._size(path.name) != size:
            return False
        with path.open("rb") as file:
            for start in range(0, size, _PIECE):
                self._go_on()
                span = (start, min(start + _PIECE, size))
                found = self._retrying.call(
                    lambda seconds, span=span: self._objects.get(path.name, "", span, seconds)  # type: ignore[misc]
                )
                if found != file.read(span[1] - span[0]):
                    return False
        return True

    def _go_on(self) -> None:
        if self._stop_signal():
            raise InterruptedRunError(
                f"interrupted while {self._url} was uploaded; all rows are labeled",
                signal_number=self._stop_signal(),
                hint="start the same command again to complete it",
            )


def destination_of(home: JobHome, output: OutputOptions, reporter: Reporter) -> Destination:
    """Where the table of an output belongs.

    Raises:
        FashionBatchError: the store is none that can be written to.
    """
    if output.store is None:
        return Destination(home, output)
    return StoreDestination(home, output, output.store, reporter=reporter)
