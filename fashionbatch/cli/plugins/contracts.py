"""`fashionbatch plugins check`: the contract suite over a plugin, as a table."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from fashionbatch.cli.console.tables import format_table, printable
from fashionbatch.cli.console.terminal import echo_styled
from fashionbatch.errors import PluginError, UnknownNameError
from fashionbatch.names import suggestion
from fashionbatch.plugins import find_plugins
from fashionbatch.progress import OpenBar, no_bar
from fashionbatch.registry import normalised
from fashionbatch.testing.isolation import isolated_verdicts
from fashionbatch.testing.project import Project, found, read_project
from fashionbatch.testing.verdicts import Verdict

_COLOURS = {"pass": "green", "fail": "red", "skip": "yellow"}
_WORDS = {"pass": "pass", "fail": "FAIL", "skip": "not checked"}


def check_plugin(
    target: str, examples: Mapping[str, Mapping[str, Any]], *, time_limit: float, bar: OpenBar = no_bar
) -> list[Verdict]:
    """Check a plugin.

    Args:
        target: the path of a file or folder, or the name of an installed distribution.
        examples: parameters by `kind/name`.
        time_limit: seconds that a check may take.
        bar: shows how many promises are checked.

    Raises:
        PluginError: the path holds no plugin.
        UnknownNameError: no such path, and no such distribution.
    """
    path = Path(target)
    if path.exists():
        project = read_project(path)
        with found(project):
            return _checked(project.name, examples, project, time_limit, bar)
    _require_distribution(target)
    return _checked(target, examples, None, time_limit, bar)


def parse_examples(texts: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Examples as they are written on the command line: `KIND/NAME={"key": value}`.

    Raises:
        PluginError: one is not written like that.
    """
    examples = {}
    for text in texts:
        key, _, written = text.partition("=")
        try:
            values = json.loads(written)
        except ValueError:
            values = None
        if "/" not in key or not isinstance(values, dict):
            raise PluginError(
                f"--example {text!r} is not KIND/NAME=JSON",
                hint="""write --example 'dataset/shoes={"path": "photos"}'""",
            )
        examples[key] = values
    return examples


def print_verdicts(verdicts: Sequence[Verdict]) -> None:
    """A line a promise, under a broken one how to mend it, and a count at the end."""
    rows = [
        (
            verdict.component,
            verdict.contract.replace("_", " "),
            f"{verdict.seconds:.1f}",
            _WORDS[verdict.verdict] + (f": {verdict.reason}" if verdict.reason else ""),
        )
        for verdict in verdicts
    ]
    title, *lines = format_table(("component", "contract", "seconds", "verdict"), rows)
    echo_styled(title, bold=True)
    for line, verdict in zip(lines, verdicts, strict=True):
        echo_styled(line, fg=_COLOURS[verdict.verdict] if verdict.verdict != "pass" else None)
        if verdict.remedy:
            click.echo(f"    mend it: {printable(verdict.remedy)}")
    counts = {name: sum(verdict.verdict == name for verdict in verdicts) for name in _WORDS}
    skipped = f", {counts['skip']} could not be checked here" if counts["skip"] else ""
    click.echo(f"\n{counts['pass']} of {len(verdicts)} promises are kept, {counts['fail']} are broken{skipped}.")


def print_json(target: str, verdicts: Sequence[Verdict]) -> None:
    """The same for scripts."""
    data = {
        "target": target,
        "failed": sum(verdict.verdict == "fail" for verdict in verdicts),
        "checks": [{**dataclasses.asdict(verdict), "seconds": round(verdict.seconds, 3)} for verdict in verdicts],
    }
    click.echo(json.dumps(data, indent=2, ensure_ascii=False))


def _checked(
    distribution: str,
    examples: Mapping[str, Mapping[str, Any]],
    project: Project | None,
    time_limit: float,
    bar: OpenBar,
) -> list[Verdict]:
    verdicts: list[Verdict] = []
    base = project.base if project is not None else None
    with bar("checking the plugin", None, "promise") as advance:
        for verdict in isolated_verdicts(distribution, examples=examples, base=base, time_limit=time_limit):
            verdicts.append(verdict)
            advance(len(verdicts))
    return verdicts


def _require_distribution(name: str) -> None:
    known = {plugin.provider.distribution for plugin in find_plugins()}
    if normalised(name) in known:
        return
    meant = suggestion(normalised(name), known, otherwise="")
    raise UnknownNameError(
        f"{name!r} is no path, and no installed distribution with plugins{meant}",
        hint=f"there are: {', '.join(sorted(known))}",
    )
