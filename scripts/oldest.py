"""Print a constraints file of the oldest releases that pyproject.toml allows: `make oldest` runs tests with them.

It is made anew each time, so it cannot go stale.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
_REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9_.-]+)(?P<bounds>[^;\[]*)")


def constraints(project: dict[str, Any]) -> list[str]:
    """The lower bounds of a project and of all its extras as `name==version`, sorted.

    Args:
        project: the table `[project]` of a pyproject.toml.

    Raises:
        ValueError: a package has two different lower bounds, or a requirement is written in another way.
    """
    extras = project.get("optional-dependencies", {}).values()
    found: dict[str, str] = {}
    for requirement in [*project["dependencies"], *(each for extra in extras for each in extra)]:
        parts = _REQUIREMENT.fullmatch(requirement)
        if parts is None:
            raise ValueError(f"cannot read the requirement {requirement!r}")
        lowest = [bound[2:] for bound in parts["bounds"].replace(" ", "").split(",") if bound.startswith(">=")]
        if not lowest:
            continue  # stubs for type checkers, which no test imports
        if found.setdefault(parts["name"].lower(), lowest[0]) != lowest[0]:
            raise ValueError(f"{parts['name']} has two lower bounds: {found[parts['name'].lower()]} and {lowest[0]}")
    return [f"{name}=={version}" for name, version in sorted(found.items())]


def main() -> None:
    """Print the constraints of this project."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    sys.stdout.write("".join(f"{line}\n" for line in constraints(project)))


if __name__ == "__main__":
    main()
