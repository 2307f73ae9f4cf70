"""`fashionbatch summarize`: what is in a label table."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fashionbatch.cli.console.locations import HerePath, LocationType
from fashionbatch.cli.console.progress import TEXT_IS_THE_RESULT, quiet_option
from fashionbatch.cli.console.tables import counted, encoding_option, format_table, printable
from fashionbatch.progress import duration, on_standard_error
from fashionbatch.stores.address import Location

if TYPE_CHECKING:
    from fashionbatch.labels.summary.figures import ColumnSummary, Confidence, FolderCounts, MadeBy, TableSummary

_SHOWN_ERRORS = 5
_SHOWN_LABELS = 20
_SHOWN_FOLDERS = 20
_NAME_WIDTH = 24
_ERROR_WIDTH = 66


@click.command("summarize")
@click.argument("table", type=LocationType())
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with all labels and folders.")
@click.option(
    "--picture",
    type=HerePath(path_type=Path),
    metavar="FILE",
    help="Draw labels and confidence into this .png, .jpg, .pdf or .svg file.",
)
@click.option(
    "--depth",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="Count files by this many folders of their paths; 0 for none.",
)
@click.option(
    "--least",
    type=click.IntRange(min=0, max=100_000),
    default=10,
    show_default=True,
    help="Name this many of the least sure rows.",
)
@encoding_option
@click.option("--overwrite", is_flag=True, help="Replace a picture that is there.")
@quiet_option(TEXT_IS_THE_RESULT)
def command(
    *,
    table: Location,
    as_json: bool,
    picture: Path | None,
    depth: int,
    least: int,
    encoding: str,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Say what is in a label table: statuses, labels, confidence, folders.

    TABLE is one that `classify` wrote, or another one with the columns filepath and label or labels; it may be an
    address such as s3://bucket/labels.parquet. Shares are of the rows that have a label.
    """
    from fashionbatch.labels.summary.run import summarize_table

    if picture is not None:
        from fashionbatch.pictures.drawing.files import check_picture_path

        check_picture_path(picture, overwrite=overwrite)
    reporter = on_standard_error(quiet=quiet)
    found = summarize_table(table, depth=depth, least=least, encoding=encoding, reporter=reporter)
    if picture is not None:
        from fashionbatch.pictures.summaries import draw_summary

        draw_summary(found, picture)
    if as_json:
        # ASCII, in which names of files of any bytes can be written.
        click.echo(json.dumps(found.as_json(), indent=1))
        return
    for note in found.notes:
        click.echo(f"note: {printable(note)}", err=True)
    for line in _lines(found):
        click.echo(line)
    if picture is not None:
        click.echo(f"\npicture: {printable(str(picture))}")


def _lines(found: TableSummary) -> Iterator[str]:
    yield f"{printable(str(found.table))}: {counted(found.rows, 'row')}"
    if found.made_by is not None:
        yield from _made_by(found.made_by)
    if found.status:
        yield ""
        rows = [
            [status or "(none)", f"{count:,}", f"{count / found.rows:.2%}"] for status, count in found.status.items()
        ]
        yield from format_table(["status", "rows", "share"], rows)
        if found.noted:
            yield f"{counted(found.noted, 'row')} of status ok with a note"
    if found.errors:
        yield from _errors(found.errors, found.other_errors)
    for column in found.columns:
        yield ""
        yield from _labels(column, has_status=bool(found.status))
    # One folder, or none, says nothing that the line of all rows does not say.
    if len(found.folders) > 1:
        yield ""
        yield from _folders(found.folders, found.other_folders)


