"""Makes docs/results.md from runs: the figures that recipes reached, beside those of the tutorials that they follow.

    python scripts/make_results.py RUN [RUN ...]    # add finished runs to docs/results.json, then write the page
    python scripts/make_results.py                  # write the page again from docs/results.json

Nothing on that page is typed: docs/results.json keeps what is used of each run's summary.json, history.csv and
recipe.yaml, one entry for a recipe and seed; a newer run takes the place of an older one.
"""

from __future__ import annotations

import csv
import json
import statistics
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

DOCS = Path(__file__).parents[1] / "docs"
KEPT = DOCS / "results.json"
PAGE = DOCS / "results.md"

HEADER = """\
# Results

<!-- Made by scripts/make_results.py from the files of runs. -->

This page says what to expect of the shipped recipes: what they reached in runs of `fashionbatch train`, beside the
figures of the published tutorials that they follow. Each figure is that of the finished network, computed by its
bundle in float32.

How to read the tables:

- **Test** images chose nothing. **Validation** images chose nothing either if a recipe trains all its epochs. Where
  the table says that validation chose the epoch or the thresholds, its figures flatter a little.
- **The tutorial** is the figure that it prints, `-` if it prints none on the same split or the recipe
  follows none. **Aim** is what the recipe
  is to reach beyond that.
- **Here** is the figure of one run, or mean ± standard deviation over several seeds.
- **Seconds** are those of training alone, on the machine that is named. It did other work meanwhile, so they are an
  upper bound.
- **Kept** is the epoch whose weights the finished network has.
"""


@dataclass(frozen=True)
class Tutorial:
    """What a recipe is measured by.

    Attributes:
        recipe: the shipped recipe.
        split: where the tutorial measured.
        figure: what it measured, as `summary.json` names it.
        data: how the data are had.
        value: its figure, where it prints one.
        aim: what the recipe aims for beyond that.
        also: further figures that are shown.
        first_epoch: the tutorial's validation accuracy after one epoch, where it prints that.
        given: the options that say which photos a recipe for photos of one's own was trained on.
    """

    recipe: str
    split: str
    figure: str
    data: str
    value: float | None = None
    aim: float | None = None
    also: tuple[str, ...] = ()
    first_epoch: float | None = None
    given: str = ""


_FASHION = "Fashion-MNIST, as Debian's package `dataset-fashion-mnist` has it"
_MNIST = "MNIST; validation is the last 10,000 images of the training set"
_CATS_DOGS = "2,000 photos of cats and dogs to train on, 800 others for validation"
TUTORIALS: dict[str, Tutorial] = {
    "mnist-mlp": Tutorial("mnist_mlp", "test", "accuracy", _MNIST, 0.9756),
    "mnist-cnn": Tutorial("mnist_cnn", "test", "accuracy", _MNIST, 0.9853),
    "mnist-deep-cnn": Tutorial("mnist_deep_cnn", "test", "accuracy", _MNIST, 0.9926),
    "fashion-mnist-cnn": Tutorial("fashion_mnist_cnn", "test", "accuracy", _FASHION, 0.9073),
    "fashion-mnist-minivgg": Tutorial(
        "fashion_mnist_minivgg",
        "validation",
        "accuracy",
        f"{_FASHION}; validation is the source's own 10,000 test images",
        aim=0.94,
        first_epoch=0.8877,
    ),
    "clothing-multilabel": Tutorial(
        "clothing_multilabel",
        "validation",
        "label_accuracy",
        "photos of clothes in six folders such as `red_dress`, a fifth held back",
        aim=0.98,
        also=("accuracy", "mean_average_precision"),
    ),
    "cats-dogs-small-cnn": Tutorial("cats_dogs_small_cnn", "validation", "accuracy", _CATS_DOGS, 0.80),
    "cats-dogs-bottleneck": Tutorial(
        "cats_dogs_bottleneck", "validation", "accuracy", _CATS_DOGS, 0.90, 0.97, also=("roc_auc",)
    ),
    "cats-dogs-finetune": Tutorial(
        "cats_dogs_finetune", "validation", "accuracy", _CATS_DOGS, 0.95, 0.98, also=("roc_auc",)
    ),
    "transfer": Tutorial(
        "transfer",
        "test",
        "accuracy",
        "photos of clothes in ten folders below train, of which the recipe draws its own splits",
        given=" --data clothing_small_224",
    ),
    "multilabel-transfer": Tutorial(
        "multilabel_transfer",
        "test",
        "label_accuracy",
        "photos of clothes in six folders such as `red_dress`",
        also=("accuracy", "mean_average_precision"),
        given=" --data apparel7_160 --set 'data.source.exclude=[black_shoes]'",
    ),
}
NAMES = {
    "accuracy": "accuracy",
    "label_accuracy": "single labels right",
    "mean_average_precision": "mean average precision",
    "roc_auc": "area under ROC",
}


