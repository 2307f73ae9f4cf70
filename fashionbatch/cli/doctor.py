"""`fashionbatch doctor`: what this installation and this machine offer, and what is wrong with them."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from fashionbatch.cli.console.tables import pad, printable
from fashionbatch.cli.console.terminal import echo_styled
from fashionbatch.display_width import display_width

if TYPE_CHECKING:
    from fashionbatch.diagnosis import Finding, State

_MARKS: dict[State, tuple[str, str | None]] = {"ok": (" ", None), "absent": ("-", "yellow"), "broken": ("!", "red")}


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(*, as_json: bool) -> int:
    """Say what this installation and this machine offer, and what is wrong.

    What is marked with - can be done without; what is marked with ! keeps photos from being labeled or networks from
    being trained, and the exit code is 1.
    """
    from fashionbatch.diagnosis import broken, diagnose
    from fashionbatch.installation import is_whole

    sections = diagnose()
    problems = broken(sections)
    if as_json:
        found = {title: [asdict(finding) for finding in findings] for title, findings in sections.items()}
        click.echo(json.dumps({"ok": not problems, "sections": found}, indent=2, ensure_ascii=False))
        return 1 if problems else 0
    width = max(display_width(finding.subject) for findings in sections.values() for finding in findings)
    for title, findings in sections.items():
        echo_styled(title, bold=True)
        for finding in findings:
            _show(finding, width)
    click.echo()
    if problems:
        echo_styled(f"broken: {', '.join(printable(finding.subject) for finding in problems)}", fg="red", bold=True)
        return 1
    click.echo("ready: photos can be labeled and networks trained" if is_whole() else "ready: photos can be labeled")
    return 0


def _show(finding: Finding, width: int) -> None:
    mark, colour = _MARKS[finding.state]
    line = f"{mark} {pad(printable(finding.subject), width)}  {printable(finding.value)}"
    echo_styled(line, fg=colour)
    if finding.hint is not None:
        click.echo(f"  {' ' * width}  hint: {finding.hint}")
