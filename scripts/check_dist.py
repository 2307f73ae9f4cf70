"""Checks what the built wheel and sdist hold: everything that an installation needs, and nothing of the workshop.

python -m build && python scripts/check_dist.py dist
"""

from __future__ import annotations

import argparse
import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Folder in the repository -> folder in the wheel.
FOLDERS = {
    "fashionbatch": "fashionbatch",
    "plugins/fashionbatch_plugins": "fashionbatch_plugins",
    "plugins/example": "fashionbatch/templates/plugin",
    "recipes": "fashionbatch/recipes",
}


def main() -> int:
    """Print what is missing or too much; exit code 1 where anything is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path, help="the folder of one wheel and one sdist")
    directory = parser.parse_args().directory
    (wheel,) = directory.glob("*.whl")
    (sdist,) = directory.glob("*.tar.gz")
    problems = [*check_wheel(wheel), *check_sdist(sdist)]
    for problem in problems:
        print(problem, file=sys.stderr)
    if not problems:
        print(f"{wheel.name} ({wheel.stat().st_size:,} bytes) and {sdist.name} hold what they should")
    return 1 if problems else 0


def check_wheel(wheel: Path) -> list[str]:
    """What is wrong with the wheel, one sentence a problem."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        entry_points = next(name for name in names if name.endswith(".dist-info/entry_points.txt"))
        declared = archive.read(entry_points).decode()
    expected = {inside for folder, inside in FOLDERS.items() for inside in _contents(ROOT / folder, inside)}
    problems = [f"{wheel.name} lacks {name}" for name in sorted(expected - names)]
    packaged = {name for name in names if ".dist-info/" not in name}
    problems += [f"{wheel.name} holds {name}, which it should not" for name in sorted(packaged - expected)]
    if not any(name.endswith(".dist-info/licenses/LICENSE") for name in names):
        problems.append(f"{wheel.name} lacks the licence")
    if "fashionbatch = fashionbatch.__main__:main" not in declared:
        problems.append(f"{wheel.name} declares no console script")
    if not any(name.startswith("fashionbatch/recipes/") for name in names):
        problems.append(f"{wheel.name} holds no recipe")
    return problems


def check_sdist(sdist: Path) -> list[str]:
    """What is wrong with the sdist, one sentence a problem."""
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    needed = ("LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml", "Makefile", "fashionbatch/__init__.py")
    problems = [f"{sdist.name} lacks {name}" for name in needed if name not in names]
    unwanted = (".venv", "demo", "runs", "dist")
    problems += [f"{sdist.name} holds {name}" for name in unwanted if any(n.startswith(f"{name}/") for n in names)]
    return problems


def _contents(folder: Path, inside: str) -> list[str]:
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return [f"{inside}/{path.as_posix()}" for path in files if "__pycache__" not in path.parts]


if __name__ == "__main__":
    sys.exit(main())
