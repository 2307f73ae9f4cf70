"""Measures one network: every contestant in turns, the steady rate, the floor."""

from __future__ import annotations

import argparse
import datetime
import json
import statistics
import sys
from importlib import metadata
from pathlib import Path

from fashionbatch.bundle.graph.gate import judge
from fashionbatch.bundle.open import open_bundle

from .contestants import Contestant, contestants_of
from .networks import CALIBRATION_PHOTOS, SMALL_CNN, Network, Subject, prepare
from .photos import in_words, linked, made_photos, own_photos, sample_pictures
from .processes import measure, run
from .records import Floor, NetworkResult, Steady, Timing

FLOOR = Path(__file__).with_name("floor_probe.py")
VERSIONS = ("fashionbatch", "openvino", "nncf", "keras", "tensorflow", "pillow")


def measure_network(network: Network, options: argparse.Namespace, work: Path) -> NetworkResult:
    """Everything about one network; each figure is told as it comes."""
    photos, described = photos_for(network, options, work)
    folder = linked(photos, options.small, work / f"{network.file_name}-{options.small}")
    calibration = linked(photos, min(CALIBRATION_PHOTOS, len(photos)), work / f"{network.file_name}-calibration")
    subject = prepare(network, quantize_data(network, calibration, options), options.weights, work)
    field = contestants_of(
        subject,
        precisions=options.precisions,
        groups=options.contestants,
        peer_python=options.peer_python,
        photos=calibration,
        work=work,
    )
    for name, reason in field.left_out.items():
        print(f"  without {name}: {reason}", flush=True)
    table = work / "labels.csv"
    result = NetworkResult(
        network=network.name,
        date=datetime.date.today().isoformat(),
        command=options.told,
        runs=options.runs,
        photos=described,
        versions=versions_here(),
        left_out=field.left_out,
    )
    result.auto = settle_auto(field.contestants, folder, table)
    result.allowed = allowed_precisions(subject)
    result.timings = timed_in_turns(field.contestants, folder, table, options)
    # `auto` is as fast as the precision that it takes.
    precise = [one for one in field.contestants if one.kind == "ours" and one.precision in subject.graphs]
    if options.large:
        large = linked(photos, options.large, work / f"{network.file_name}-{options.large}")
        for contestant in precise:
            timing = result.timing(contestant.name)
            assert timing is not None
            result.steady[contestant.precision] = steady_rate(contestant, large, table, timing, options)
    for contestant in precise:
        result.floor[contestant.precision] = floor(subject, contestant.precision, folder, options)
    return result


def quantize_data(network: Network, calibration: Path, options: argparse.Namespace) -> Path | None:
    """What the int8 graph is made and judged by; None where no run asks for it."""
    if {"int8", "auto"}.isdisjoint(options.precisions):
        return None
    return options.quantize_data if network.name == "MobileNetV2" and options.quantize_data else calibration


def photos_for(network: Network, options: argparse.Namespace, work: Path) -> tuple[list[Path], str]:
    """Different photos, no more than a run needs, and what they are in words."""
    if network.name == SMALL_CNN:
        return sample_pictures(work / "pictures"), "pictures of Fashion-MNIST, 28 x 28 pixels (PNG)"
    if options.photos:
        photos = own_photos(options.photos, options.small)
        return photos, in_words(photos)
    made = made_photos(work / "photos")
    return made, f"made {in_words(made)}"


def timed_in_turns(
    contestants: list[Contestant], folder: Path, table: Path, options: argparse.Namespace
) -> list[Timing]:
    """Each contestant `--runs` times, in turns, so that a drift of the machine meets all alike; slow ones once."""
    timings = {}
    for contestant in contestants:
        images = min(options.small, contestant.limit or options.small)
        # This run is the first one: it brings what the timed ones read into the page cache.
        watched = measure(contestant.command(folder, table), kind="memory")
        timings[contestant.name] = Timing(
            name=contestant.name, kind=contestant.kind, images=images, peak_mib=watched.peak_mib
        )
        print(f"  {contestant.name}: peak {watched.peak_mib:.0f} MiB", flush=True)
    for turn in range(options.runs):
        for contestant in contestants:
            if contestant.is_slow and turn:
                continue
            took = measure(contestant.command(folder, table), prefix=options.prefix)
            timings[contestant.name].seconds.append(round(took.seconds, 3))
            timings[contestant.name].cpu_seconds.append(round(took.cpu_seconds, 2))
            print(f"  {contestant.name}, run {turn + 1}: {took.seconds:.2f} s", flush=True)
    return list(timings.values())


def settle_auto(contestants: list[Contestant], folder: Path, table: Path) -> str:
    """Let `auto` time the precisions, as the first large job does; what it took and why, "" where it takes no part."""
    for contestant in contestants:
        if contestant.precision == "auto":
            run([*contestant.command(folder, table), "--measure"])
            sidecar = json.loads(table.with_name(f"{table.name}.meta.json").read_text())
            reason = sidecar["precision_choices"][0]["reason"] if sidecar.get("precision_choices") else "the only one"
            return f"{sidecar['compute']['precision'][0]}: {reason}"
    return ""


def allowed_precisions(subject: Subject) -> list[str]:
    """Those that `auto` may take of the bundle."""
    parity = open_bundle(subject.bundle).manifest.precision_parity
    others = [precision for precision in parity if precision != "float32"]
    return ["float32", *(precision for precision in others if judge(precision, parity).allowed)]


def steady_rate(contestant: Contestant, large: Path, table: Path, few: Timing, options: argparse.Namespace) -> Steady:
    """What each further photo takes, from the runs over the small folder and some over the large one."""
    seconds = []
    for turn in range(options.large_runs):
        seconds.append(measure(contestant.command(large, table), prefix=options.prefix).seconds)
        print(f"  {contestant.name}, {options.large:,} photos, run {turn + 1}: {seconds[-1]:.2f} s", flush=True)
    return Steady(
        few=few.images,
        many=options.large,
        few_seconds=few.median,
        many_seconds=round(statistics.median(seconds), 3),
    )


def floor(subject: Subject, precision: str, folder: Path, options: argparse.Namespace) -> Floor:
    """Decoding alone and the network alone, medians of `--runs`."""
    network = subject.network
    shape = [network.size, network.size, network.channels]
    command = [sys.executable, FLOOR, folder, subject.graphs[precision], precision, *shape]
    found = [
        Floor.model_validate_json(measure([*map(str, command)], prefix=options.prefix).output)
        for _ in range(options.runs)
    ]
    result = Floor(
        decoding=round(statistics.median(one.decoding for one in found), 1),
        network=round(statistics.median(one.network for one in found), 1),
    )
    print(
        f"  floor, {precision}: decoding {result.decoding:.0f}, network {result.network:.0f}, "
        f"together {result.together:.0f} images/s",
        flush=True,
    )
    return result


def versions_here() -> dict[str, str]:
    """Of the packages that took part and are installed here."""
    found = {}
    for name in VERSIONS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
