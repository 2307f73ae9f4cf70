"""Which batch size and how many streams compute a bundle's network the fastest, in each precision that it holds.

    python benchmarks/settings.py BUNDLE [--rounds N] [--precision P ...] [--wall]

The network alone, with a batch of noise, through the same session as `classify`: settings take turns, and the median of
each is printed as a ratio to the default. The clock is that of `classify --measure`, the work of the cores for this
process, so that other programs change little. Numbers of streams differ in how many cores stand idle, which only the
wall's clock tells, and that only on a quiet machine: `--wall`.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fashionbatch.bundle.open import open_bundle
from fashionbatch.inference.cpu import cpu_name
from fashionbatch.inference.session import DEFAULT_BATCH_SIZE, Session, open_session, usable_cores
from fashionbatch.inference.speed import machine_clock
from fashionbatch.plugins import load_plugins

BATCH_SIZES = (1, 4, 8, 16, 32)
_TURN_S = 0.2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--wall", action="store_true")
    parser.add_argument("--precision", action="append", choices=["float32", "bfloat16", "int8"])
    asked = parser.parse_args()
    bundle = open_bundle(asked.bundle)
    registry = load_plugins({"register_runtimes"}).registry
    cores = usable_cores()
    clock = time.monotonic if asked.wall else machine_clock("cpu", cores)
    settings = [(size, cores) for size in BATCH_SIZES]
    if asked.wall:
        settings += [(DEFAULT_BATCH_SIZE, streams) for streams in sorted({1, 2 * cores} - {cores})]
    print(f"{cpu_name()}, {cores} cores; {bundle.manifest.name}, {bundle.manifest.image.shape}; images/s, ratio")
    for precision in asked.precision or ["float32"]:
        sessions = {
            setting: open_session(
                bundle, registry=registry, precision=precision, batch_size=setting[0], streams=setting[1]
            )
            for setting in settings
        }
        rates: dict[tuple[int, int], list[float]] = {setting: [] for setting in settings}
        for number in range(asked.rounds + 1):
            for setting, session in sessions.items():
                rate = images_a_second(session, clock)
                if number:  # the first turn warms up
                    rates[setting].append(rate)
        default = statistics.median(rates[DEFAULT_BATCH_SIZE, cores])
        for (size, streams), each in rates.items():
            rate = statistics.median(each)
            print(f"{precision:9} batch {size:2}, {streams} streams: {rate:8.0f}  {rate / default:.2f}")
        for session in sessions.values():
            session.close()


def images_a_second(session: Session, clock: Callable[[], float]) -> float:
    """Of one turn, with every slot of the runtime in use."""
    runtime, shape = session.runtime, session.manifest.image.shape
    batch = np.random.default_rng(0).integers(0, 256, (session.batch_size, *shape), np.uint8)
    began, done, key, under_way = clock(), 0, 0, 0
    while clock() - began < _TURN_S:
        while under_way < runtime.slots:
            runtime.submit(key, batch)
            key, under_way = key + 1, under_way + 1
        finished = len(runtime.collect(wait=True))
        done, under_way = done + finished, under_way - finished
    while under_way:
        finished = len(runtime.collect(wait=True))
        done, under_way = done + finished, under_way - finished
    return done * session.batch_size / (clock() - began)


if __name__ == "__main__":
    main()
