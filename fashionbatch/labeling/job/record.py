"""What a job is and that its table is complete, on the disk as JSON."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from fashionbatch import disk
from fashionbatch.errors import OutputError
from fashionbatch.labeling.job.paths import JobPaths

JOB_FORMAT = 1
_NOT_COMPARED = {"created", "files", "shards", "columns", "bundle_paths", "fashionbatch", "reused"}


def read_job(paths: JobPaths) -> dict[str, Any] | None:
    """The job that is under way, None where none was begun.

    Raises:
        OutputError: its description is damaged or of another version.
    """
    return _read_object(paths.job, "`--restart` begins anew")


def read_table_record(paths: JobPaths) -> dict[str, Any] | None:
    """What `table.json` says, None where the table was not assembled yet."""
    return _read_object(paths.table, "`--restart` begins anew")


def write_job(paths: JobPaths, description: dict[str, Any]) -> None:
    """Put the description of a job on the disk: from now on the job exists.

    Raises:
        OutputError: it could not be written.
    """
    disk.write_file(paths.job, _dump(description))


def write_object(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON object whole.

    Raises:
        OutputError: it could not be written.
    """
    disk.write_file(path, _dump(content))


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """In what two jobs' descriptions differ, a phrase each, leaving out what each run finds out by itself."""
    old, new = ({key: value for key, value in one.items() if key not in _NOT_COMPARED} for one in (old, new))
    return [
        f"{name} is {_brief(one)} in the job and {_brief(other)} now"
        for name, one, other in _walk("", json.loads(_dump(old)), json.loads(_dump(new)))
    ]


def discard(paths: JobPaths) -> None:
    """Remove a job's files; the lock and, last of all, `table.json` go when the caller releases them.

    Raises:
        OutputError: they cannot be removed.
    """
    with disk.output_errors(paths.directory):
        # job.json first: without it nothing of the rest counts.
        disk.remove(paths.job)
        disk.step("remove shards", paths.shards)
        shutil.rmtree(paths.shards, ignore_errors=True)
        for path in sorted(paths.directory.iterdir()):
            if path != paths.table and not path.name.startswith(paths.lock.name):
                disk.remove(path)
        disk.remove(paths.table)


def _walk(name: str, old: Any, new: Any) -> list[tuple[str, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        return [
            difference
            for key in sorted(old.keys() | new.keys())
            for difference in _walk(f"{name}.{key}" if name else key, old.get(key), new.get(key))
        ]
    return [] if old == new else [(name, old, new)]


def _brief(value: Any) -> str:
    if value is None:
        return "not given"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _dump(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, indent=1) + "\n").encode("ascii")


def _read_object(path: Path, hint: str) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise OutputError(f"{path}: cannot be read: {error}", hint=hint) from None
    if not isinstance(content, dict) or content.get("format") != JOB_FORMAT:
        raise OutputError(f"{path}: not written by this version of FashionBatch", hint=hint)
    return content
