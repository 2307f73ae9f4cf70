"""Labeling speed and memory, measured in one run: ours, what a Keras user writes, and the floor of this machine.

    python benchmarks/classify.py --photos DIR [--peers DIR] [--weights mobilenetv2.weights.h5]

`--peers` names a folder with `peer_keras.py DIR MODEL OUT.csv WEIGHTS`, `peer_loop.py DIR MODEL OUT.csv N WEIGHTS` and
`limit.py DIR IR.xml bf16|f32`; without it only ours is measured. Every figure is of a whole process, start-up included:
the median of `--runs` runs, taken in turns so that a drift of the machine meets all alike. The steady rate is the
difference of two sizes, which leaves start-up out. Results go to `--output`: results.json, results.md, results.png.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from processes import Timing, peak_memory, run_timed

HERE = Path(__file__).resolve().parent
LOOP_IMAGES = 100


def main() -> None:
    options = parse_options()
    photos = sorted(path for path in options.photos.rglob("*") if path.is_file())[: options.small]
    if len(photos) < options.small:
        sys.exit(f"{options.photos} has {len(photos)} photos; {options.small} are needed")
    with tempfile.TemporaryDirectory(prefix="fashionbatch-bench-") as scratch:
        results = [measure(model, photos, options, Path(scratch)) for model in options.models]
    report = {
        "date": datetime.date.today().isoformat(),
        "machine": machine(),
        "command": " ".join(["python", "benchmarks/classify.py", *options.told]),
        "runs": options.runs,
        "results": results,
    }
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "results.json").write_text(json.dumps(report, indent=2) + "\n")
    (options.output / "results.md").write_text(as_markdown(report))
    draw(report, options.output / "results.png")
    print((options.output / "results.md").read_text())


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True, help="a folder with at least --small photos")
    parser.add_argument("--peers", type=Path, help="the folder of the peers' scripts and limit.py")
    parser.add_argument("--weights", type=Path, help="MobileNetV2's weights; other models get random ones")
    parser.add_argument("--models", nargs="+", default=["MobileNetV2", "ResNet50"])
    parser.add_argument("--precisions", nargs="+", default=precisions_here())
    parser.add_argument("--small", type=int, default=1000)
    parser.add_argument("--large", type=int, default=10000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--large-runs", type=int, default=3, help="runs of the large size")
    parser.add_argument("--output", type=Path, default=HERE / "results")
    options = parser.parse_args()
    # Paths differ from machine to machine: the report names what was asked, not where it lay.
    told = ("models", "small", "large", "runs", "large_runs")
    options.told = [f"--{name.replace('_', '-')} {_spaced(getattr(options, name))}" for name in told]
    return options


def _spaced(value: object) -> str:
    return " ".join(value) if isinstance(value, list) else str(value)


def precisions_here() -> list[str]:
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    return ["float32", "bfloat16"] if re.search(r"\b(amx_bf16|avx512_bf16)\b", flags) else ["float32"]


def machine() -> str:
    name = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return f"{len(os.sched_getaffinity(0))} cores, {name[1] if name else platform.processor()}"


def measure(model: str, photos: list[Path], options: argparse.Namespace, scratch: Path) -> dict[str, object]:
    print(f"{model}: making the bundle", flush=True)
    weights = options.weights if model == "MobileNetV2" and options.weights else random_weights(model, scratch)
    bundle = import_bundle(model, weights, scratch)
    small = repeat(photos, options.small, scratch / "small")
    large = repeat(photos, options.large, scratch / "large")

    def ours(folder: Path, precision: str) -> list[str]:
        out = scratch / "labels.csv"
        arguments = ["classify", folder, "-b", bundle, "-o", out, "--overwrite", "--precision", precision]
        return [sys.executable, "-m", "fashionbatch", *map(str, arguments)]

    commands = {f"fashionbatch {precision}": ours(small, precision) for precision in options.precisions}
    commands |= {f"without protection {p}": unprotected(small, bundle, p, scratch) for p in options.precisions}
    if options.peers:
        peer = [sys.executable, str(options.peers / "peer_keras.py"), str(small), model, str(scratch / "peer.csv")]
        commands["idiomatic Keras"] = [*peer, str(weights)]
    timings = {name: Timing(name, options.small) for name in commands}
    for turn in range(options.runs):
        for name, command in commands.items():
            timings[name].seconds.append(run_timed(command))
            print(f"  {name}, run {turn + 1}: {timings[name].seconds[-1]:.2f} s", flush=True)
    for name, command in commands.items():
        timings[name].peak_mib = peak_memory(command)
    if options.peers:
        loop = [sys.executable, str(options.peers / "peer_loop.py"), str(small), model, str(scratch / "loop.csv")]
        timing = Timing("tutorial loop", LOOP_IMAGES, [run_timed([*loop, str(LOOP_IMAGES), str(weights)])])
        timings[timing.name] = timing
    steady = {}
    for precision in options.precisions:
        pair = {"ours": ours(large, precision), "bare": unprotected(large, bundle, precision, scratch)}
        steady[precision] = steady_rate(pair, timings[f"fashionbatch {precision}"].median, options)
    return {
        "model": model,
        "timings": [asdict(timing) | {"median": timing.median, "rate": timing.rate} for timing in timings.values()],
        "steady": steady,
        "floor": {p: floor(small, bundle, p, options) for p in options.precisions} if options.peers else {},
    }


def random_weights(model: str, scratch: Path) -> Path:
    path = scratch / f"{model}.weights.h5"
    code = f"import keras; keras.applications.{model}(weights=None).save_weights({str(path)!r})"
    run_timed([sys.executable, "-c", code], environment={"TF_CPP_MIN_LOG_LEVEL": "3"})
    return path


def import_bundle(model: str, weights: Path, scratch: Path) -> Path:
    bundle = scratch / f"{model}-bundle"
    labels = scratch / "labels.txt"
    labels.write_text("".join(f"class {number:03}\n" for number in range(1000)))
    arguments = ["bundle", "import", "--keras-application", model, "--weights", weights, "--labels", labels]
    run_timed([sys.executable, "-m", "fashionbatch", *map(str, arguments), "-o", str(bundle)])
    return bundle


def unprotected(folder: Path, bundle: Path, precision: str, scratch: Path) -> list[str]:
    script = HERE / "unprotected.py"
    command = [sys.executable, str(script), str(folder), str(bundle), str(scratch / "unprotected.csv"), precision]
    return ["env", "OPENBLAS_NUM_THREADS=1", *command]  # As classify sets it for itself.


def repeat(photos: list[Path], count: int, folder: Path) -> Path:
    # Links to the same bytes: every run reads from the page cache, so that the disk is no part of the figure.
    if not folder.exists():
        folder.mkdir()
        for number in range(count):
            photo = photos[number % len(photos)]
            (folder / f"{number:06}{photo.suffix}").symlink_to(photo.resolve())
    return folder


def steady_rate(pair: dict[str, list[str]], small_seconds: float, options: argparse.Namespace) -> dict[str, float]:
    seconds: dict[str, list[float]] = {name: [] for name in pair}
    for turn in range(options.large_runs):
        for name, command in pair.items():
            seconds[name].append(run_timed(command))
            print(f"  {options.large} photos, {name}, run {turn + 1}: {seconds[name][-1]:.2f} s", flush=True)
    ours = statistics.median(seconds["ours"])
    return {
        "seconds": ours,
        "seconds_unprotected": statistics.median(seconds["bare"]),
        "rate": (options.large - options.small) / (ours - small_seconds),
        "peak_mib": peak_memory(pair["ours"], every=0.5),
    }


def floor(folder: Path, bundle: Path, precision: str, options: argparse.Namespace) -> dict[str, float]:
    short = {"float32": "f32", "bfloat16": "bf16"}[precision]
    command = [sys.executable, str(options.peers / "limit.py"), str(folder), str(bundle / "model.xml"), short]
    together = []
    for _ in range(options.runs):
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        print(f"  {output.strip()}", flush=True)
        found = re.search(r"together (\d+) images/s", output)
        assert found, output
        together.append(float(found[1]))
    return {"rate": statistics.median(together)}


def as_markdown(report: dict[str, object]) -> str:
    lines = [
        f"Measured on {report['date']}: {report['machine']}; medians of {report['runs']} runs of whole processes, "
        "peak memory of all processes together (PSS).",
        "",
        f"    {report['command']}",
        "",
    ]
    for result in report["results"]:  # type: ignore[attr-defined]
        timings = {timing["name"]: timing for timing in result["timings"]}
        lines += [f"### {result['model']}", "", *_table(timings), ""]
        lines += [f"- {_steady_line(precision, result, timings)}" for precision in result["steady"]]
        lines.append("")
    return "\n".join(lines)


def _table(timings: dict[str, dict[str, float]]) -> list[str]:
    keras = timings.get("idiomatic Keras")
    lines = [
        "| | photos | seconds | photos/s | times Keras | peak MiB | of Keras's |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for name, timing in timings.items():
        times = f"{timing['rate'] / keras['rate']:.2f}" if keras else ""
        peak = f"{timing['peak_mib']:.0f}" if timing["peak_mib"] else ""
        share = f"{timing['peak_mib'] / keras['peak_mib']:.2f}" if keras and timing["peak_mib"] else ""
        lines.append(
            f"| {name} | {timing['images']:,} | {timing['median']:.2f} | {timing['rate']:.0f} | {times} | {peak} "
            f"| {share} |"
        )
    return lines


def _steady_line(
    precision: str, result: dict[str, dict[str, dict[str, float]]], timings: dict[str, dict[str, float]]
) -> str:
    steady = result["steady"][precision]
    text = f"Steady state, {precision}: {steady['rate']:.0f} photos/s"
    if result["floor"]:
        limit = result["floor"][precision]["rate"]
        text += f", {steady['rate'] / limit:.2f} of the floor ({limit:.0f} photos/s)"
    ours, bare = timings[f"fashionbatch {precision}"]["median"], timings[f"without protection {precision}"]["median"]
    return text + (
        f". Protection costs {ours - bare:+.2f} s, {ours / bare - 1:+.1%}, of a small run and "
        f"{steady['seconds'] / steady['seconds_unprotected'] - 1:+.1%} of a large one."
    )


def draw(report: dict[str, object], path: Path) -> None:
    from matplotlib.figure import Figure

    results = report["results"]
    assert isinstance(results, list)
    figure = Figure(figsize=(2 + 2.6 * len(results), 2.6), layout="constrained")
    shown: list[str] = []
    for number, result in enumerate(results):
        axes = figure.add_subplot(1, len(results), number + 1)
        timings = [timing for timing in result["timings"] if timing["images"] >= LOOP_IMAGES]
        names = [timing["name"] for timing in timings]
        colours = ["#0072b2" if name.startswith("fashionbatch") else "#999999" for name in names]
        bars = axes.barh(names, [timing["rate"] for timing in timings], color=colours)
        axes.bar_label(bars, fmt="%.0f", padding=3)
        axes.margins(x=0.2)
        axes.invert_yaxis()
        axes.tick_params(axis="y", length=0, labelleft=names != shown)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_title(result["model"])
        axes.set_xlabel("photos a second")
        shown = names
    figure.savefig(path, dpi=200)


if __name__ == "__main__":
    main()
