"""What was measured, as Markdown."""

from __future__ import annotations

from .records import NetworkResult, Results, Timing


def as_markdown(results: Results) -> str:
    """All networks of one machine."""
    lines = [
        f"Measured on {results.machine}.",
        "",
        "Seconds are the median of whole processes, start-up included; memory is the peak of all processes together",
        "(PSS). Made by `make bench`.",
        "",
    ]
    for result in results.networks.values():
        lines += [f"### {result.network}", "", *_heading(result), "", *_table(result), "", *_sentences(result), ""]
    return "\n".join(lines).rstrip() + "\n"


def _heading(result: NetworkResult) -> list[str]:
    versions = ", ".join(f"{name} {version}" for name, version in result.versions.items())
    runs = f"{result.runs} run{'s' * (result.runs != 1)} of each"
    slow = [timing.name for timing in result.timings if len(timing.seconds) < result.runs]
    if slow:
        runs += f", one of {' and '.join(slow)}"
    return [f"On {result.date}, {runs}; {result.photos}; {versions}.", "", f"    {result.command}"]


def _table(result: NetworkResult) -> list[str]:
    lines = ["| | photos | seconds | photos/s | times Keras | peak MiB | of Keras's |", "|---|--:|--:|--:|--:|--:|--:|"]
    return lines + [_row(result, timing) for timing in result.timings]


def _row(result: NetworkResult, timing: Timing) -> str:
    times, share = result.times_keras(timing), result.share_of_keras_memory(timing)
    cells = [
        timing.name,
        f"{timing.images:,}",
        f"{timing.median:.2f}",
        f"{timing.rate:,.0f}",
        f"{times:.2f}" if times is not None else "",
        f"{timing.peak_mib:,.0f}" if timing.peak_mib else "",
        f"{share:.2f}" if share is not None else "",
    ]
    return f"| {' | '.join(cells)} |"


def _sentences(result: NetworkResult) -> list[str]:
    lines = []
    against = result.auto_against_best()
    if result.auto and against is not None:
        lines.append(
            f"- `auto` took {result.auto}. Its seconds were {against:.2f} of those of the fastest precision "
            f"that it may take ({' or '.join(result.allowed)})."
        )
    for precision, floor in result.floor.items():
        text = (
            f"- Floor in {precision}: decoding alone {floor.decoding:,.0f} photos/s, the network alone "
            f"{floor.network:,.0f}, both on the same cores {floor.together:,.0f}"
        )
        steady = result.steady.get(precision)
        if steady:
            text += (
                f"; from {steady.few:,} to {steady.many:,} photos `classify` did {steady.rate:,.0f}, "
                f"{result.share_of_floor(precision):.2f} of it"
            )
        lines.append(text + ".")
    for timing in result.timings:
        bare = result.timing(timing.name.replace("fashionbatch", "without protection"))
        if timing.kind == "ours" and bare and bare is not timing:
            lines.append(
                f"- Protection costs {timing.median - bare.median:+.2f} s, {timing.median / bare.median - 1:+.1%}, in "
                f"{timing.name.removeprefix('fashionbatch ')}."
            )
    return lines + [f"- Left out: {name}, {reason}." for name, reason in result.left_out.items()]
