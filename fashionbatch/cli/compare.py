"""`fashionbatch compare`: what changed between two label tables."""

from __future__ import annotations

import click

from fashionbatch.cli.console.fractions import Fraction
from fashionbatch.cli.console.locations import LocationType
from fashionbatch.cli.console.progress import TEXT_IS_THE_RESULT, quiet_option
from fashionbatch.cli.console.tables import counted, encoding_option, format_table, printable
from fashionbatch.progress import on_standard_error
from fashionbatch.stores.address import Location

_TABLE = LocationType()
_SHOWN = 15
SHIFT_EXIT_CODE = 5


@click.command("compare")
@click.argument("old", type=_TABLE)
@click.argument("new", type=_TABLE)
@click.option("--truth", type=_TABLE, metavar="TABLE", help="The right labels, with columns filepath and label.")
@click.option(
    "--truth-as-text",
    is_flag=True,
    help="Take right labels for those of the tables that are only written otherwise: 1.0 for 1, Dress for dress.",
)
@encoding_option
@click.option("--max-shift", type=Fraction(), help="Exit with 5 if a label's share shifts by more.")
@quiet_option(TEXT_IS_THE_RESULT)
def command(
    *,
    old: Location,
    new: Location,
    truth: Location | None,
    truth_as_text: bool,
    encoding: str,
    max_shift: float | None,
    quiet: bool,
) -> int:
    """Compare two label tables: changed labels, shifted shares, accuracy.

    OLD and NEW are tables that `classify` wrote, or other ones with the columns filepath and label or labels; each may
    be an address such as s3://bucket/labels.csv. Shares are of the files that have a label.
    """
    from fashionbatch.api.tables import compare

    found = compare(
        old,
        new,
        truth=truth,
        truth_as_text=truth_as_text,
        encoding=encoding,
        progress=on_standard_error(quiet=quiet),
    )
    for note in found.notes:
        click.echo(f"note: {printable(note)}", err=True)
    only = f"{found.only_old:,} in the old table only, {found.only_new:,} in the new one"
    click.echo(f"{counted(found.both, 'file')} in both, {only}")
    share = found.changed / found.both if found.both else 0.0
    click.echo(f"{counted(found.changed, 'label')} changed ({share:.2%})")
    for (was, is_now), files in list(found.changes.items())[:_SHOWN]:
        click.echo(f"  {files:,}  {printable(was) or '(none)'} -> {printable(is_now) or '(none)'}")
    rows = [
        [label, f"{before:.2%}", f"{after:.2%}", f"{after - before:+.2%}"]
        for label, (before, after) in sorted(found.shares.items(), key=lambda item: -abs(item[1][1] - item[1][0]))
    ]
    for line in format_table(["label", "old", "new", "shift"], rows[:_SHOWN]):
        click.echo(line)
    if len(rows) > _SHOWN:
        click.echo(f"and {counted(len(rows) - _SHOWN, 'label')} that shifted less")
    if found.accuracy is not None:
        before, after = found.accuracy
        click.echo(
            f"accuracy on {counted(found.truths, 'file')}: {before:.2%} old, {after:.2%} new, {after - before:+.2%}"
        )
    label, shift = found.largest_shift
    if max_shift is not None and shift > max_shift:
        click.echo(f"the share of {printable(label)} shifted by {shift:.2%}, more than {max_shift:.2%}", err=True)
        return SHIFT_EXIT_CODE
    return 0
