"""Makes docs/results.md from runs: the figures that recipes reached, beside those of the tutorials that they follow.

    python scripts/make_results.py RUN [RUN ...]    # add finished runs to docs/results.json, then write the page
    python scripts/make_results.py                  # write the page again from docs/results.json

Nothing on that page is typed: docs/results.json keeps what is used of each run's summary.json, one entry for a recipe
and seed; a newer run takes the place of an older one.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1] / "docs"
KEPT = DOCS / "results.json"
PAGE = DOCS / "results.md"

# Recipe name -> shipped recipe, and the tutorial's split, figure and value.
TUTORIALS: dict[str, tuple[str, str, str, float]] = {
    "fashion-mnist-cnn": ("fashion_mnist_cnn", "test", "accuracy", 0.9073),
    "fashion-mnist-minivgg": ("fashion_mnist_minivgg", "validation", "accuracy", 0.94),
    "mnist-mlp": ("mnist_mlp", "test", "accuracy", 0.9756),
    "mnist-cnn": ("mnist_cnn", "test", "accuracy", 0.9853),
    "mnist-deep-cnn": ("mnist_deep_cnn", "test", "accuracy", 0.9926),
    "clothing-multilabel": ("clothing_multilabel", "validation", "label_accuracy", 0.98),
    "cats-dogs-small-cnn": ("cats_dogs_small_cnn", "validation", "accuracy", 0.80),
    "cats-dogs-bottleneck": ("cats_dogs_bottleneck", "validation", "accuracy", 0.90),
    "cats-dogs-finetune": ("cats_dogs_finetune", "validation", "accuracy", 0.95),
}


def main() -> int:
    """Take up the runs that were named, and write the page."""
    kept: dict[str, Any] = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.is_file() else {}
    for run in sys.argv[1:]:
        path = Path(run) / "summary.json"
        if not path.is_file():
            print(f"{run}: holds no summary.json: is the run finished?", file=sys.stderr)
            return 1
        summary = json.loads(path.read_text(encoding="utf-8"))
        if summary["name"] not in TUTORIALS:
            print(f"{run}: {summary['name']!r} follows no tutorial", file=sys.stderr)
            return 1
        kept[f"{summary['name']} seed {summary['seed']}"] = _digest(summary)
    KEPT.write_text(json.dumps(dict(sorted(kept.items())), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    PAGE.write_text(page(kept), encoding="utf-8")
    return 0


def _digest(summary: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": summary["name"],
        "seed": summary["seed"],
        "finished": summary["finished"][:10],
        "epochs": sum(phase["epochs"] for phase in summary["phases"]),
        "best_epoch": summary["phases"][-1]["best_epoch"],
        "stops_early": any(phase["epochs"] < phase["epochs_planned"] for phase in summary["phases"]),
        "seconds": round(summary["seconds"]["training"]),
        "precision": summary["precision"]["training"],
        "images": summary["data"]["images"],
        "fingerprint": summary["data"]["fingerprint"],
        "figures": summary["figures"],
        "verdict": summary["phases"][-1]["overfitting"]["text"],
        "machine": summary["machine"],
        "versions": summary["versions"],
    }


def page(kept: dict[str, Any]) -> str:
    """The page, as Markdown."""
    runs: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for run in kept.values():
        runs[run["name"]].append(run)
    lines = [
        "# Results",
        "",
        "<!-- Made by scripts/make_results.py from the summary.json files of runs. -->",
        "",
        "What the shipped recipes reached in runs of `fashionbatch train`. Where training stops early, validation",
        "chooses the epoch that is kept, so its figures flatter a little; test chooses nothing. Seconds are those of",
        "training alone, on the machine named, which also did other work: read them as an upper bound.",
        "",
    ]
    for name, (recipe, split, figure, value) in TUTORIALS.items():
        if name in runs:
            lines += _section(recipe, sorted(runs[name], key=lambda run: run["seed"]), split, figure, value)
    return "\n".join(lines).rstrip() + "\n"


def _section(recipe: str, runs: list[dict[str, Any]], split: str, figure: str, value: float) -> list[str]:
    last = runs[-1]
    splits = [name for name in ("validation", "test") if name in last["figures"]]
    reached = [run["figures"][split][figure] for run in runs]
    images = ", ".join(f"{count:,} {name}" for name, count in last["images"].items())
    shown = figure.replace("_", " ")
    lines = [
        f"## {recipe}",
        "",
        f"    fashionbatch train {recipe} -o runs/{recipe} --set training.seed=SEED",
        "",
        f"{images}. The tutorial's {split} {shown}: {value:g}. Here: "
        + (f"{reached[0]:.4f}." if len(reached) == 1 else f"{_spread(reached)} over {len(reached)} seeds."),
        "",
        f"| seed | date | epochs (kept) | {' | '.join(f'{name} {shown}' for name in splits)} | seconds |",
        f"|--:|---|--:|{'--:|' * len(splits)}--:|",
    ]
    for run in runs:
        figures = " | ".join(f"{run['figures'][name][figure]:.4f}" for name in splits)
        epochs = f"{run['epochs']} ({run['best_epoch']})"
        lines.append(f"| {run['seed']} | {run['finished']} | {epochs} | {figures} | {run['seconds']:,} |")
    lines += [
        "",
        f"{last['machine']['processor']}, {last['machine']['cores']} cores, {last['precision']}; "
        f"TensorFlow {last['versions']['tensorflow']}, Keras {last['versions']['keras']}.",
        "",
    ]
    return lines


def _spread(values: list[float]) -> str:
    return f"{statistics.mean(values):.4f} ± {statistics.stdev(values):.4f} (lowest {min(values):.4f})"


if __name__ == "__main__":
    sys.exit(main())
