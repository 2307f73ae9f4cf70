"""Computes from measured figures how long a job of so many photos takes on so many cores, and draws it.

    python benchmarks/scaling.py benchmarks/results/amd-epyc-25-1-2-cores/scale/100m.json --photos 100_000_000 \
        --output docs/images/scaling.png

What labeling costs is what docs/labeling.md measures of this CPU; what lists and tables cost is of benchmarks/scale.py.
"""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path
from typing import Any

CORE_SECONDS = {
    "float32, 320 pixels": 2 / 179,
    "int8, 320 pixels": 2 / 271,
    "int8, 12 megapixels": 2 / 271 + 0.0350 - 2 / 1_302,
}
"""Of a photo with MobileNetV2, by the rate of longer runs on two cores; large photos with their own decoding."""
LIST_SECONDS = 0.1
"""A request that lists 1,000 objects: assumed, not measured."""
CORES = (2, 8, 32, 128, 512, 2048)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measured", type=Path, help="what benchmarks/scale.py has written")
    parser.add_argument("--photos", type=int, default=100_000_000)
    parser.add_argument("--output", type=Path, required=True, help="the picture")
    asked = parser.parse_args()
    once = steps_of_one_machine(json.loads(asked.measured.read_text("utf-8")), asked.photos)
    for name, seconds in CORE_SECONDS.items():
        print(f"{name}: {seconds * asked.photos / 3600:,.0f} core-hours")
    for name, seconds in once.items():
        print(f"{name}: {seconds / 60:,.1f} minutes")
    draw(once, asked.photos, asked.output)


def steps_of_one_machine(measured: dict[str, Any], photos: int) -> dict[str, float]:
    """CPU seconds of what only one machine can do, in proportion to the photos."""
    factor = photos / measured["rows"]
    steps = measured["steps"]
    return {
        "listing a bucket": photos / 1000 * LIST_SECONDS,
        "writing the list of files": steps["write_manifest"]["cpu_seconds"] * factor,
        "joining the table": steps["merge"]["cpu_seconds"] * factor,
    }


def draw(once: dict[str, float], photos: int, output: Path) -> None:
    """Hours against cores: what is shared falls, what one machine does stays."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    figure = Figure(figsize=(7.2, 4.4), layout="constrained")
    axes = figure.add_subplot()
    for name, seconds in CORE_SECONDS.items():
        axes.plot(CORES, [seconds * photos / 3600 / cores for cores in CORES], marker="o", label=f"labeling: {name}")
    for (name, seconds), line in zip(once.items(), ("--", "-.", ":"), strict=True):
        axes.axhline(seconds / 3600, color="0.35", linestyle=line, label=name)
    axes.set(xscale="log", yscale="log", xlabel="cores", ylabel="hours", title=f"{photos:,} photos")
    axes.set_xticks(CORES, [f"{cores:,}" for cores in CORES], minor=False)
    axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize=8)
    drawn = io.BytesIO()
    FigureCanvasAgg(figure).print_png(drawn)
    drawn.seek(0)
    with Image.open(drawn) as picture:
        picture.convert("RGB").quantize(128).save(output, optimize=True)


if __name__ == "__main__":
    main()
