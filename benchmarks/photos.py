"""Labeling speed on large photos of several kinds, against the floor of decoding, measured in one run.

    python benchmarks/make_photos.py PHOTOS
    python benchmarks/photos.py PHOTOS --bundle BUNDLE [--prefix COMMAND]

Of each folder in PHOTOS, in turns, medians of `--runs`: decoding alone by Pillow (the floor) and by decode workers, in
photos a second and in CPU time; whole runs of `classify` over `--small` and `--large` files, whose difference is the
steady rate, against the floors of decoding and of the network together. `--prefix` is a command that runs each
measured command, such as `nice`. Prints Markdown.
"""

from __future__ import annotations

import argparse
import datetime
import json
import statistics
import sys
import tempfile
from pathlib import Path

from PIL import Image
from speed.machine import this_machine
from speed.photos import linked
from speed.processes import fashionbatch, measure

PROBES = Path(__file__).parent / "speed"
NETWORK = (
    "import sys; sys.path.insert(0, sys.argv[1]); from speed.floor_probe import network_rate; "
    "print(network_rate(sys.argv[2], 'float32', (8, *map(int, sys.argv[3:5]), 3)))"
)


def main() -> None:
    options = parse_options()
    kinds = sorted(folder for folder in options.photos.iterdir() if folder.is_dir())
    manifest = json.loads((options.bundle / "bundle.json").read_text())
    size = [str(side) for side in manifest["image"]["size"]]
    print(
        f"Measured on {datetime.date.today().isoformat()}: {this_machine()}; medians of {options.runs} runs in turns.\n"
    )
    told = f"--small {options.small} --large {options.large} --runs {options.runs}"
    print(f"    python benchmarks/photos.py PHOTOS --bundle BUNDLE {told}\n")
    print("| photos | megapixels | kB | floor, photos/s | ours | of the floor | by CPU time | `classify` | of floors |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|")
    for kind in kinds:
        print(measure_kind(kind, size, options), flush=True)


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, metavar="PHOTOS", help="a folder with a folder for each kind")
    parser.add_argument("--bundle", type=Path, required=True, help="what `classify` labels with")
    parser.add_argument("--small", type=int, default=40, help="files of the smaller run of classify")
    parser.add_argument("--large", type=int, default=240, help="files of the larger one; 0: decoding alone is measured")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--prefix", nargs="+", default=[], metavar="COMMAND", help="what runs each measured command")
    return parser.parse_args()


def measure_kind(kind: Path, size: list[str], options: argparse.Namespace) -> str:
    """One row of the table."""
    photos = sorted(kind.iterdir())
    decoding = {
        name: [sys.executable, str(PROBES / "decoding_probe.py"), name, str(kind), *size] for name in ("floor", "ours")
    }
    found: dict[str, list[dict[str, float]]] = {name: [] for name in decoding}
    for _ in range(options.runs):
        for name, command in decoding.items():
            found[name].append(json.loads(measure(command, prefix=options.prefix).output))
    rate = {name: statistics.median(run["rate"] for run in runs) for name, runs in found.items()}
    cpu_ms = {name: statistics.median(run["cpu_ms"] for run in runs) for name, runs in found.items()}
    whole = measure_whole(photos, rate["floor"], size, options) if options.large else ["", ""]
    with Image.open(photos[0]) as first:
        megapixels = first.width * first.height / 1e6
    mean_kb = statistics.mean(photo.stat().st_size for photo in photos) / 1000
    cells = [kind.name, f"{megapixels:.0f}", f"{mean_kb:,.0f}", f"{rate['floor']:.1f}", f"{rate['ours']:.1f}"]
    cells += [f"{rate['ours'] / rate['floor']:.2f}", f"{cpu_ms['floor'] / cpu_ms['ours']:.2f}", *whole]
    return f"| {' | '.join(cells)} |"


def measure_whole(photos: list[Path], decoding: float, size: list[str], options: argparse.Namespace) -> list[str]:
    """The steady rate of `classify`, and its share of what the floors of decoding and network allow together."""
    with tempfile.TemporaryDirectory(prefix="fashionbatch-bench-") as scratch:
        seconds: dict[int, list[float]] = {options.small: [], options.large: []}
        network = []
        probe = [sys.executable, "-c", NETWORK, str(PROBES.parent), str(options.bundle / "model.xml"), *size]
        for _ in range(options.runs):
            for count, taken in seconds.items():
                folder = linked(photos, count, Path(scratch, str(count)))
                table = Path(scratch, "labels.csv")
                asked = ["-b", options.bundle, "-o", table, "--overwrite", "--quiet", "--precision", "float32"]
                taken.append(measure(fashionbatch("classify", folder, *asked), prefix=options.prefix).seconds)
            network.append(float(measure(probe, prefix=options.prefix).output))
    few, many = (statistics.median(taken) for taken in seconds.values())
    steady = (options.large - options.small) / (many - few)
    together = 1 / (1 / decoding + 1 / statistics.median(network))
    return [f"{steady:.1f}", f"{steady / together:.2f}"]


if __name__ == "__main__":
    main()
