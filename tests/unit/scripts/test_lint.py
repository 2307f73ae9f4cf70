"""What `make lint` checks besides style and types: a fault of each kind that is planted is found."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[3]
WRITES = ("scripts/check_writes.py", "fashionbatch", "plugins/fashionbatch_plugins")
SOURCES = [Path(name) for name in WRITES[1:]]
IMPORTS = ("scripts/check_imports.py", "fashionbatch", "fashionbatch_plugins")
LAYERS = ("-c", "from importlinter.cli import lint_imports_command; lint_imports_command()", "--no-logo", "--no-cache")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of what is checked, for faults."""
    for name in ("fashionbatch", "plugins/fashionbatch_plugins", "scripts"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "*.npz"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def writes() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_writes", ROOT / WRITES[0])
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def check(root: Path, arguments: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{root / 'plugins'}", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *arguments], cwd=root, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("arguments", [WRITES, IMPORTS, LAYERS], ids=["writes", "imports", "layers"])
def test_the_code_itself_passes(arguments: tuple[str, ...]) -> None:
    done = check(ROOT, arguments)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "line",
    [
        "os.replace(a, b)",
        "os.rename(a, b)",
        "os.fsync(3)",
        "os.link(a, b)",
        "moved(a, b)",
        "os.open(a, os.O_WRONLY | os.O_CREAT)",
        "fcntl.flock(3, 2)",
        "tempfile.mkstemp(dir=a)",
        "tempfile.NamedTemporaryFile(dir=a)",
        "shutil.move(a, b)",
        "open(a, 'w')",
        "open(a, mode='r+b')",
        "io.open(a, 'x')",
        "a.open('ab')",
        "a.rename(b)",
        "a.replace(b)",
        "a.with_suffix('.b').replace(target=b)",
        "a.write_text('x')",
        "a.write_bytes(b'x')",
        "a.touch()",
        "np.save(a, b)",
        "figure.savefig(a / 'b.png')",
        "model.save_weights(a)",
        "table.to_csv(f'{a}.csv')",
    ],
)
def test_a_write_outside_of_disk_is_found(tmp_path: Path, writes: ModuleType, line: str) -> None:
    module = tmp_path / "fashionbatch" / "stray.py"
    module.parent.mkdir()
    module.write_text(f"from os import replace as moved\n\n{line}\n")
    [finding] = writes.findings(tmp_path, SOURCES)
    assert str(finding).startswith("fashionbatch/stray.py:3: ")
    assert finding.what == "os.replace" or not line.startswith("moved")
    (tmp_path / "fashionbatch" / "disk").mkdir()
    module.rename(tmp_path / "fashionbatch" / "disk" / "stray.py")
    assert list(writes.findings(tmp_path, SOURCES)) == []


@pytest.mark.parametrize(
    "line",
    [
        "open(a)",
        "open(a, 'rb')",
        "'a'.replace('b', 'c')",
        "moment.replace(hour=1)",
        "replace(options, output=a)",
        "table.rename(columns=a)",
        "os.open(a, os.O_RDONLY)",
        "os.open(os.devnull, os.O_WRONLY)",
        "tempfile.TemporaryFile()",
        "np.savez(file, a=1)",
        "figure.savefig(buffer)",
        "checkpoints.save(state)",
        "open(a, 'w')  # disk: a pipe",
    ],
)
def test_what_writes_no_file_passes(tmp_path: Path, writes: ModuleType, line: str) -> None:
    module = tmp_path / "fashionbatch" / "stray.py"
    module.parent.mkdir()
    module.write_text(f"{line}\n")
    assert list(writes.findings(tmp_path, SOURCES)) == []


def test_a_write_that_is_planted_in_the_code_fails_the_check(copy: Path) -> None:
    with open(copy / "fashionbatch/recipe/dump.py", "a", encoding="utf-8") as file:
        file.write("\n\ndef keep(path: Path, text: str) -> None:\n    path.write_text(text)\n")
    done = check(copy, WRITES)
    assert done.returncode == 1
    assert done.stdout.startswith("fashionbatch/recipe/dump.py:")
    assert ": .write_text outside of fashionbatch/disk" in done.stdout


@pytest.mark.parametrize(
    "back",
    [
        "from fashionbatch.recipe import one\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from fashionbatch.recipe import one\n",
        "def late() -> None:\n    from fashionbatch.recipe.one import anything\n",
    ],
    ids=["plainly", "for types", "in a function"],
)
def test_two_modules_that_import_each_other_are_found(copy: Path, back: str) -> None:
    (copy / "fashionbatch/recipe/one.py").write_text("from fashionbatch.recipe import other\n")
    (copy / "fashionbatch/recipe/other.py").write_text(back)
    done = check(copy, IMPORTS)
    assert done.returncode == 1
    assert "these modules import each other: fashionbatch.recipe.one, fashionbatch.recipe.other\n" in done.stdout


def test_a_module_in_no_layer_is_found(copy: Path) -> None:
    (copy / "fashionbatch/stray.py").write_text('"""Stands nowhere."""\n')
    done = check(copy, LAYERS)
    assert done.returncode == 1
    assert "stray" in done.stdout


def test_an_import_of_a_higher_layer_is_found(copy: Path) -> None:
    with open(copy / "fashionbatch/errors.py", "a", encoding="utf-8") as file:
        file.write("\n\nfrom fashionbatch import disk\n")
    done = check(copy, LAYERS)
    assert done.returncode == 1
    assert "fashionbatch.errors -> fashionbatch.disk" in done.stdout
