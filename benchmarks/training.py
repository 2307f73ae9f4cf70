"""What an epoch of training costs, and what changes it: variants of one recipe measured in turns, in one run.

    python benchmarks/training.py fashion_mnist_cnn
    python benchmarks/training.py cats_dogs_finetune --steps 3 --variants shipped,keras,eigen --output result.json

Each variant is a process of its own, since much of what is tried is read when TensorFlow is imported. A process builds
the recipe's last phase as `train` does, then trains `--steps` batches and validates the recipe's share of images
whenever its turn comes; the first time, which compiles, does not count. Told are medians of `--rounds` turns: wall and
CPU seconds (user and system) of training and of validation, and how many times faster than `shipped` the sum is, both
ways. On a machine with other work the ratio of CPU seconds is the one to read.

`keras` is what somebody writes who has the same network, augmentation, optimizer and arrays: `fit` and `evaluate` of
plain Keras, in a process that leaves TensorFlow's settings alone.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from training_variants import VARIANTS, Parts, Setting, Variant, plain_keras

STEPS = {"fashion_mnist_cnn": 100, "fashion_mnist_minivgg": 25, "clothing_multilabel": 5, "cats_dogs_finetune": 1}
"""Batches of an epoch that make a turn of a few seconds on two cores."""


def main() -> None:
    options = parse_options()
    if options.serve:
        serve(options)
        return
    names = options.variants.split(",") if options.variants else list(VARIANTS)
    unknown = [name for name in names if name not in VARIANTS]
    if unknown:
        sys.exit(f"unknown variant {unknown[0]!r}; there are {', '.join(VARIANTS)}")
    report = {
        "date": datetime.date.today().isoformat(),
        "machine": machine(),
        "command": f"python benchmarks/training.py {options.recipe} --steps {options.steps}",
        "variants": measure(names, options),
    }
    print(as_markdown(report))
    if options.output:
        options.output.write_text(json.dumps(report, indent=2) + "\n")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", help="a shipped recipe or a file")
    parser.add_argument("--variants", help=f"of {', '.join(VARIANTS)}; separated by commas, all where omitted")
    parser.add_argument("--steps", type=int, help="batches in a turn")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each variant")
    parser.add_argument("--data", type=Path, help="takes the place of the recipe's path")
    parser.add_argument("--output", type=Path, help="a JSON file")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.steps = options.steps or STEPS.get(options.recipe, 20)
    return options


def machine() -> str:
    name = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return f"{len(os.sched_getaffinity(0))} cores, {name[1] if name else 'of an unknown kind'}"


def measure(names: Sequence[str], options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    processes = {name: started(name) for name in names}
    turns: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    # Each builds and compiles by itself, so that none is measured beside another one's compiling.
    for name, process in processes.items():
        answer(name, process)
    for _ in range(options.rounds):
        for name, process in processes.items():
            turns[name].append(answer(name, process))
    for process in processes.values():
        process.communicate()
    return compared(turns)


def compared(turns: Mapping[str, Sequence[Mapping[str, float]]]) -> dict[str, dict[str, Any]]:
    """Medians of the turns of each variant, and how many times faster than `shipped` it is, where that was measured."""
    medians = {
        name: {key: round(statistics.median(turn[key] for turn in seen), 3) for key in seen[0]}
        for name, seen in turns.items()
    }
    base = medians.get("shipped")
    for name, median in medians.items():
        for kind in ("wall", "cpu") if base else ():
            whole = sum(base[f"{part}_{kind}"] for part in ("train", "validate"))
            median[f"times_{kind}"] = round(whole / sum(median[f"{part}_{kind}"] for part in ("train", "validate")), 2)
        median["summary"] = VARIANTS[name].summary
    return medians


def started(name: str) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, *sys.argv[1:], "--serve", name]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **VARIANTS[name].environment}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def answer(name: str, process: subprocess.Popen[str]) -> dict[str, float]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("turn\n")
    process.stdin.flush()
    line = process.stdout.readline()
    if not line:
        sys.exit(f"variant {name!r} failed")
    print(f"{name}: {line}", end="", file=sys.stderr, flush=True)
    return dict(json.loads(line))


def serve(options: argparse.Namespace) -> None:
    """A variant's process: waits for its turns."""
    sys.stdin.readline()
    train, validate = parts_of(VARIANTS[options.serve], options)
    turn = {**timed("train", train), **timed("validate", validate)}
    print(json.dumps(turn), flush=True)
    for _ in sys.stdin:
        turn = {**timed("train", train), **timed("validate", validate)}
        print(json.dumps(turn), flush=True)


def timed(part: str, work: Callable[[], object]) -> dict[str, float]:
    cpu, wall = cpu_seconds(), time.perf_counter()
    work()
    return {f"{part}_wall": round(time.perf_counter() - wall, 3), f"{part}_cpu": round(cpu_seconds() - cpu, 3)}


def cpu_seconds() -> float:
    spent = resource.getrusage(resource.RUSAGE_SELF)
    return spent.ru_utime + spent.ru_stime


def parts_of(variant: Variant, options: argparse.Namespace) -> Parts:
    from fashionbatch.data.prepare import prepare_data
    from fashionbatch.model.framework import load_tensorflow
    from fashionbatch.plan import load_plan
    from fashionbatch.plugins import load_plugins

    plugins = load_plugins()
    plan = load_plan(options.recipe, plugins.registry)
    data = prepare_data(plan, data_path=options.data)
    if variant.parts is not plain_keras:
        load_tensorflow("float32")
    import tensorflow as tf

    if variant.deterministic:
        tf.config.experimental.enable_op_determinism()
    beside, within = variant.threads
    tf.config.threading.set_inter_op_parallelism_threads(beside)
    tf.config.threading.set_intra_op_parallelism_threads(within)

    from fashionbatch.model.freezing import set_trained_layers
    from fashionbatch.training.epochs.fitting import prepare_fitting
    from fashionbatch.training.start import initialize, make_network

    network = make_network(plan, len(data.class_names))
    initialize(plan, network, plugins.registry)
    phase = plan.phases[-1]
    set_trained_layers(network, phase.train, phase.place)
    data = replace(data, splits=part_of(data.splits, options.steps * phase.batch_size))
    fitting = prepare_fitting(plan, phase, network, data, epoch=lambda: 0)
    return variant.parts(Setting(plan, phase, network, data, fitting))


def part_of(splits: Mapping[Any, Any], count: int) -> dict[Any, Any]:
    """The first images to train on, and as large a share of those to validate."""
    share = count / len(splits["train"])
    held = splits["validation"]
    return {"train": first(splits["train"], count), "validation": first(held, max(1, round(share * len(held))))}


def first(split: Any, count: int) -> Any:
    fields = {name: getattr(split, name)[:count] for name in ("images", "targets", "labels", "names")}
    return replace(split, **fields)


def as_markdown(report: Mapping[str, Any]) -> str:
    lines = [
        f"{report['machine']}, {report['date']}, `{report['command']}`",
        "",
        "| variant | train, s | CPU s | validate, s | CPU s | times faster | in CPU s |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for name, figures in report["variants"].items():
        keys = ("train_wall", "train_cpu", "validate_wall", "validate_cpu", "times_wall", "times_cpu")
        cells = " | ".join(f"{figures[key]:.2f}" if key in figures else "" for key in keys)
        lines.append(f"| `{name}`: {figures['summary']} | {cells} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
