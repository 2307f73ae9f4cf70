"""What plugins are told at the end of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class TrainingReport:
    """What `training_finished` is told: the run directory, its bundle, and what `summary.json` holds."""

    run_directory: Path
    bundle: Path
    summary: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class LabelingReport:
    """What `labeling_finished` is told, after the last commit: the table and what its sidecar holds."""

    table: Path
    bundle: Path
    meta: Mapping[str, Any]
