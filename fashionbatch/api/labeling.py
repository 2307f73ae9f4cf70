"""Labeling folders from a program, and reading what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from fashionbatch.api import html
from fashionbatch.api.bundles import Bundle
from fashionbatch.api.checks import check_labeling
from fashionbatch.api.progress import Progress, reporter_of
from fashionbatch.api.settings import PathLike, Settings, as_bundles, as_path, as_settings, as_texts
from fashionbatch.errors import BundleError, RowError
from fashionbatch.interrupts import stop_asked_for
from fashionbatch.stores.address import Location, Url, as_location

if TYPE_CHECKING:
    import pandas as pd

    from fashionbatch.bundle.manifest import BundleManifest
    from fashionbatch.labeling.options import LabelOptions
    from fashionbatch.labeling.workers.launch import Launcher
    from fashionbatch.labels.sidecar import Sidecar
    from fashionbatch.progress import Reporter
    from fashionbatch.specs import Precision, StopSignal

SortWay = Literal["link", "copy", "move"]
_SHOWN_LABELS = 10


@dataclass(frozen=True)
class Labels:
    """A table that `classify` wrote, or one part of it.

    Attributes:
        path: the table, or its address in a store.
        rows: how many it has; of a part, how many that has.
        sidecar: how it was made and what is in it, as `TABLE.meta.json` holds it; None of a part, since the table is
            there when all parts are merged.
        sorted: what became of the files that were sorted into folders, as one line; empty where none were.
    """

    path: Location
    rows: int
    sidecar: Sidecar | None
    sorted: str = ""

    @property
    def counts(self) -> Mapping[str, int]:
        """Status -> rows; empty of a part."""
        return {} if self.sidecar is None else self.sidecar.counts.status

    @property
    def failed(self) -> int:
        """Rows without a label because their file could not be read."""
        return self.rows - self.counts.get("ok", 0) if self.sidecar is not None else 0

    def to_frame(self) -> pd.DataFrame:
        """The table in memory, as `fb.read_labels` reads it.

        Raises:
            DataError: it cannot be read, or is not there yet because other parts are missing.
        """
        return read_labels(self.path)

    def __repr__(self) -> str:
        return f"<Labels {str(self.path)!r}: {self.rows:,} rows>"

    def _repr_html_(self) -> str:
        rows: list[tuple[str, Any]] = [(f"status {status}", count) for status, count in self.counts.items()]
        for bundle, counts in self.sidecar.counts.by_bundle() if self.sidecar is not None else ():
            named = [(f"{bundle} {label or '(none)'}".strip(), count) for label, count in counts.items()]
            rows += named[:_SHOWN_LABELS]
            if len(named) > _SHOWN_LABELS:
                rows.append((f"{len(named) - _SHOWN_LABELS:,} more labels", None))
        return html.table((f"{self.rows:,} rows", "files"), rows, caption=str(self.path))


def label_options(
    folder: PathLike | Url | None,
    bundle: PathLike | Url | Iterable[PathLike | Url],
    output: PathLike | Url | None,
    *,
    embeddings: PathLike | Url | None,
    job: PathLike | Url | None,
    shard: tuple[int, int] | None,
    keep: str | Iterable[str] | None,
    previous: PathLike | Url | None,
    retry_errors: bool,
    **asked: Any,
) -> LabelOptions:
    """What a run is asked to do, by what it is about; every argument of `classify` that a run depends on is given."""
    from fashionbatch.labeling import options as groups
    from fashionbatch.labeling.job.staging import made_at
    from fashionbatch.labeling.products.options import RowOptions

    def given(*names: str, **renamed: str) -> dict[str, Any]:
        return {name: asked[name] for name in names} | {name: asked[option] for name, option in renamed.items()}

    # A default is not a name that the user wrote: where a plugin claims it, too, it still means the built-in component.
    runtime, engine = ({name: asked[name]} if asked[name] else {} for name in ("runtime", "engine"))
    overwrite = asked["overwrite"]
    beside = None if embeddings is None else as_location(embeddings)
    jobs = None if job is None else as_location(job)
    table, features, store = made_at(as_location(output or ""), beside, jobs, is_folder=asked["partitioned"])
    if retry_errors and previous is None:
        # Of the output itself, which the new one replaces.
        previous, overwrite = store or table, True
    columns = tuple(keep.split(",")) if isinstance(keep, str) and keep else tuple(keep or ())
    of_source = given("path_column", "null", "encoding", "all_files", "hidden", "follow_links", "limit")
    return groups.LabelOptions(
        bundles=as_bundles(bundle),
        source=groups.SourceOptions(
            as_location(folder or ""),
            files_from=None if asked["files_from"] is None else as_location(asked["files_from"]),
            keep=columns,
            include=as_texts(asked["include"]),
            exclude=as_texts(asked["exclude"]),
            **of_source,
        ),
        output=groups.OutputOptions(
            table,
            settings=as_settings(asked["format_set"]),
            embeddings=features,
            store=store,
            job=jobs if isinstance(jobs, Url) else None,
            overwrite=overwrite,
            **given("format", "partitioned", "restart"),
        ),
        rows=RowOptions(**given("topk", "probabilities", "threshold", "spreadsheet_safe", "accept_truncated")),
        compute=groups.ComputeOptions(
            **runtime,
            settings=as_settings(asked["runtime_set"]),
            **given("device", "precision", "measure", "batch_size"),
        ),
        work=groups.WorkOptions(
            **engine,
            settings=as_settings(asked["engine_set"]),
            part=shard and groups.Part(*shard),
            **given("workers", timeout_s="timeout"),
        ),
        reuse=groups.ReuseOptions(None if previous is None else as_location(previous), asked["match"], retry_errors),
    )


def label_folder(
    options: LabelOptions,
    *,
    reporter: Reporter,
    stop_signal: StopSignal,
    sort_into: Path | None = None,
    way: SortWay = "link",
    launcher: Launcher | None = None,
    began: float | None = None,
) -> Labels:
    """Run what the options ask for: the whole table, or the part that they name.

    Args:
        options: of the run.
        reporter: is told how far it is.
        stop_signal: asked now and then for the number of a signal that wants an end; 0 while there is none.
        sort_into: a folder that gets one for each label, with the files.
        way: how they get there.
        launcher: has perhaps started workers already; the caller closes it.
        began: when the run began, by `time.monotonic`, where that was before this is called.

    Raises:
        FashionBatchError: as `classify`.
    """
    from fashionbatch.labeling.checks import check_root
    from fashionbatch.labeling.run import label, label_part, sort_photos

    if options.work.part is not None:
        rows = label_part(options, reporter=reporter, stop_signal=stop_signal, launcher=launcher)
        return Labels(options.output.shown, rows, None)
    found: list[str] = []
    then = None
    if sort_into is not None:
        check_root(options, sort_into, way)

        def then(sidecar: Sidecar, root: Path = sort_into) -> None:
            found.append(str(sort_photos(options, sidecar, root, way, stop_signal=stop_signal, bar=reporter.bar)))

    report = label(options, reporter=reporter, stop_signal=stop_signal, then=then, launcher=launcher, began=began)
    return Labels(options.output.shown, report.sidecar.rows, report.sidecar, "".join(found))


def require_no_failures(labels: Labels) -> None:
    """Insist on a label for every file.

    Raises:
        RowError: some have none.
    """
    if labels.failed:
        files = "1 file" if labels.rows == 1 else f"{labels.rows:,} files"
        raise RowError(f"{labels.failed:,} of {files} could not be labeled; the table says why")


def classify(
    folder: PathLike | None,
    bundle: Bundle | PathLike | Iterable[PathLike],
    output: PathLike | Url,
    *,
    job: PathLike | Url | None = None,
    workers: int | None = None,
    batch_size: int = 8,
    topk: int = 1,
    probabilities: bool = False,
    threshold: float | None = None,
    format: str | None = None,  # noqa: A002 - as the option is called
    format_set: Settings = None,
    partitioned: bool = False,
    embeddings: PathLike | Url | None = None,
    all_files: bool = False,
    follow_links: bool = False,
    hidden: bool = False,
    include: str | Iterable[str] = (),
    exclude: str | Iterable[str] = (),
    limit: int | None = None,
    files_from: PathLike | Url | None = None,
    path_column: str | None = None,
    keep: str | Iterable[str] | None = None,
    encoding: str = "auto",
    null: bool = False,
    previous: PathLike | Url | None = None,
    match: Literal["time", "sha256"] = "time",
    retry_errors: bool = False,
    shard: tuple[int, int] | None = None,
    sort_into: PathLike | None = None,
    way: SortWay = "link",
    runtime: str | None = None,
    runtime_set: Settings = None,
    engine: str | None = None,
    engine_set: Settings = None,
    device: Literal["cpu", "gpu"] = "cpu",
    precision: Precision | Literal["auto"] = "auto",
    measure: bool = False,
    timeout: float = 30.0,
    accept_truncated: float | None = None,
    spreadsheet_safe: bool = False,
    overwrite: bool = False,
    restart: bool = False,
    strict: bool = False,
    progress: Progress = True,
) -> Labels:
    """Label every image in a folder: one row a file. It is the command of the same name.

    The run may be stopped at any moment, and the same call goes on where it stopped. Photos are decoded in processes of
    their own, which need no `if __name__ == "__main__"` in the caller's script.

    Args:
        folder: the folder, one file, or archives such as `shard-{000..146}.tar`; with `files_from` what the paths are
            relative to, None for the working directory.
        bundle: the bundle, its directory, or several of those.
        output: the table; its ending says the format. It may be an address in a store such as `s3://bucket/labels.csv`.
        job: a folder for what has been done of a table in a store, or an address there; None for one in the cache.
        workers: processes that decode; None for one a core.
        batch_size: images at once.
        topk: name the K most likely classes.
        probabilities: add a column for every class.
        threshold: leave the label empty below this probability.
        format: `csv`, `jsonl`, `parquet` or `xlsx`, or a plugin's; None goes by the ending.
        format_set: parameters of the format.
        partitioned: make the table a folder of parts (Parquet or JSON Lines), which can be read while the run goes on.
        embeddings: a `.npy` or `.parquet` file for each row's features.
        all_files: take every file, not only those with an image extension.
        follow_links: go into links to folders, into each folder once.
        hidden: take hidden files, and what systems leave, such as thumbnails.
        include: glob patterns; take only paths that match one.
        exclude: glob patterns; leave out paths that match one.
        limit: stop after so many files.
        files_from: label the files that a list names, in its order; it may lie in a store or on the web.
        path_column: the list is a CSV or Parquet file with the paths in this column.
        keep: columns of the list that the table takes over.
        encoding: of the list; `auto` finds out.
        null: paths in the list end with a NUL byte.
        previous: an earlier table, whose rows of unchanged files are reused; it may be an address in a store.
        match: what is unchanged: size and time, or the content, `sha256`.
        retry_errors: do over what has no label, in `previous` or in the output itself.
        shard: do one part, such as (2, 8), the second of eight; `fashionbatch merge` joins the parts.
        sort_into: put each file into a folder of its label, in this one.
        way: ... as links, copies, or by moving it.
        runtime: what computes; None for OpenVINO.
        runtime_set: parameters of the runtime.
        engine: what runs the shards; None for this machine.
        engine_set: parameters of the engine.
        device: `cpu` or `gpu`.
        precision: of the arithmetic; `auto` takes the fastest that kept the labels in validation.
        measure: time the precisions on this machine anew, for `auto`.
        timeout: seconds to decode one file.
        accept_truncated: label a JPEG or PNG that lacks up to this share of its rows, with a note; None for what the
            bundle says.
        spreadsheet_safe: put an apostrophe before text that looks like a formula.
        overwrite: replace the output if it exists, once the new one is complete.
        restart: discard what an earlier run of the same output has done.
        strict: raise where a file could not be labeled; the table is there all the same.
        progress: True for a bar and lines, False for silence, or a function that takes each line.

    Returns:
        The table; `to_frame` reads it.

    Raises:
        ValueError: an argument is out of its range, or there is neither a folder nor a list.
        TypeError: an argument is of another type.
        DataError: the folder is missing, unreadable or without images.
        BundleError: a bundle is missing, damaged or foreign.
        RuntimeUnavailableError: this machine does not offer what was asked for.
        OutputError: the output exists, cannot be written, is held by another run, or belongs to another job.
        InterruptedRunError: Ctrl-C or a notebook's stop button; what was done is kept. A second one ends it at once.
        RowError: `strict` is asked for, and some files have no label.

    Example:
        >>> import fashionbatch as fb
        >>> labels = fb.classify("photos", "runs/first/bundle", "labels.csv")  # doctest: +SKIP
        >>> labels.to_frame().label.value_counts()  # doctest: +SKIP
    """
    given = {name: value for name, value in locals().items() if name not in {"sort_into", "way", "strict", "progress"}}
    check_labeling(**given, way=way)
    if isinstance(bundle, Bundle):
        given["bundle"] = bundle.path
    reporter = reporter_of(progress)
    options = label_options(**given)
    with stop_asked_for() as stop_signal:
        root = as_path(sort_into)
        labels = label_folder(options, reporter=reporter, stop_signal=stop_signal, sort_into=root, way=way)
    if labels.sorted:
        reporter.show(f"{sort_into}: {labels.sorted}")
    if strict:
        require_no_failures(labels)
    return labels


def read_labels(
    path: PathLike | Url,
    format: str | None = None,  # noqa: A002 - as pandas calls it
    *,
    encoding: str = "auto",
    bundle: PathLike | None = None,
) -> pd.DataFrame:
    """Read a label table into memory, with types.

    Args:
        path: a table that `classify` wrote, or any other one in its formats; it may be an address in a store.
        format: `csv`, `jsonl`, `parquet` or `xlsx`; None goes by the ending of the name.
        encoding: of a CSV file; `auto` finds out, and warns where it is not UTF-8.
        bundle: whose order the labels have; None takes those that the table's sidecar names, where they still are.

    Returns:
        A row a file, in the table's order. `status` and columns of one label, `label`, `top2_label` or a group's name,
        are categorical, in the bundle's order, or by name where no bundle is found; NaN where a row has none.
        Probabilities are `Float64`, `<NA>` where a row has none. All else is text, as `fashionbatch.labels.read` gives
        it: `filepath` may hold bytes that are no UTF-8, as lone surrogates.

    Raises:
        DataError: the table is missing or damaged, and the message names the line; or it has no paths or no labels.
        BundleError: `bundle` is none.

    Example:
        >>> import fashionbatch as fb
        >>> table = fb.read_labels("labels.csv")  # doctest: +SKIP
        >>> table[table.status == "ok"].groupby("label", observed=True).prob.mean()  # doctest: +SKIP
    """
    from fashionbatch.api.frames import categories_of, found_categories, require_labels, with_types
    from fashionbatch.bundle.open import read_manifest
    from fashionbatch.labels.reader import read
    from fashionbatch.labels.sidecar import sidecar_of

    location = as_location(path)
    table = read(location, format, encoding=encoding)
    require_labels(location, table.columns)
    sidecar = sidecar_of(location)
    kept = () if sidecar is None else sidecar.options.keep
    manifests = [("", read_manifest(bundle if isinstance(bundle, str) else Path(bundle)).manifest)] if bundle else []
    if not manifests and sidecar is not None:
        manifests = _manifests_behind(sidecar)
    categories = found_categories(table, kept)
    for prefix, manifest in manifests:
        categories |= categories_of(manifest, [name for name in table.columns if name not in kept], prefix)
    numbers = [name for name in table.columns if table[name].dtype == "float64" and name not in kept]
    return with_types(table, categories, numbers)


def _manifests_behind(sidecar: Sidecar) -> list[tuple[str, BundleManifest]]:
    """What the bundles of a table say of themselves, as far as they are where they were; with their columns' prefix."""
    from fashionbatch.bundle.open import read_manifest

    found = []
    for one in sidecar.bundles:
        try:
            opened = read_manifest(one.path)
        except BundleError:
            continue
        if opened.digest == one.digest:
            found.append((f"{one.name}_" if len(sidecar.bundles) > 1 else "", opened.manifest))
    return found
