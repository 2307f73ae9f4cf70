"""How labeling fares where every file takes a while to open, as on a network share, with few and with many workers.

    python benchmarks/slow_disk.py PHOTOS --bundle BUNDLE [--ms 20] [--workers 2 4 8 16 32] [--before SOURCE]

PHOTOS is shown a second time by `slow_folder.py`, which needs root and /dev/fuse. In turns, medians of `--runs`: whole
runs of `classify` over the folder itself and over the slow one, by number of workers. `--before` is another checkout of
this package to compare with. Memory is measured in a run of its own. Prints Markdown.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from slow_folder import unmount
from speed.machine import this_machine
from speed.processes import Measured, fashionbatch, measure

HERE = Path(__file__).parent


def main() -> None:
    options = parse_options()
    count = sum(path.is_file() for path in options.photos.rglob("*"))
    print(
        f"Measured on {datetime.date.today().isoformat()}: {this_machine()}; {count:,} files, {options.ms:g} ms to open"
    )
    print(f"each, medians of {options.runs} whole runs in turns, peak memory of all processes together (PSS).\n")
    print(f"    python benchmarks/slow_disk.py PHOTOS --bundle BUNDLE --ms {options.ms:g} --runs {options.runs}\n")
    with (
        tempfile.TemporaryDirectory(prefix="fashionbatch-bench-") as scratch,
        slow(options.photos, options.ms, Path(scratch, "slow")) as folder,
    ):
        contestants = contestants_of(options, folder)
        taken: dict[str, list[Measured]] = {name: [] for name in contestants}
        for _ in range(options.runs):
            for name, (source, asked) in contestants.items():
                taken[name].append(labeled(source, asked, Path(scratch), options))
        peaks = {
            name: labeled(source, asked, Path(scratch), options, is_watched=True).peak_mib
            for name, (source, asked) in contestants.items()
        }
    print("| | seconds | photos/s | CPU seconds | peak MiB |\n|---|--:|--:|--:|--:|")
    for name, runs in taken.items():
        seconds = statistics.median(run.seconds for run in runs)
        used = statistics.median(run.cpu_seconds for run in runs)
        print(f"| {name} | {seconds:.2f} | {count / seconds:.0f} | {used:.2f} | {peaks[name]:.0f} |")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, metavar="PHOTOS")
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--ms", type=float, default=20, help="milliseconds that every open takes")
    parser.add_argument("--workers", type=int, nargs="+", default=[4, 8, 16, 32], help="beside the default, one a core")
    parser.add_argument("--before", type=Path, metavar="SOURCE", help="another checkout, measured too")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--prefix", nargs="+", default=[], metavar="COMMAND", help="what runs each timed command")
    return parser.parse_args()


def contestants_of(options: argparse.Namespace, slow_folder: Path) -> dict[str, tuple[Path, list[object]]]:
    """By name: the checkout that labels, and the folder and options that it is given."""
    here, found = HERE.parent, {}
    checkouts = {"": here} | ({"before, ": options.before} if options.before else {})
    for prefix, source in checkouts.items():
        found[f"{prefix}fast disk"] = (source, [options.photos])
        found[f"{prefix}slow disk"] = (source, [slow_folder])
        for workers in options.workers:
            found[f"{prefix}slow disk, -j {workers}"] = (source, [slow_folder, "-j", workers])
    return found


def labeled(
    source: Path, asked: list[object], scratch: Path, options: argparse.Namespace, *, is_watched: bool = False
) -> Measured:
    """What one run of `classify` takes."""
    table = scratch / "labels.csv"
    command = fashionbatch("classify", *asked, "-b", options.bundle, "-o", table, "--overwrite", "--quiet")
    checkout = ["env", f"PYTHONPATH={source}{os.pathsep}{source / 'plugins'}"]
    if is_watched:
        return measure([*checkout, *command], kind="memory")
    return measure([*checkout, *command], prefix=options.prefix)


@contextlib.contextmanager
def slow(folder: Path, milliseconds: float, place: Path) -> Iterator[Path]:
    """The folder, as slow as that, at another place."""
    place.mkdir()
    server = subprocess.Popen(
        [sys.executable, str(HERE / "slow_folder.py"), str(folder), str(place), f"--ms={milliseconds}"]
    )
    try:
        while not os.path.ismount(place):
            if server.poll() is not None:
                sys.exit("the slow folder cannot be mounted")
            time.sleep(0.05)
        yield place
    finally:
        unmount(place)
        server.wait()


if __name__ == "__main__":
    main()
