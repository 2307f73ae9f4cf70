"""Gives the light distribution its metadata: the whole's, less the dependencies that only training needs."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

WHOLE = Path(__file__).parents[2] / "pyproject.toml"
DEPENDENCIES = ("click", "numpy", "openvino", "pillow", "platformdirs", "pluggy", "pydantic", "pyyaml", "tqdm")
"""What labeling imports."""
EXTRAS = ("cloud", "heif", "parquet", "ray", "xlsx")
"""The extras that labeling knows, those of them that the whole has."""


class CustomMetadataHook(MetadataHookInterface):
    """Takes from the whole's `pyproject.toml` what must not differ."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Fill in the fields that the light `pyproject.toml` calls dynamic."""
        metadata.update(light_metadata(tomllib.loads(WHOLE.read_text("utf-8"))["project"]))


def light_metadata(project: dict[str, Any]) -> dict[str, Any]:
    """The fields that are taken from the whole.

    Args:
        project: the table `project` of the whole's `pyproject.toml`.

    Raises:
        ValueError: the whole does not depend on something that labeling needs.
    """
    wanted = {_name(requirement): requirement for requirement in project["dependencies"]}
    if lacking := set(DEPENDENCIES) - wanted.keys():
        raise ValueError(f"{WHOLE} has no dependency {', '.join(sorted(lacking))}")
    extras = project["optional-dependencies"]
    return {
        "requires-python": project["requires-python"],
        "classifiers": project["classifiers"],
        "dependencies": [wanted[name] for name in DEPENDENCIES],
        "optional-dependencies": {extra: extras[extra] for extra in EXTRAS if extra in extras},
        "scripts": project["scripts"],
        "entry-points": project["entry-points"],
    }


def _name(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower()