def main() -> int:
    """Take up the runs that were named, and write the page."""
    kept: dict[str, Any] = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.is_file() else {}
    for run in map(Path, sys.argv[1:]):
        if not (run / "summary.json").is_file():
            print(f"{run}: holds no summary.json: is the run finished?", file=sys.stderr)
            return 1
        summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
        if summary["name"] not in TUTORIALS:
            print(f"{run}: {summary['name']!r} follows no tutorial", file=sys.stderr)
            return 1
        kept[f"{summary['name']} seed {summary['seed']}"] = _digest(summary, run)
    KEPT.write_text(json.dumps(dict(sorted(kept.items())), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    PAGE.write_text(page(kept), encoding="utf-8")
    return 0


def _digest(summary: dict[str, Any], run: Path) -> dict[str, Any]:
    with open(run / "history.csv", encoding="utf-8", newline="") as file:
        history = list(csv.DictReader(file))
    return {
        "name": summary["name"],
        "seed": summary["seed"],
        "finished": summary["finished"][:10],
        "epochs": sum(phase["epochs"] for phase in summary["phases"]),
        "best_epoch": summary["phases"][-1]["best_epoch"],
        "validation_chose": _validation_chose(run),
        "first_epoch": float(history[0]["val_accuracy"]),
        "last_epoch": float(history[-1]["val_accuracy"]),
        "seconds": round(summary["seconds"]["training"]),
        "precision": summary["precision"]["training"],
        "images": summary["data"]["images"],
        "fingerprint": summary["data"]["fingerprint"],
        "figures": summary["figures"],
        "verdict": summary["phases"][-1]["overfitting"]["text"],
        "machine": summary["machine"],
        "versions": summary["versions"],
    }


def _validation_chose(run: Path) -> bool:
    """Whether the epoch that was kept is the one that was best on validation."""
    training = yaml.safe_load((run / "recipe.yaml").read_text(encoding="utf-8"))["training"]
    last = {**training, **(training.get("phases") or [{}])[-1]}
    return bool((last.get("early_stopping") or {}).get("restore_best_weights"))


def page(kept: dict[str, Any]) -> str:
    """The page, as Markdown."""
    runs: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for run in sorted(kept.values(), key=lambda run: run["seed"]):
        runs[run["name"]].append(run)
    lines = [HEADER, "| recipe | measured on | the tutorial | aim | here | seeds |", "|---|---|--:|--:|--:|--:|"]
    for name, tutorial in TUTORIALS.items():
        if name in runs:
            lines.append(_overview(tutorial, runs[name]))
    lines.append("")
    missing = [tutorial.recipe for name, tutorial in TUTORIALS.items() if name not in runs]
    if missing:
        lines += [f"Shipped, and not yet trained to the end for this page: {', '.join(missing)}.", ""]
    for name, tutorial in TUTORIALS.items():
        if name in runs:
            lines += _section(tutorial, runs[name])
    return "\n".join(lines).rstrip() + "\n"


def _overview(tutorial: Tutorial, runs: list[dict[str, Any]]) -> str:
    measured = f"{tutorial.split} {NAMES[tutorial.figure]}"
    if tutorial.split == "validation" and runs[-1]["validation_chose"]:
        measured += ", which chose the epoch"
    if tutorial.figure == "label_accuracy" and tutorial.split == "validation":
        measured += ", which chose the thresholds"
    printed = _two_places(tutorial.value)
    if tutorial.first_epoch is not None:
        printed = f"{tutorial.first_epoch:g} after one epoch"
    cells = (
        f"[{tutorial.recipe}](#{tutorial.recipe})",
        measured,
        printed,
        _two_places(tutorial.aim),
        _reached(tutorial, runs),
        str(len(runs)),
    )
    return f"| {' | '.join(cells)} |"


def _two_places(value: float | None) -> str:
    """As many decimals as it has, and two at least: 0.90, 0.9756."""
    return "-" if value is None else max(f"{value:.2f}", f"{value:g}", key=len)


def _reached(tutorial: Tutorial, runs: list[dict[str, Any]]) -> str:
    reached = _mean_and_spread([run["figures"][tutorial.split][tutorial.figure] for run in runs])
    if tutorial.first_epoch is None:
        return reached
    first = _mean_and_spread([run["first_epoch"] for run in runs])
    return f"{first} after one epoch, {reached} after {runs[-1]['epochs']}"


def _mean_and_spread(values: list[float]) -> str:
    if len(values) == 1:
        return f"{values[0]:.4f}"
    return f"{statistics.mean(values):.4f} ± {statistics.stdev(values):.4f}"


def _section(tutorial: Tutorial, runs: list[dict[str, Any]]) -> list[str]:
    last = runs[-1]
    columns = [
        (split, figure)
        for split in ("validation", "test")
        if split in last["figures"]
        for figure in (tutorial.figure, *tutorial.also)
    ]
    images = ", ".join(f"{count:,} {name}" for name, count in last["images"].items())
    seed = " --set training.seed=SEED" if len(runs) > 1 else ""
    titles = " | ".join(f"{split} {_title(tutorial, figure)}" for split, figure in columns)
    lines = [
        f"## {tutorial.recipe}",
        "",
        "```console",
        f"$ fashionbatch train {tutorial.recipe} -o runs/{tutorial.recipe}{tutorial.given}{seed}",
        "```",
        "",
        f"{tutorial.data}: {images}.{_first_epoch(tutorial, runs)}{_plain_threshold(tutorial, runs)}",
        "",
        f"| seed | date | epochs | kept | {titles} | seconds |",
        f"|--:|---|--:|--:|{'--:|' * len(columns)}--:|",
    ]
    for run in runs:
        figures = " | ".join(f"{run['figures'][split][figure]:.4f}" for split, figure in columns)
        chosen = f"{run['best_epoch']}, the best on validation" if run["validation_chose"] else "the last"
        lines.append(
            f"| {run['seed']} | {run['finished']} | {run['epochs']} | {chosen} | {figures} | {run['seconds']:,} |"
        )
    cores = last["machine"]["cores"]
    lines += [
        "",
        f"{last['machine']['processor']}, {cores} {'core' if cores == 1 else 'cores'}, {last['precision']}; "
        f"TensorFlow {last['versions']['tensorflow']}, Keras {last['versions']['keras']}. "
        f"Overfitting, seed {last['seed']}: {last['verdict']}.",
        "",
    ]
    return lines


def _first_epoch(tutorial: Tutorial, runs: list[dict[str, Any]]) -> str:
    if tutorial.first_epoch is None:
        return ""
    here = ", ".join(f"{run['first_epoch']:.4f}" for run in runs)
    return f" Validation accuracy after one epoch: {here}; the tutorial's: {tutorial.first_epoch:g}."


def _plain_threshold(tutorial: Tutorial, runs: list[dict[str, Any]]) -> str:
    # Where an earlier epoch was kept, the last one says nothing of the network.
    if tutorial.figure != "label_accuracy" or runs[-1]["validation_chose"]:
        return ""
    here = ", ".join(f"{run['last_epoch']:.4f}" for run in runs)
    return f" With the threshold 0.5 for every label, which nothing chose, {here} of the single labels are right."


def _title(tutorial: Tutorial, figure: str) -> str:
    # Of several labels an image, all have to be right.
    return "exact match" if figure == "accuracy" and tutorial.figure == "label_accuracy" else NAMES[figure]


if __name__ == "__main__":
    sys.exit(main())
