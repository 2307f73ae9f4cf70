"""Runs the scan in a process of its own, while this one loads the model."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fashionbatch import disk
from fashionbatch.errors import DataError, FashionBatchError, InterruptedRunError
from fashionbatch.images import EXTENSIONS
from fashionbatch.labeling.job.paths import JobPaths
from fashionbatch.labeling.options import LabelOptions
from fashionbatch.labeling.source.left_out import left_out
from fashionbatch.labeling.source.request import ListOptions, ScanOptions, ScanSummary, text_of_list
from fashionbatch.processes import start_python
from fashionbatch.stores.address import Location, Url

_TICK_S = 0.1


def request_of(options: LabelOptions, folder: Location, paths: JobPaths) -> ScanOptions | ListOptions:
    """What a run asks of the scan.

    Args:
        options: of the run.
        folder: the folder.
        paths: of the output, which may lie in the folder.
    """
    source = options.source
    if source.files_from is not None:
        return ListOptions(
            text_of_list(source.files_from),
            source.path_column,
            source.keep,
            source.null,
            source.limit,
            source.encoding,
            tuple(sorted(EXTENSIONS)),
        )
    return ScanOptions(
        extensions=None if source.all_files else tuple(sorted(EXTENSIONS)),
        hidden=source.hidden,
        follow_links=source.follow_links,
        include=source.include,
        exclude=source.exclude,
        skip=() if isinstance(folder, Url) else _own_files(folder, paths, options.output.embeddings),
        limit=source.limit,
        step=source.step,
    )


class ScanProcess:
    """A scan that is under way.

    Args:
        folder: the folder, or one file, or an address in a store; what the paths of a list are relative to.
        options: what to look for, or the list that takes the place of looking.
        paths: of the output. The manifest gets its final name when the scan is complete.

    Raises:
        FashionBatchError: the process cannot be started.
    """

    def __init__(self, folder: Location, options: ScanOptions | ListOptions, paths: JobPaths) -> None:
        self._folder = folder
        self._options = options
        self._paths = paths
        self._files = {disk.temporary_name(path): path for path in (paths.kept, paths.manifest)}
        kept, manifest = map(str, self._files)
        kind = "list" if isinstance(options, ListOptions) else "scan"
        place = {"url": folder.whole} if isinstance(folder, Url) else {"folder": str(folder)}
        request = {**place, "manifest": manifest, "kept": kept, kind: asdict(options)}
        read, write = os.pipe()
        try:
            self._process = start_python(
                "fashionbatch.labeling.source.__main__",
                [read],
                pass_fds=[read],
                stdin=None if isinstance(options, ListOptions) else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            with open(write, "w", encoding="ascii", closefd=False) as pipe:  # disk: a pipe
                json.dump(request, pipe)
        except OSError as error:
            raise FashionBatchError(f"cannot start the scan: {error}") from error
        finally:
            os.close(read)
            os.close(write)

    @property
    def has_ended(self) -> bool:
        """Whether `finish` would return at once."""
        return self._process.poll() is not None

    def finish(self, report: Callable[[int], None], stop_signal: Callable[[], int]) -> ScanSummary:
        """Wait for it, and give the manifest its name.

        Args:
            report: called now and then with the number of files found so far.
            stop_signal: the number of the signal that asks for an end, 0 while there is none.

        Raises:
            DataError: the folder cannot be listed, or nothing in it is to be labeled.
            OutputError: the manifest could not be written.
            InterruptedRunError: there was a signal.
        """
        assert self._process.stdout is not None
        rest = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while True:
                if stop_signal():
                    raise InterruptedRunError("interrupted during the scan", signal_number=stop_signal())
                if not selector.select(_TICK_S):
                    continue
                data = os.read(self._process.stdout.fileno(), 1 << 16)
                if not data:
                    if stop_signal():
                        continue
                    raise self._died()
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    message = json.loads(line)
                    if "rows" in message:
                        report(message["rows"])
                    else:
                        summary = self._conclude(message)
                        self._process.wait()
                        return summary

    def close(self) -> None:
        """End it, if it is still at work."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        for temporary in self._files:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)

    def _conclude(self, message: dict[str, Any]) -> ScanSummary:
        if "problem" in message:
            raise DataError(message["problem"], hint=message["hint"])
        if "error" in message:
            if message["path"].startswith(str(self._paths.directory)):
                with disk.output_errors(Path(message["path"])):
                    raise OSError(message["errno"], message["error"])
            source = str(self._options.place if isinstance(self._options, ListOptions) else self._folder)
            raise DataError(f"cannot read {'standard input' if source == '-' else source}: {message['error']}")
        summary = ScanSummary(**message["summary"])
        if not summary.rows:
            raise _nothing_found(self._folder, self._options, summary)
        for temporary, path in self._files.items():
            with disk.output_errors(path):
                if temporary.exists():
                    disk.rename(temporary, path)
        return summary

    def _died(self) -> FashionBatchError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        assert self._process.stderr is not None
        lines = self._process.stderr.read().decode("utf-8", "replace").strip().splitlines()
        reason = lines[-1] if lines else f"it ended with code {self._process.returncode}"
        return FashionBatchError(f"the scan of {self._folder} failed: {reason}")


def _nothing_found(folder: Location, options: ScanOptions | ListOptions, summary: ScanSummary) -> DataError:
    if isinstance(options, ListOptions):
        return DataError(f"{options.place}: the list names no files")
    seen = left_out(summary)
    if summary.unreadable_count:
        where, reason = summary.unreadable[0]
        seen[-1] += f", such as {where} ({reason})"
    what = "no images" if options.extensions is not None else "no files"
    hint = None
    if options.extensions is not None and summary.other:
        hint = f"images end in {' '.join(options.extensions)}; --all-files takes every file"
    nothing = "it is empty, or there is no such folder" if isinstance(folder, Url) else "it is empty"
    told = f"left out: {', '.join(seen)}" if seen else nothing
    return DataError(f"{what} in {folder}; {told}", hint=hint)


def _own_files(folder: Path, paths: JobPaths, embeddings: Path | None) -> tuple[str, ...]:
    """The run's own files as seen from the folder, where they lie in it."""
    own = [paths.output.with_name(name) for name in paths.own_names]
    if embeddings is not None:
        own += [embeddings, *disk.leftovers(embeddings)]
    real = (Path(os.path.realpath(path.parent), path.name) for path in own)
    return tuple(str(path.relative_to(folder)) for path in real if path.is_relative_to(folder))
