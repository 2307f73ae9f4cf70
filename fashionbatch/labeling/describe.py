"""What a run is, in JSON: for the job directory, which a resumed run is compared with, and for the sidecar."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import PIL

from fashionbatch import __version__
from fashionbatch.images import POLICY
from fashionbatch.inference.session import Session
from fashionbatch.labeling.job.machine import instruction_set
from fashionbatch.labeling.job.record import JOB_FORMAT
from fashionbatch.labeling.job.shards import Counts
from fashionbatch.labeling.load import Loaded
from fashionbatch.labeling.options import LabelOptions
from fashionbatch.labeling.products.embeddings import format_of, name_in_job
from fashionbatch.labeling.reuse.previous import settled


def describe_request(options: LabelOptions, folder: Path, loaded: Loaded) -> dict[str, Any]:
    """What was asked for and changes rows, as far as it is known before the networks are loaded."""
    return {
        "bundles": [{"name": bundle.manifest.name, "digest": bundle.digest} for bundle in loaded.bundles],
        "folder": str(folder),
        "options": {
            "format": loaded.writer.name,
            **asdict(options.rows),
            "all_files": options.all_files,
            "include": list(options.include),
            "exclude": list(options.exclude),
            "limit": options.limit,
            "files_from": options.files_from and str(options.files_from),
            "path_column": options.path_column,
            "keep": list(options.keep),
            "null": options.null,
            "previous": options.previous and str(options.previous),
            "match": options.match,
            "retry_errors": options.retry_errors,
            "embeddings": options.embeddings and name_in_job(options.embeddings, options.output),
        },
    }


def describe_job(options: LabelOptions, folder: Path, loaded: Loaded, sessions: Sequence[Session]) -> dict[str, Any]:
    """All that the rows depend on, but for the files themselves."""
    return {
        "format": JOB_FORMAT,
        "fashionbatch": __version__,
        **describe_request(options, folder, loaded),
        "compute": {
            "runtime": options.runtime,
            "version": ", ".join(dict.fromkeys(session.runtime.version for session in sessions)),
            "device": options.device,
            "precision": [session.precision for session in sessions],
            "batch_size": options.batch_size,
            "instruction_set": instruction_set(),
        },
        "decoding": {"policy": POLICY["version"], "pillow": PIL.__version__},
        "embeddings": _describe_embeddings(options, loaded),
        "columns": list(loaded.table.names),
        "bundle_paths": [str(bundle.path.resolve()) for bundle in loaded.bundles],
    }


def _describe_embeddings(options: LabelOptions, loaded: Loaded) -> dict[str, Any] | None:
    if options.embeddings is None or loaded.features is None:
        return None
    return {
        "file": name_in_job(options.embeddings, options.output),
        "format": format_of(options.embeddings).name,
        "tensor": loaded.features.operation,
        "port": loaded.features.port,
        "size": loaded.features.size,
    }


def describe_table(output: Path, job: dict[str, Any], counts: Counts, times: dict[str, Any]) -> dict[str, Any]:
    """The sidecar's content, but for the table's digest.

    Args:
        output: the table.
        job: as in `job.json`.
        counts: of all rows.
        times: as the run measured them.
    """
    bundles = [{**bundle, "path": path} for bundle, path in zip(job["bundles"], job["bundle_paths"], strict=True)]
    embeddings = job.get("embeddings")
    labels = [dict(counter.most_common()) for counter in counts.labels]
    return {
        "format_version": 1,
        "table": output.name,
        "rows": counts.rows,
        "columns": job["columns"],
        "bundles": bundles,
        "folder": job["folder"],
        "options": job["options"],
        "compute": job["compute"],
        "decoding": job["decoding"],
        "versions": {
            "fashionbatch": __version__,
            "runtime": job["compute"]["version"],
            "pillow": job["decoding"]["pillow"],
        },
        "files": job["files"],
        "reused": settled(job["reused"], counts.same) if job.get("reused") else None,
        "embeddings": embeddings and {**embeddings, "shape": [counts.rows, embeddings["size"]]},
        "counts": {
            "status": dict(counts.statuses.most_common()),
            "label": labels[0]
            if len(bundles) == 1
            else dict(zip((bundle["name"] for bundle in bundles), labels, strict=True)),
        },
        "times": {"started": job["created"], "finished": now(), **times},
    }


def comparable(description: dict[str, Any]) -> dict[str, Any]:
    """The part of a description or of a sidecar that says what was asked for."""
    bundles = [{"name": bundle["name"], "digest": bundle["digest"]} for bundle in description["bundles"]]
    return {"bundles": bundles, "folder": description["folder"], "options": description["options"]}


def opening_line(options: LabelOptions, files: dict[str, Any], loaded: Loaded, sessions: Sequence[Session]) -> str:
    """What a run does, as the first thing that a user reads of it."""
    rows = files["rows"]
    where = f"{options.folder}" if options.files_from is None else f"{options.files_from}"
    parts = [f"Labeling {rows:,} file{'s' if rows != 1 else ''} ({human_size(files['bytes'])}) of {where}"]
    for bundle, session in zip(loaded.bundles, sessions, strict=True):
        parts.append(
            f"with bundle {bundle.manifest.name} ({len(bundle.manifest.labels.class_names)} classes), "
            f"{options.runtime} in {session.precision}: {session.precision_reason}"
        )
    return "; ".join(parts)


def human_size(size: int) -> str:
    """Bytes, in the unit that a person would use."""
    if size < 1000:
        return f"{size} B"
    value, unit = float(size), 0
    while value >= 999.5:
        value, unit = value / 1000, unit + 1
    return f"{value:.3g} {' kMGTPE'[unit]}B"


def now() -> str:
    """This moment in UTC, to the second, in ISO 8601."""
    return datetime.datetime.now(datetime.UTC).replace(microsecond=0).isoformat()
