"""Checks what the built wheels and sdist hold: everything that an installation needs, and nothing of the workshop.

    python -m build --sdist --wheel && python -m build --wheel --outdir dist packaging/label
    python scripts/check_dist.py dist

The wheel has to be built of the checkout, as both options together do: it is compared with one of the unpacked sdist.
The light wheel has to hold the same files.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from pathlib import Path, PurePosixPath

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
    parser.add_argument("directory", type=Path, help="the folder of both wheels and the sdist")
    directory = parser.parse_args().directory
    (wheel,) = directory.glob("fashionbatch-*.whl")
    (light,) = directory.glob("fashionbatch_label-*.whl")
    (sdist,) = directory.glob("*.tar.gz")
    problems = [*check_wheel(wheel), *check_wheel(light), *check_sdist(sdist), *check_rebuilt(wheel, sdist)]
    for problem in problems:
        print(problem, file=sys.stderr)
    if not problems:
        print(f"{wheel.name} ({wheel.stat().st_size:,} bytes), {light.name} and {sdist.name} hold what they should")
        print(f"{sdist.name}, unpacked, gives the same wheel")
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
    """What is wrong with the sdist, one sentence a problem.

    It holds every file that git knows, but what pyproject.toml excludes, and nothing else.
    """
    with tarfile.open(sdist) as archive:
        names = {member.name.partition("/")[2] for member in archive if not member.isdir()}
        links = sorted(member.name for member in archive if not (member.isfile() or member.isdir()))
    expected = {name for name in _known_to_git() if not _is_excluded(name)} | {"PKG-INFO"}
    problems = [f"{sdist.name} lacks {name}" for name in sorted(expected - names)]
    problems += [f"{sdist.name} holds {name}, which it should not" for name in sorted(names - expected)]
    problems += [f"{sdist.name} holds {name}, which is no file" for name in links]
    needed = ("LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml", "Makefile", "fashionbatch/__init__.py")
    return problems + [f"{sdist.name} lacks {name}, which git should know" for name in needed if name not in names]


def check_rebuilt(wheel: Path, sdist: Path) -> list[str]:
    """Whether the wheel that the unpacked sdist gives has the same bytes; one sentence where it has not."""
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(sdist) as archive:
            archive.extractall(folder, filter="data")
        (unpacked,) = Path(folder).iterdir()
        build = [sys.executable, "-m", "build", "--wheel", "--outdir", f"{folder}/dist", str(unpacked)]
        built = subprocess.run(build, capture_output=True, text=True, check=False)
        if built.returncode:
            return [f"{sdist.name} gives no wheel: {built.stdout[-2000:]}{built.stderr[-2000:]}"]
        (again,) = Path(folder, "dist").glob("*.whl")
        if again.name != wheel.name:
            return [f"{sdist.name} gives {again.name}, not {wheel.name}"]
        if again.read_bytes() == wheel.read_bytes():
            return []
        return [f"{sdist.name} gives another {wheel.name}: {difference}" for difference in _differences(wheel, again)]


def _differences(wheel: Path, again: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(again) as other:
        here, there = ({item.filename: item.CRC for item in archive.infolist()} for archive in (one, other))
    names = sorted(name for name in here.keys() | there.keys() if here.get(name) != there.get(name))
    return names or ["the same files are packed in another way"]


def _known_to_git() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [name for name in listed.split("\0") if name]


def _is_excluded(name: str) -> bool:
    sdist = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]["sdist"]
    return any(PurePosixPath(name).is_relative_to(folder) for folder in sdist["exclude"])


def _contents(folder: Path, inside: str) -> list[str]:
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return [f"{inside}/{path.as_posix()}" for path in files if "__pycache__" not in path.parts]


if __name__ == "__main__":
    sys.exit(main())
