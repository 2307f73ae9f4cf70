"""What a job directory says of its run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fashionbatch.errors import OutputError
from fashionbatch.labeling.job.paths import JobPaths
from fashionbatch.labeling.job.record import JOB_FORMAT, read_job


def test_a_job_of_a_later_version_is_refused_by_name(tmp_path: Path) -> None:
    paths = JobPaths(tmp_path / "labels.csv")
    paths.job.parent.mkdir(parents=True)
    paths.job.write_text(json.dumps({"format": JOB_FORMAT + 1}), encoding="utf-8")
    with pytest.raises(OutputError, match="a later FashionBatch wrote it"):
        read_job(paths)
