"""How fast folders are labeled, measured in one run: ours in each precision, what others would use, and the floor.

    python benchmarks/classify.py                        # a few networks and photos that it makes; about 10 minutes
    python benchmarks/classify.py --full --photos DIR    # everything

Every figure is of a whole process, start-up included: the median of `--runs` runs, taken in turns so that a drift of
the machine meets all alike. The steady rate is the difference of two sizes, which leaves start-up out. The results are
kept by CPU: results.json, results.md and results.png; a later run replaces the networks that it measured.
"""

from __future__ import annotations

import argparse
import compileall
import contextlib
import importlib.util
import tempfile
from collections.abc import Iterator
from pathlib import Path

from speed.machine import Machine, this_machine
from speed.measuring import measure_network
from speed.networks import NETWORKS
from speed.options import parse_options
from speed.plot import draw
from speed.records import read_results
from speed.table import as_markdown

HERE = Path(__file__).resolve().parent


def main() -> None:
    machine = this_machine()
    options = parse_options(__doc__, HERE / "results" / machine.slug)
    compile_bytecode()
    if not options.tables:
        print(beginning(options, machine), flush=True)
    results = read_results(options.output / "results.json", machine)
    with work_folder(options.work) as work:
        for name in () if options.tables else options.networks:
            results.networks[name] = measure_network(NETWORKS[name], options, work)
            # A network at a time, so that a run that is stopped keeps what it has.
            results.keep(options.output / "results.json")
    (options.output / "results.md").write_text(as_markdown(results))
    draw(results, options.output / "results.png")
    print(as_markdown(results))


def compile_bytecode() -> None:
    """As an installed wheel has it: a checkout may have none where `PYTHONDONTWRITEBYTECODE` is set."""
    for package in ("fashionbatch", "fashionbatch_plugins"):
        found = importlib.util.find_spec(package)
        assert found is not None
        for folder in found.submodule_search_locations or ():
            compileall.compile_dir(folder, quiet=2)


def beginning(options: argparse.Namespace, machine: Machine) -> str:
    """What is about to be measured, and how to have it otherwise."""
    sizes = " and ".join(f"{size:,}" for size in (options.small, options.large) if size)
    photos = "photos" if options.photos else "photos that it makes itself (--photos DIR takes yours)"
    return (
        f"Measuring {' and '.join(options.networks)} on {machine}.\n"
        f"Folders of {sizes} {photos}. On two cores this takes about 10 minutes unless told otherwise, and some hours\n"
        f"with --full. Nothing else should run meanwhile. Results go to {options.output}; --help lists all options."
    )


@contextlib.contextmanager
def work_folder(given: Path | None) -> Iterator[Path]:
    """The folder that was named, or a temporary one."""
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="fashionbatch-bench-") as scratch:
        yield Path(scratch)


if __name__ == "__main__":
    main()
