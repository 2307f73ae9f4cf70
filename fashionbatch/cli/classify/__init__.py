"""`fashionbatch classify`: a folder of photos and a bundle -> a table, one row a file."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from fashionbatch.cli.classify.one import check_request, label_photo
from fashionbatch.cli.console.durations import Duration
from fashionbatch.cli.console.fractions import Fraction
from fashionbatch.cli.console.locations import HerePath, LocationType
from fashionbatch.cli.console.progress import FILES_ARE_THE_RESULT, LabelingReporter, quiet_option
from fashionbatch.cli.console.signals import orderly_end
from fashionbatch.cli.console.tables import counted, format_table, printable
from fashionbatch.display_width import human_size
from fashionbatch.progress import duration, rate_text
from fashionbatch.stores.address import Location, as_location

if TYPE_CHECKING:
    from fashionbatch.labeling.options import LabelOptions
    from fashionbatch.labeling.workers.launch import Launcher
    from fashionbatch.labels.sidecar import Sidecar

_PATH = HerePath(path_type=Path)
_SHOWN_LABELS = 10
_STOPPING = (
    "finishing what is in hand; a second signal leaves at once (either way, the same command goes on from there)"
)


class _Part(click.ParamType[tuple[int, int]]):
    name = "i/n"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        number, _, count = str(value).partition("/")
        if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
            self.fail(f"{value!r} is no part such as 2/8, the second of eight", param, ctx)
        return int(number), int(count)


class _Embeddings(click.ParamType[Location]):
    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Location:
        from fashionbatch.labeling.products.embeddings import ENDINGS

        path = as_location(value)
        if path.suffix.lower() not in ENDINGS:
            self.fail(f"{str(path)!r} must end in {' or '.join(ENDINGS)}", param, ctx)
        return path


@click.command("classify", context_settings={"allow_extra_args": True})
@click.argument("folder", type=LocationType(), required=False)
@click.option(
    "-b",
    "--bundle",
    "bundles",
    type=LocationType(),
    required=True,
    multiple=True,
    help="The bundle to label with. With several, columns begin with their names.",
)
@click.option("-o", "--output", type=LocationType(), help="The table to write; its ending says the format.")
@click.option(
    "--job",
    type=LocationType(),
    metavar="DIR",
    help="With an address in a store as -o: keep here what has been done; an address lets other machines take part."
    "  [default: in the cache]",
)
@click.option(
    "-j", "--workers", type=click.IntRange(1, 256), help="Processes that decode photos.  [default: one for each core]"
)
@click.option(
    "--batch-size",
    type=click.IntRange(1, 1024),
    default=8,
    show_default=True,
    help="Images that the network computes at once.",
)
@click.option(
    "--topk", type=click.IntRange(1), default=1, metavar="K", help="Add columns for the K most likely classes."
)
@click.option("--probabilities", is_flag=True, help="Add a column for the probability of each class.")
@click.option("--threshold", type=Fraction(), help="Leave the label empty below this probability.")
@click.option(
    "--format",
    "format_",
    metavar="NAME",
    help="Format of the table: csv, jsonl, parquet, xlsx, or a plugin's.  [default: by the ending of -o]",
)
@click.option(
    "--format-set", multiple=True, metavar="KEY=VALUE", help="Set a parameter of the format; may be repeated."
)
@click.option(
    "--partitioned",
    is_flag=True,
    help="Make the table a folder of parts (.parquet or .jsonl) that can be read while the run goes on; with "
    "--overwrite, old parts go when the run begins.",
)
@click.option(
    "--embeddings",
    type=_Embeddings(),
    metavar="FILE",
    help="Write the features of each photo, too, to a .npy or .parquet file.",
)
@click.option("--show", type=_PATH, metavar="PICTURE", help="Draw one photo with its labels: .png, .jpg, .pdf or .svg.")
@click.option("--all-files", is_flag=True, help="Take every file, not only those with an image extension.")
@click.option("--follow-links", is_flag=True, help="Follow links to folders; each folder is entered once.")
@click.option(
    "--hidden", is_flag=True, help="Take hidden files, too, and files that systems leave, such as thumbnails."
)
@click.option("--include", multiple=True, metavar="GLOB", help="Take only paths that match; may be repeated.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="Leave out paths that match; may be repeated.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Stop after N files.")
@click.option(
    "--files-from",
    type=LocationType(),
    metavar="FILE",
    help="Label the files that this list names, by paths or addresses, or the images that it holds (.parquet); it may "
    "be one at an address, and - is standard input.",
)
@click.option("--path-column", metavar="NAME", help="The list is a CSV or Parquet file with the paths in this column.")
@click.option("--keep", metavar="NAMES", help="Columns of the list that the table takes over, comma-separated.")
@click.option(
    "--encoding", default="auto", metavar="NAME", help="Encoding of the list, such as cp949.  [default: found out]"
)
@click.option("-0", "--null", is_flag=True, help="Paths in the list end with a NUL byte.")
@click.option(
    "--previous", type=LocationType(), metavar="TABLE", help="Reuse an earlier table's rows for unchanged files."
)
@click.option(
    "--match",
    type=click.Choice(["time", "sha256"]),
    default="time",
    show_default=True,
    help="By what --previous knows unchanged files: size and time, or a digest of the content, which is kept, too.",
)
@click.option(
    "--retry-errors", is_flag=True, help="Label again what has no label, in --previous or in the output itself."
)
@click.option(
    "--shard", "part", type=_Part(), help="Label one of N parts, as on one of N machines; `merge` joins the parts."
)
@click.option("--sort-into", type=_PATH, metavar="DIR", help="Put each file into a folder of its label.")
@click.option(
    "--link", "way", flag_value="link", default="link", help="With --sort-into: by symbolic links.  [default]"
)
@click.option("--copy", "way", flag_value="copy", help="With --sort-into: by copies.")
@click.option("--move", "way", flag_value="move", help="With --sort-into: by moving the files there.")
@click.option("--runtime", metavar="NAME", help="What computes the network.  [default: openvino]")
@click.option(
    "--runtime-set", multiple=True, metavar="KEY=VALUE", help="Set a parameter of the runtime; may be repeated."
)
@click.option("--engine", metavar="NAME", help="What runs the parts of the job.  [default: local]")
@click.option(
    "--engine-set", multiple=True, metavar="KEY=VALUE", help="Set a parameter of the engine; may be repeated."
)
@click.option(
    "--device", type=click.Choice(["cpu", "gpu"]), default="cpu", show_default=True, help="Where the network runs."
)
@click.option(
    "--precision",
    type=click.Choice(["auto", "float32", "bfloat16", "int8"]),
    default="auto",
    show_default=True,
    help="Arithmetic of the network. auto: the fastest that was shown to keep the labels in validation.",
)
@click.option("--measure", is_flag=True, help="Time the precisions on this machine again, for --precision auto.")
@click.option("--timeout", type=Duration(), default=30, show_default=True, help="Longest time to decode one file.")
@click.option(
    "--accept-truncated",
    type=Fraction(),
    metavar="SHARE",
    help="Label a JPEG or PNG that lacks up to this share of its rows, with a note.  [default: the bundle's, mostly 0]",
)
@click.option(
    "--spreadsheet-safe",
    is_flag=True,
    help="Put an apostrophe before text that looks like a formula; begin CSV with a mark by which Excel knows UTF-8.",
)
@click.option("--overwrite", is_flag=True, help="Replace the output if it exists, once the new one is complete.")
@click.option("--restart", is_flag=True, help="Discard what an earlier, unfinished run of the same output has done.")
@click.option(
    "--dry-run", is_flag=True, help="Say how many files there are and how long the run would take; write nothing."
)
@click.option("--strict", is_flag=True, help="Exit with 4 if any file could not be labeled.")
@quiet_option(FILES_ARE_THE_RESULT)
@click.pass_context
def command(
    context: click.Context,
    /,
    *,
    folder: Location | None,
    output: Location | None,
    show: Path | None,
    files_from: Location | None,
    part: tuple[int, int] | None,
    workers: int | None,
    sort_into: Path | None,
    way: Any,
    dry_run: bool,
    strict: bool,
    quiet: bool,
    **asked: Any,
) -> None:
    """Label every image in a folder: a table with one row for each file.

    The run may be stopped at any moment; the same command goes on where it stopped. FOLDER may be a single photo, or an
    address in a store such as s3://bucket/photos, or an archive: photos.tar, photos.zip, 'shard-{000000..000146}.tar'.
    With --files-from, the paths of the list are relative to FOLDER, by default the current directory. With --show, one
    photo is labeled, printed and drawn, and a table is written only if -o names one.
    """
    if context.args:
        raise click.UsageError(
            f"one folder or photo is labeled at once, and {context.args[0]!r} is one more; write the paths of several "
            "into a list for --files-from LIST, or name their folder, with --include '*.jpg' for some of it; braces "
            "that name several archives, as in 'shard-{0..9}.tar', need quotes"
        )
    if show is not None:
        check_request(context, folder, has_table=output is not None)
    elif output is None:
        raise click.UsageError("Missing option '-o' / '--output'.")
    if folder is None and files_from is None:
        raise click.UsageError("Missing argument 'FOLDER'.")
    if dry_run and part is not None:
        raise click.UsageError("--dry-run and --shard do not go together")
    # The network has threads of its own, and NumPy's would only take time and memory to make.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from fashionbatch.inference.cores import usable_cores
    from fashionbatch.labeling.workers.launch import Launcher

    # Before the imports that take long: decode workers load meanwhile.
    ahead = 0 if dry_run or output is None else workers or usable_cores()
    launcher = context.with_resource(Launcher(ahead))
    from fashionbatch.api.labeling import label_options

    renamed = {"bundle": asked.pop("bundles"), "format": asked.pop("format_"), "shard": part}
    options = label_options(folder, output=output, files_from=files_from, workers=workers, **renamed, **asked)
    reporter = LabelingReporter(quiet=quiet)
    photo = None if show is None else label_photo(options, show, has_table=output is not None)
    if dry_run:
        _estimate(options, reporter)
    elif part is not None:
        _label_part(options, reporter, launcher, asked["job"])
    elif output is not None:
        _label(options, reporter, launcher, sort_into, way, strict=strict)
    if show is not None and photo is not None:
        is_asked = context.get_parameter_source("topk") is ParameterSource.COMMANDLINE
        photo.show(show, topk=options.rows.topk if is_asked else None, quiet=quiet)


def _label(
    options: LabelOptions,
    reporter: LabelingReporter,
    launcher: Launcher,
    sort_into: Path | None,
    way: Any,
    *,
    strict: bool,
) -> None:
    from fashionbatch.api.labeling import label_folder, require_no_failures
    from fashionbatch.labeling.job.machine import process_age_s

    began = time.monotonic() - process_age_s()
    with orderly_end(_STOPPING) as stop_signal:
        labels = label_folder(
            options,
            reporter=reporter,
            stop_signal=stop_signal,
            sort_into=sort_into,
            way=way,
            launcher=launcher,
            began=began,
        )
    assert labels.sidecar is not None
    if not reporter.quiet:
        _print_summary(options.output.shown, labels.sidecar, reporter.summary())
        if labels.sorted:
            click.echo(f"{printable(str(sort_into))}: {labels.sorted}")
    if strict:
        require_no_failures(labels)


def _label_part(options: LabelOptions, reporter: LabelingReporter, launcher: Launcher, job: Location | None) -> None:
    from fashionbatch.api.labeling import label_folder

    with orderly_end(_STOPPING) as stop_signal:
        labels = label_folder(options, reporter=reporter, stop_signal=stop_signal, launcher=launcher)
    if not reporter.quiet:
        shown = str(options.output.shown)
        click.echo(f"part {options.work.part} of {printable(shown)} is done: {counted(labels.rows, 'row')}")
        where = "" if job is None else f" --job {shlex.quote(str(job))}"
        click.echo(f"when all parts are, `fashionbatch merge {shlex.quote(shown)}{where}` makes the table")


def _estimate(options: LabelOptions, reporter: LabelingReporter) -> None:
    from fashionbatch.labeling.estimate import estimate

    with orderly_end("stopping") as stop_signal:
        found = estimate(options, reporter=reporter, stop_signal=stop_signal)
    size = f", {human_size(found.bytes)}" if found.bytes else ""
    click.echo(f"{counted(found.files, 'file')}{size}")
    if found.left_out:
        click.echo(f"left out: {', '.join(map(printable, found.left_out))}")
    rate = rate_text(found.rate, "files")
    click.echo(f"{rate} on a sample of {found.sample:,}: about {duration(found.files / found.rate)}")


def _print_summary(output: Location, sidecar: Sidecar, rate: str) -> None:
    from fashionbatch.labeling.source.left_out import left_out

    seconds = sidecar.times.seconds or 0.0
    noted = sidecar.counts.noted
    notes = {"ok": f" ({noted:,} with a note)"} if noted else {}
    statuses = ", ".join(
        f"{count:,} {status}{notes.get(status, '')}" for status, count in sidecar.counts.status.items()
    )
    click.echo(f"{printable(str(output))}: {counted(sidecar.rows, 'row')} in {duration(seconds)}{rate}: {statuses}")
    if sidecar.embeddings is not None:
        rows, size = sidecar.embeddings.shape
        click.echo(f"{printable(sidecar.embeddings.file)}: {counted(rows, 'row')} of {counted(size, 'feature')}")
    for bundle, counts in sidecar.counts.by_bundle():
        _print_labels(bundle, counts, sidecar.counts.status.get("ok", 0))
    seen = left_out(sidecar.files)
    if sidecar.files.unreadable_count:
        where, reason = sidecar.files.unreadable[0]
        seen[-1] += f", such as {where} ({reason})"
    if seen:
        click.echo(f"left out: {printable(', '.join(seen))}")


def _print_labels(bundle: str, counts: Mapping[str, int], files: int) -> None:
    """The most frequent labels; shares are of the labeled files, so that those of several labels may sum to more."""
    if bundle:
        click.echo(f"{bundle}:")
    if not counts:
        return
    shown = list(counts.items())[:_SHOWN_LABELS]
    rows = [[label or "(none)", f"{count:,}", f"{count / max(files, 1):.1%}"] for label, count in shown]
    for line in format_table(["label", "files", "share"], rows):
        click.echo(f"  {line}")
    if len(counts) > len(shown):
        click.echo(f"  and {counted(len(counts) - len(shown), 'more label')}")