def _made_by(made_by: MadeBy) -> Iterator[str]:
    bundles = ", ".join(f"{name} ({digest[:12]})" for name, digest in made_by.bundles.items())
    yield f"  bundle: {printable(bundles)}, {', '.join(made_by.precision)}"
    yield f"  folder: {printable(made_by.folder)}"
    took = f", {duration(made_by.seconds)}" if made_by.seconds is not None else ""
    yield f"  made: {printable(made_by.finished)} by FashionBatch {printable(made_by.version)}{took}"
    if made_by.is_unchanged:
        yield "  the table is as it was written: its digest is that of the sidecar"
    else:
        yield "  the table was changed since: its digest is not that of the sidecar"


def _errors(errors: Mapping[str, int], others: int) -> Iterator[str]:
    from fashionbatch.pictures.drawing.words import shortened

    yield ""
    shown = list(errors.items())[:_SHOWN_ERRORS]
    rows = [[f"{count:,}", shortened(printable(error), _ERROR_WIDTH) or "(nothing said)"] for error, count in shown]
    yield from format_table(["rows", "what went wrong (numbers as N)"], rows)
    left = sum(errors.values()) + others - sum(count for _, count in shown)
    if left:
        yield f"and {counted(left, 'row')} with other messages"


def _labels(column: ColumnSummary, *, has_status: bool) -> Iterator[str]:
    from fashionbatch.pictures.drawing.words import told_apart

    # Who has made a table without statuses may have left a label out for other reasons.
    why = "below the threshold" if has_status else "without one"
    unlabeled = f", {column.unlabeled:,} {why}" if column.unlabeled else ""
    quantiles = "; quantiles of probability" if column.confidence is not None else ""
    yield f"{printable(column.column)}: {counted(column.labeled, 'row')} with a label{unlabeled}{quantiles}"
    shown = column.labels[:_SHOWN_LABELS]
    names = told_apart([printable(one.label) for one in shown], _NAME_WIDTH)
    has_confidence = column.confidence is not None
    rows = [
        [name, f"{one.rows:,}", f"{one.share:.2%}", *(_quantiles(one.confidence) if has_confidence else ())]
        for name, one in zip(names, shown, strict=True)
    ]
    if has_confidence and len(column.labels) > 1:
        rows.append(["all", f"{column.labeled:,}", "", *_quantiles(column.confidence)])
    if not rows:
        return
    head = ["label", "rows", "share", *(("5%", "25%", "median", "75%", "95%") if has_confidence else ())]
    yield from format_table(head, rows)
    if len(column.labels) > len(shown):
        yield f"and {counted(len(column.labels) - len(shown), 'label')} with fewer rows (--json has all)"
    if column.least_sure:
        yield ""
        rows = [
            [f"{one.prob:.4g}", told_apart([printable(one.label)], _NAME_WIDTH)[0], one.filepath]
            for one in column.least_sure
        ]
        yield from format_table(["prob", "label", "least sure"], rows)


def _quantiles(confidence: Confidence | None) -> list[str]:
    if confidence is None:
        return [""] * 5
    found = (confidence.p05, confidence.p25, confidence.p50, confidence.p75, confidence.p95)
    return [f"{value:.3f}" for value in found]


def _folders(folders: Sequence[FolderCounts], others: int) -> Iterator[str]:
    from fashionbatch.pictures.drawing.words import shortened

    rows = [
        [
            f"{one.rows:,}",
            f"{one.not_ok:,}",
            shortened(printable(one.label), _NAME_WIDTH),
            f"{one.label_rows / one.labeled:.1%}" if one.labeled else "",
            "" if one.mean_confidence is None else f"{one.mean_confidence:.3f}",
            one.folder or "(none)",
        ]
        for one in folders[:_SHOWN_FOLDERS]
    ]
    yield from format_table(["rows", "not ok", "commonest label", "share", "mean", "folder"], rows)
    left = folders[_SHOWN_FOLDERS:]
    if left or others:
        more = sum(one.rows for one in left) + others
        known = f"{counted(len(left), 'folder')}" if not others else f"more than {counted(len(left), 'folder')}"
        yield f"and {known} with {counted(more, 'row')}{' (--json has them)' if left else ''}"
