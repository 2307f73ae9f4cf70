"""How much faster an epoch is when a frozen backbone's features are computed once and kept.

    python benchmarks/features.py [--recipe cats_dogs_bottleneck] [--data FOLDER] [--output RESULT.json]

Trains the recipe's first phase twice, in one process, on the same images, from the same weights and with the same
seed: once with features from the cache, `--kept` epochs of which the median counts, and once the plain way, where every
epoch sends every image through the backbone. What the features cost once is told too. The losses of both ways are
printed: they must agree, or the comparison is worth nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

from fashionbatch.plan import load_plan
from fashionbatch.plugins import load_plugins
from fashionbatch.training.epochs import loop
from fashionbatch.training.run import train


def main() -> None:
    options = parse_options()
    with tempfile.TemporaryDirectory(prefix="fashionbatch-bench-") as scratch:
        os.environ["FASHIONBATCH_CACHE_DIR"] = f"{scratch}/cache"
        began = time.perf_counter()
        kept = history(options, Path(scratch, "kept"), epochs=options.kept)
        whole = time.perf_counter() - began
        loop.can_be_kept = lambda *_: False
        plain = history(options, Path(scratch, "plain"), epochs=1)
    kept_s = statistics.median(float(epoch["seconds"]) for epoch in kept[1:])
    plain_s = float(plain[0]["seconds"])
    result = {
        "recipe": options.recipe,
        "seconds_an_epoch": {"features kept": round(kept_s, 3), "plain": round(plain_s, 3)},
        "times_faster": round(plain_s / kept_s, 1),
        "seconds_of_the_whole_run_with_features_kept": round(whole, 1),
        "first_loss": {"features kept": kept[0]["loss"], "plain": plain[0]["loss"]},
        "first_val_loss": {"features kept": kept[0]["val_loss"], "plain": plain[0]["val_loss"]},
    }
    text = json.dumps(result, indent=2)
    print(text)
    if options.output:
        options.output.write_text(text + "\n")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="cats_dogs_bottleneck")
    parser.add_argument("--data", type=Path, help="takes the place of the recipe's path")
    parser.add_argument("--kept", type=int, default=6, help="epochs with kept features; the first one does not count")
    parser.add_argument("--output", type=Path)
    return parser.parse_args()


def history(options: argparse.Namespace, run: Path, *, epochs: int) -> list[dict[str, str]]:
    import csv

    plugins = load_plugins()
    # Early stopping would end neither run so soon; one phase is enough.
    plan = load_plan(options.recipe, plugins.registry, overrides=[f"training.phases.0.epochs={epochs}"])
    train(plan, run, plugins=plugins, data_path=options.data)
    with open(run / "history.csv", newline="") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    main()
