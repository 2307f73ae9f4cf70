"""What was measured, as a picture: photos a second of whole runs, a panel for each network."""

from __future__ import annotations

from pathlib import Path

from .records import Kind, Results

COLOURS: dict[Kind, str] = {"ours": "#0072b2", "unprotected": "#9ecae1", "peer": "#999999"}


def draw(results: Results, path: Path) -> None:
    """Bars of every contestant, in the order of the table."""
    from matplotlib.figure import Figure

    networks = list(results.networks.values())
    longest = max(len(result.timings) for result in networks)
    figure = Figure(figsize=(4.2 * len(networks), 0.9 + 0.3 * longest), layout="constrained")
    for number, result in enumerate(networks):
        axes = figure.add_subplot(1, len(networks), number + 1)
        names = [timing.name for timing in result.timings]
        colours = [COLOURS[timing.kind] for timing in result.timings]
        bars = axes.barh(names, [timing.rate for timing in result.timings], color=colours)
        axes.bar_label(bars, fmt="{:,.0f}", padding=3)
        axes.margins(x=0.2)
        axes.invert_yaxis()
        axes.tick_params(axis="y", length=0)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_title(f"{result.network}, {result.timings[0].images:,} photos" if result.timings else result.network)
        axes.set_xlabel("photos a second, start-up included")
    figure.suptitle(str(results.machine), fontsize="small", color="#555555")
    figure.savefig(path, dpi=160)
