"""The process of a scan: what to do comes as JSON through a pipe; progress and the summary go out as JSON lines."""

from __future__ import annotations

import errno
import json
import os
import signal
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fashionbatch.errors import FashionBatchError
from fashionbatch.labeling.source.folder import scan_folder
from fashionbatch.labeling.source.request import ScanOptions
from fashionbatch.orphans import end_with_parent
from fashionbatch.stores.address import Location, Url, archives_in


def main(request_pipe: int) -> None:
    """The process: what to do as JSON from a pipe; progress, then the summary, as JSON lines on standard output."""
    end_with_parent()
    # A list on standard input is read in the group of the terminal, so its signals arrive here too. They are for the
    # process that began the scan, which ends this one.
    for ignored in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)
    with open(request_pipe, encoding="ascii") as pipe:
        request: dict[str, Any] = json.load(pipe)

    def say(message: dict[str, Any]) -> None:
        # When the parent is gone, this raises BrokenPipeError, which ends the scan.
        print(json.dumps(message), flush=True)  # noqa: T201 - the protocol

    def report(rows: int) -> None:
        say({"rows": rows})

    manifest = Path(request["manifest"])
    try:
        source: Location = Url.of(request["url"]) if "url" in request else Path(request["folder"])
        if "scan" in request and archives_in(source):
            from fashionbatch.labeling.source.archives import scan_archives

            summary = scan_archives(source, ScanOptions(**request["scan"]), manifest, report=report)
            say({"summary": asdict(summary)})
            return
        if isinstance(source, Url):
            from fashionbatch.labeling.source.store import scan_store

            summary = scan_store(source, ScanOptions(**request["scan"]), manifest, report=report)
            say({"summary": asdict(summary)})
            return
        folder = os.fsencode(request["folder"])
        if "list" in request:
            from fashionbatch.labeling.source.catalogue import list_files
            from fashionbatch.labeling.source.request import ListOptions

            options = ListOptions(**request["list"])
            summary = list_files(folder, options, manifest, Path(request["kept"]), report=report)
        else:
            summary = scan_folder(folder, ScanOptions(**request["scan"]), manifest, report=report)
    except FashionBatchError as error:
        say({"problem": error.message, "hint": error.hint})
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        number = getattr(error, "errno", None)
        # Writing to an open file that finds no room names no file; nothing but the manifest and its like is written.
        no_room = {errno.ENOSPC, errno.EDQUOT}
        path = getattr(error, "filename", None) or (manifest if number in no_room else "")
        say({"error": reason, "errno": number, "path": os.fsdecode(path)})
    else:
        say({"summary": asdict(summary)})
