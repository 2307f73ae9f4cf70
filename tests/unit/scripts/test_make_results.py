"""The results page says what runs reached, and what chose the epoch that was kept."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "scripts" / "make_results.py"


@pytest.fixture
def make_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_results", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "make_results", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "KEPT", tmp_path / "results.json")
    monkeypatch.setattr(module, "PAGE", tmp_path / "results.md")
    return module


def make_run(folder: Path, name: str, *, seed: int, figures: dict[str, Any], stopping: bool) -> str:
    """The files of a run that the script reads."""
    folder.mkdir()
    phase = {"epochs": 3, "best_epoch": 2, "overfitting": {"text": "no sign of overfitting"}}
    summary = {
        "name": name,
        "seed": seed,
        "finished": "2026-01-02T03:04:05+00:00",
        "phases": [phase],
        "seconds": {"training": 1234.4},
        "precision": {"training": "float32"},
        "data": {"images": {"train": 2000, "validation": 800}, "fingerprint": "f"},
        "figures": figures,
        "machine": {"processor": "a processor", "cores": 2},
        "versions": {"tensorflow": "2", "keras": "3"},
    }
    (folder / "summary.json").write_text(json.dumps(summary))
    (folder / "history.csv").write_text("epoch,val_accuracy\n1,0.5\n2,0.6\n3,0.7\n")
    kept = "{restore_best_weights: true}" if stopping else "null"
    (folder / "recipe.yaml").write_text(f"training:\n  early_stopping: {kept}\n  phases: []\n")
    return str(folder)


def write(make_results: ModuleType, monkeypatch: pytest.MonkeyPatch, *runs: str) -> str:
    monkeypatch.setattr(sys, "argv", ["make_results.py", *runs])
    assert make_results.main() == 0
    return str(make_results.PAGE.read_text())


def test_the_committed_page_is_made_from_the_committed_figures(make_results: ModuleType) -> None:
    kept = json.loads((ROOT / "docs" / "results.json").read_text(encoding="utf-8"))
    assert make_results.page(kept) == (ROOT / "docs" / "results.md").read_text(encoding="utf-8")


def test_several_seeds_give_mean_and_spread(
    make_results: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [
        make_run(tmp_path / str(seed), "mnist-mlp", seed=seed, figures={"test": {"accuracy": accuracy}}, stopping=False)
        for seed, accuracy in ((1, 0.95), (2, 0.97))
    ]
    page = write(make_results, monkeypatch, *runs)
    assert "0.9600 ± 0.0141 | 2 |" in page
    assert "| 2 | 2026-01-02 | 3 | the last | 0.9700 | 1,234 |" in page


def test_a_split_that_chose_the_epoch_is_named(
    make_results: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = {"validation": {"accuracy": 0.9, "roc_auc": 0.95}}
    run = make_run(tmp_path / "run", "cats-dogs-bottleneck", seed=1, figures=figures, stopping=True)
    page = write(make_results, monkeypatch, run)
    assert "validation accuracy, which chose the epoch" in page
    assert "| 2, the best on validation | 0.9000 | 0.9500 |" in page


def test_all_labels_of_an_image_right_is_an_exact_match(
    make_results: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = {"validation": {"label_accuracy": 0.99, "accuracy": 0.96, "mean_average_precision": 0.98}}
    run = make_run(tmp_path / "run", "clothing-multilabel", seed=1, figures=figures, stopping=False)
    page = write(make_results, monkeypatch, run)
    assert "validation single labels right | validation exact match | validation mean average precision" in page


def test_a_run_that_is_not_finished_changes_nothing(
    make_results: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["make_results.py", str(tmp_path / "nothing")])
    assert make_results.main() == 1
    assert "is the run finished?" in capsys.readouterr().err
    assert not make_results.PAGE.exists()
