"""What a run is, as records: for the job directory, which a resumed run is compared with, and for the sidecar."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import PIL

from fashionbatch import __version__
from fashionbatch.csvtext import AUTO
from fashionbatch.display_width import counted, human_size
from fashionbatch.images import POLICY
from fashionbatch.inference.session import Session
from fashionbatch.labeling.job.machine import instruction_set
from fashionbatch.labeling.job.record import JOB_FORMAT, Job, JobDescription, Request
from fashionbatch.labeling.job.shards import EMBEDDINGS_PART, Counts
from fashionbatch.labeling.load import Loaded
from fashionbatch.labeling.options import LabelOptions
from fashionbatch.labeling.products.embeddings import seen_from_table
from fashionbatch.labeling.products.options import RowOptions
from fashionbatch.labels.records import FilesRecord
from fashionbatch.labels.sidecar import FORMAT_VERSION, Sidecar
from fashionbatch.specs import Parameters
from fashionbatch.stores.address import Location


def describe_request(options: LabelOptions, folder: Location, loaded: Loaded) -> Request:
    """What was asked for and changes rows, as far as it is known before the networks are loaded."""
    return Request.of_json(_request(options, folder, loaded))


def describe_job(
    options: LabelOptions, folder: Location, loaded: Loaded, sessions: Sequence[Session]
) -> JobDescription:
    """All that the rows depend on, but for the files themselves."""
    compute = options.compute
    precisions = [session.precision for session in sessions]
    return JobDescription.of_json(
        {
            "format": JOB_FORMAT,
            "fashionbatch": __version__,
            **_request(options, folder, loaded),
            "compute": {
                "runtime": compute.runtime,
                "version": ", ".join(dict.fromkeys(session.runtime.version for session in sessions)),
                "device": compute.device,
                "precision": precisions,
                "batch_size": compute.batch_size,
                "instruction_set": instruction_set(precisions),
                **_where_there_are("parameters", loaded.computing.parameters),
            },
            "decoding": {"policy": POLICY["version"], "pillow": PIL.__version__},
            "embeddings": loaded.embeddings and loaded.embeddings.record.as_json(),
            "columns": list(loaded.table.columns),
            "column_types": list(loaded.table.types),
            "bundle_paths": [str(bundle.path.resolve()) for bundle in loaded.bundles],
        }
    )


def describe_choices(sessions: Sequence[Session]) -> list[dict[str, Any]]:
    """Why each network is computed in its precision, as a job keeps it."""
    return [
        {
            "precision": session.precision,
            "reason": session.choice.reason,
            **({"rates": dict(session.choice.rates)} if session.choice.rates else {}),
        }
        for session in sessions
    ]


def _request(options: LabelOptions, folder: Location, loaded: Loaded) -> dict[str, Any]:
    source, output, reuse = options.source, options.output, options.reuse
    return {
        "bundles": [{"name": bundle.manifest.name, "digest": bundle.digest} for bundle in loaded.bundles],
        "folder": str(folder),
        "options": {
            "format": loaded.table.format,
            **_where_there_are("format_parameters", loaded.table.parameters),
            **_options_of_rows(options.rows),
            "all_files": source.all_files,
            **({"hidden": True} if source.hidden else {}),
            **({"follow_links": True} if source.follow_links else {}),
            "include": list(source.include),
            "exclude": list(source.exclude),
            "limit": source.limit,
            "files_from": source.files_from and str(source.files_from),
            "path_column": source.path_column,
            "keep": list(source.keep),
            "null": source.null,
            **({} if source.encoding == AUTO else {"encoding": source.encoding}),
            "previous": reuse.previous and str(reuse.previous),
            "match": reuse.match,
            "retry_errors": reuse.retry_errors,
            "embeddings": output.embeddings and seen_from_table(output.embeddings, output.table),
            **({"partitioned": loaded.part_suffix} if loaded.part_suffix else {}),
        },
    }


def _options_of_rows(rows: RowOptions) -> dict[str, Any]:
    """All but an acceptance that the bundle decides: jobs and tables are described as before there was one."""
    described = asdict(rows)
    if rows.accept_truncated is None:
        del described["accept_truncated"]
    return described


def _where_there_are(name: str, parameters: Parameters | None) -> dict[str, Any]:
    """The entry for a component's parameters, for one that has any."""
    return {name: parameters.model_dump(mode="json")} if parameters and type(parameters).model_fields else {}


def describe_table(output: Path, job: Job, counts: Counts, times: dict[str, Any], digests: dict[str, Any]) -> Sidecar:
    """The sidecar's content.

    Args:
        output: the table.
        job: what was labeled, by what.
        counts: of all rows.
        times: as the run measured them.
        digests: of each product by what its part calls it, and `files`, of the list of files.
    """
    labels = [dict(counter.most_common()) for counter in counts.labels]
    embeddings = job.embeddings and {
        **job.embeddings.as_json(),
        "shape": [counts.rows, job.embeddings.size],
        "sha256": digests[EMBEDDINGS_PART.digest],
    }
    described = job.as_json()
    return Sidecar.of_json(
        {
            "format_version": FORMAT_VERSION,
            "table": output.name,
            "rows": counts.rows,
            "columns": described["columns"],
            "bundles": [
                {**bundle.as_json(), "path": path} for bundle, path in zip(job.bundles, job.bundle_paths, strict=True)
            ],
            "folder": job.folder,
            "options": described["options"],
            "compute": described["compute"],
            **({"precision_choices": described["precision_choices"]} if "precision_choices" in described else {}),
            "decoding": described["decoding"],
            "versions": {
                "fashionbatch": __version__,
                "runtime": job.compute.version,
                "pillow": job.decoding.pillow,
            },
            "files": {**described["files"], "digest": digests["files"]},
            "reused": job.reused and job.reused.after_comparison(counts.same).as_json(),
            "embeddings": embeddings,
            "counts": {
                "status": dict(counts.statuses.most_common()),
                **({"noted": counts.noted} if counts.noted else {}),
                "label": labels[0]
                if len(job.bundles) == 1
                else dict(zip((bundle.name for bundle in job.bundles), labels, strict=True)),
            },
            "times": {"started": job.created, "finished": now(), **times},
            "sha256": digests["sha256"],
        }
    )


def request_behind(sidecar: Sidecar) -> Request:
    """What was asked for when a table was made."""
    document = sidecar.as_json()
    bundles = [{"name": bundle.name, "digest": bundle.digest} for bundle in sidecar.bundles]
    return Request.of_json({"bundles": bundles, "folder": document["folder"], "options": document["options"]})


def opening_line(options: LabelOptions, files: FilesRecord, loaded: Loaded, sessions: Sequence[Session]) -> str:
    """What a run does, as the first thing that a user reads of it."""
    source, rows = options.source, files.rows
    where = f"{source.folder}" if source.files_from is None else f"{source.files_from}"
    # Of addresses on the web nobody knows the sizes before they are read.
    size = f" ({human_size(files.bytes)})" if files.bytes else ""
    parts = [f"Labeling {counted(rows, 'file')}{size} of {where}"]
    for bundle, session in zip(loaded.bundles, sessions, strict=True):
        parts.append(
            f"with bundle {bundle.manifest.name} ({len(bundle.manifest.labels.class_names)} classes), "
            f"{options.compute.runtime} in {session.precision}: {session.precision_reason}"
        )
    return "; ".join(parts)


def now() -> str:
    """This moment in UTC, to the second, in ISO 8601."""
    return datetime.datetime.now(datetime.UTC).replace(microsecond=0).isoformat()
