"""Installs built archives into a fresh environment and tries what a user tries first.

    python scripts/try_dist.py --python python3.12 --environment /tmp/fresh dist/fashionbatch-0.2.0-py3-none-any.whl

Several archives are installed one after the other, the later ones over what the first brought. `--extras` then installs
every extra but `dev`. With `--reports FOLDER` pip's reports of what it installed are kept, for scripts/make_sbom.py.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
NOT_SHIPPED = "dev"
NEWEST_PIP = "pip>=25.0"
"""Its reports hold every licence."""

TRIED = ("--version", "plugins list", "recipe list", "recipe check quickstart")
"""Commands that read everything that the package brings beside its modules: entry points, recipes, the template."""


def main() -> int:
    """Install and try; the exit code of the first command that fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archives", type=Path, nargs="+", help="a wheel, an sdist")
    parser.add_argument("--python", required=True, help="the interpreter that the environment is made with")
    parser.add_argument("--environment", type=Path, required=True, help="the folder to make it in")
    parser.add_argument("--extras", action="store_true", help="install every extra, too")
    parser.add_argument("--demo", action="store_true", help="train and label the embedded sample, too")
    parser.add_argument("--reports", type=Path, help="keep pip's reports in this folder")
    asked = parser.parse_args()
    try:
        environment = make_environment(asked.python, asked.environment)
        if asked.reports:
            environment.pip("--upgrade", NEWEST_PIP)
            asked.reports.mkdir(parents=True, exist_ok=True)
        for number, archive in enumerate(asked.archives):
            over = ("--force-reinstall", "--no-deps") if number else ()
            environment.pip(*over, str(archive.absolute()), report=_report(asked.reports, number))
            print(f"{archive.name} on {environment.version}", flush=True)
            environment.try_commands(demo=asked.demo and archive is asked.archives[-1])
        if asked.extras:
            everything = f"{asked.archives[-1].absolute()}[{','.join(shipped_extras())}]"
            environment.pip(everything, report=_report(asked.reports, len(asked.archives)))
            environment.run("fashionbatch", "doctor")
    except subprocess.CalledProcessError as error:
        print(f"error: {' '.join(map(str, error.cmd))} ended with {error.returncode}", file=sys.stderr)
        return error.returncode or 1
    return 0


@dataclass(frozen=True)
class Environment:
    """A virtual environment, used from outside of the checkout so that nothing in it is found by accident."""

    folder: Path

    @property
    def python(self) -> str:
        """Its interpreter."""
        return str(self.folder / "bin" / "python")

    @property
    def version(self) -> str:
        """Of its Python, as `Python 3.12.4`."""
        return subprocess.run([self.python, "--version"], check=True, capture_output=True, text=True).stdout.strip()

    def pip(self, *arguments: str, report: Path | None = None) -> None:
        """Install something."""
        kept = ("--report", str(report)) if report else ()
        self.run("python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *kept, *arguments)

    def run(self, program: str, *arguments: str) -> None:
        """Run a program of the environment, in an empty folder."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        search = f"{self.folder / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        with tempfile.TemporaryDirectory() as empty:
            command = [str(self.folder / "bin" / program), *arguments]
            subprocess.run(command, check=True, cwd=empty, env={**clean, "PATH": search}, stdin=subprocess.DEVNULL)

    def try_commands(self, *, demo: bool) -> None:
        """What a user tries first."""
        for command in TRIED:
            self.run("fashionbatch", *command.split())
        if demo:
            self.run("fashionbatch", "demo", "demo")


def make_environment(python: str, folder: Path) -> Environment:
    """A fresh environment that holds nothing but pip.

    Python 3.11 puts setuptools in as well, which would hide that a package needs it.
    """
    subprocess.run([python, "-m", "venv", "--clear", str(folder)], check=True)
    environment = Environment(folder.absolute())
    environment.run("python", "-m", "pip", "--quiet", "uninstall", "--yes", "setuptools")
    return environment


def shipped_extras() -> Sequence[str]:
    """Every extra that is for users."""
    project = tomllib.loads(PROJECT.read_text("utf-8"))["project"]
    return [extra for extra in project["optional-dependencies"] if extra != NOT_SHIPPED]


def _report(folder: Path | None, number: int) -> Path | None:
    return (folder / f"{number}.json").absolute() if folder else None


if __name__ == "__main__":
    sys.exit(main())
