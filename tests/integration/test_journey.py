"""The whole way, as a user walks it: the demo with one epoch of training, then other commands on what it left."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from fashionbatch.cli.demo import DemoFiles, run_demo
from fashionbatch.cli.demo.photos import AWKWARD_NAME, INBOX, read_known_labels
from fashionbatch.cli.demo.summary import summarise

pytestmark = pytest.mark.timeout(600)  # a training, on a machine that may be busy

# Runs a command line and prints, last, which of the modules it has imported.
PROGRAM = """
import json, sys
from fashionbatch.cli import main
try:
    main(json.loads(sys.argv[1]))
except SystemExit as stop:
    code = stop.code
print(json.dumps([code, sorted({"tensorflow", "keras", "pandas", "sklearn", "matplotlib"} & set(sys.modules))]))
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> DemoFiles:
    directory = tmp_path_factory.mktemp("journey") / "demo"
    run_demo(directory, train_options=("--set", "training.epochs=1"))
    return DemoFiles(directory)


def fashionbatch(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fashionbatch", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_table_has_one_row_for_every_file(files: DemoFiles) -> None:
    on_disk = {path.relative_to(files.photos).as_posix() for path in files.photos.rglob("*") if path.is_file()}
    with files.table.open(encoding="utf-8", newline="") as file:
        rows = {row["filepath"]: row for row in csv.DictReader(file)}
    assert set(rows) == on_disk
    assert len(rows) == 1003
    broken = {path for path, row in rows.items() if row["status"] != "ok"}
    assert broken == {f"{INBOX}/{name}" for name in ("cut short.jpg", "empty.jpg", "notes.jpg")}
    assert all(rows[path]["error"] and not rows[path]["label"] for path in broken)
    assert rows[f"{INBOX}/{AWKWARD_NAME}"]["label"]


def test_labels_are_as_right_as_training_said(files: DemoFiles) -> None:
    summary = summarise(files.table, read_known_labels(files.known_labels))
    said = json.loads((files.run / "summary.json").read_text(encoding="utf-8"))["figures"]["test"]
    assert (summary.known, said["images"]) == (1000, 1000)
    # Half of the photos are JPEGs, whose pixels differ a little from the ones that training measured.
    assert summary.accuracy == pytest.approx(said["accuracy"], abs=0.01)
    assert summary.accuracy > 0.6


def test_the_same_photos_give_the_same_bytes_with_any_number_of_workers(files: DemoFiles, tmp_path: Path) -> None:
    output = tmp_path / "again.csv"
    done = fashionbatch("classify", files.photos, "-b", files.bundle, "-o", output, "-j", "1")
    assert done.returncode == 0, done.stderr
    assert output.read_bytes() == files.table.read_bytes()


def test_labeling_imports_no_training_framework(files: DemoFiles, tmp_path: Path) -> None:
    arguments = ["classify", str(files.photos / INBOX), "-b", str(files.bundle), "-o", str(tmp_path / "labels.csv")]
    command = [sys.executable, "-c", PROGRAM, json.dumps(arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == [0, []]


def test_the_demo_again_trains_nothing_and_labels_anew(files: DemoFiles, capfd: pytest.CaptureFixture[str]) -> None:
    before = files.table.read_bytes()
    trained = (files.run / "summary.json").stat().st_mtime_ns
    run_demo(files.directory)
    assert (files.run / "summary.json").stat().st_mtime_ns == trained
    assert files.table.read_bytes() == before
    shown = capfd.readouterr().out
    for wanted in ("1,000 ok, 3 error", "accuracy", "curves.png", "$ fashionbatch classify"):
        assert wanted in shown
