"""Python files among the photos are files among the photos: none of them runs."""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from fashionbatch.testing.bundles import class_colour, make_tiny_bundle

MODULES = (
    "fashionbatch",
    "fashionbatch_plugins",
    "numpy",
    "PIL",
    "openvino",
    "click",
    "json",
    "encodings",
    "sitecustomize",
    "usercustomize",
)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(3):
        Image.new("RGB", (8, 8), class_colour(number, 3)).save(folder / f"{number}.png")
    for module in MODULES:
        code = f"open({str(tmp_path / 'ran')!r}, 'a').write('{module} ')\nraise SystemExit('{module}.py ran')\n"
        (folder / f"{module}.py").write_text(code)
        (folder / module).mkdir()
        (folder / module / "__init__.py").write_text(code)
    return folder


@pytest.mark.parametrize("way", [(), ("--all-files",), ("-j", "2")])
def test_classify_runs_no_code_of_the_folder_that_it_stands_in(
    photos: Path, tmp_path: Path, way: tuple[str, ...]
) -> None:
    bundle = make_tiny_bundle(tmp_path / "bundle")
    program = shutil.which("fashionbatch", path=str(Path(sys.executable).parent))
    assert program is not None
    command = [program, "classify", ".", "-b", str(bundle), "-o", "labels.csv", *way]
    done = subprocess.run(command, cwd=photos, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "ran").exists()
    with open(photos / "labels.csv", newline="") as file:
        rows = {row["filepath"]: (row["status"], row["label"]) for row in csv.DictReader(file)}
    assert [rows[f"{number}.png"] for number in range(3)] == [("ok", "red"), ("ok", "green"), ("ok", "blue")]
    others = 2 * len(MODULES) if "--all-files" in way else 0
    assert [status for status, _ in rows.values()].count("error") == others


def test_the_files_would_run_in_an_interpreter_that_looks_there(photos: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", "import numpy"], cwd=photos, capture_output=True, check=False, timeout=60)
    assert (tmp_path / "ran").read_text() == "numpy "
