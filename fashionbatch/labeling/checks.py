"""Mistakes that can be told before anything is loaded or made."""

from __future__ import annotations

import contextlib
import os
import shlex
import stat
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from fashionbatch.bundle.open import read_manifest
from fashionbatch.csvtext import AUTO
from fashionbatch.errors import DataError, FashionBatchError, OutputError
from fashionbatch.images.formats import HEAD_BYTES, sniff
from fashionbatch.labeling.job.paths import JobPaths
from fashionbatch.labeling.job.record import read_job
from fashionbatch.labeling.options import ComputeOptions, LabelOptions, OutputOptions, SourceOptions
from fashionbatch.labeling.products.embeddings import format_of
from fashionbatch.labeling.products.sorting import Way
from fashionbatch.labeling.source.request import ListOptions, is_parquet_list, text_of_list
from fashionbatch.labels.parts import check_folder, own_parts
from fashionbatch.names import path_alike
from fashionbatch.stores.address import Url, archives_in
from fashionbatch.stores.archives.naming import archives_of
from fashionbatch.stores.reaching import require_store
from fashionbatch.stores.writing import require_writable_store

_USUAL_NAME_MAX = 255
_LIST_ENDINGS = frozenset({".csv", ".tsv", ".txt", ".lst", ".list", ".json", ".jsonl", ".ndjson", ".parquet"})


def check_options(options: LabelOptions, paths: JobPaths) -> None:
    """Look at the folder, at the place for the output, and at what goes together.

    Raises:
        DataError: the folder is not there.
        OutputError: the output cannot be made there, or it exists and no job of it is under way.
        FashionBatchError: options that do not go together.
    """
    if not options.bundles:
        raise FashionBatchError("no bundle was given", hint="-b/--bundle names the directory that training made")
    source, output, reuse = options.source, options.output, options.reuse
    if source.files_from is None and (source.path_column or source.keep or source.null or source.encoding != AUTO):
        raise FashionBatchError("--path-column, --keep, --null and --encoding belong to --files-from")
    if source.files_from is not None and (source.include or source.exclude):
        raise FashionBatchError("--files-from does not go together with --include or --exclude")
    _check_list(source)
    if reuse.retry_errors and reuse.previous is None:
        raise FashionBatchError("--retry-errors needs an earlier table, which --previous names")
    _check_precision(options.compute)
    if output.embeddings is not None:
        _check_use_of_embeddings(options)
        if output.store is None:
            check_embeddings(output.embeddings, paths)
        else:
            format_of(output.embeddings)
    if options.work.part is not None and output.restart:
        raise FashionBatchError("--restart would discard what other parts have done", hint="remove the job directory")
    _check_source(source)
    if str(output.table) == "-":
        raise OutputError(
            "-o/--output names a file, not standard output: a run that is stopped goes on with it",
            hint="write it to a file, such as -o labels.csv",
        )
    if output.store is None:
        _check_place(output, paths)
    else:
        check_name(paths)
        _check_addresses(output, output.store, source)


def _check_addresses(output: OutputOptions, table: Url, source: SourceOptions) -> None:
    """See that table and job can lie in stores, and that the job's files are not taken for photos."""
    require_writable_store(table)
    if output.job is None:
        return
    require_writable_store(output.job)
    folder = str(source.folder).rstrip("/") + "/"
    if isinstance(source.folder, Url) and source.all_files and f"{output.job}/".startswith(folder):
        raise OutputError(f"{output.job}: lies below {source.folder}, of which --all-files takes every file")


def _check_list(source: SourceOptions) -> None:
    """Look at what goes together with a list that is a table of its own kind."""
    if isinstance(source.files_from, Url):
        require_store(source.files_from)
    if source.files_from is not None and is_parquet_list(source.files_from):
        if source.null or source.encoding != AUTO:
            raise FashionBatchError("--null and --encoding are for lists that are text, and Parquet is none")
        if find_spec("pyarrow") is None:
            raise FashionBatchError(
                f"{source.files_from}: reading Parquet needs pyarrow, which is not installed",
                hint="pip install 'fashionbatch[parquet]'",
            )


def _check_place(output: OutputOptions, paths: JobPaths) -> None:
    """Look at where on this machine the table goes, and what is there."""
    parent = paths.output.parent
    if not parent.is_dir():
        raise OutputError(f"cannot write {output.table}: there is no folder {parent}", hint=f"mkdir -p {parent}")
    check_name(paths)
    if output.partitioned:
        check_folder(paths.output)
    elif os.path.lexists(paths.output) and not stat.S_ISREG(os.lstat(paths.output).st_mode):
        what = "a folder" if paths.output.is_dir() else "no plain file"
        raise OutputError(f"{output.table} is {what}; -o/--output names the table")
    for beside in (paths.meta, paths.files):
        # A run of hours is not to find that out at its end.
        if os.path.exists(beside) and not beside.is_file():
            raise OutputError(f"{beside} is no plain file, and in the way of what belongs to {output.table}")
    if not paths.directory.exists():
        refuse_existing_output(output)


def _check_precision(compute: ComputeOptions) -> None:
    if compute.measure and compute.precision != "auto":
        raise FashionBatchError(
            f"--measure and --precision {compute.precision} do not go together",
            hint="--measure is for `--precision auto`, which takes what was measured",
        )


def _check_source(source: SourceOptions) -> None:
    """Look at what is labeled: a folder, or one photo; a list of photos belongs elsewhere."""
    folder = source.folder
    if isinstance(folder, Url):
        _check_address(folder, source)
        return
    archives = archives_of(folder)
    if archives and source.files_from is not None:
        raise FashionBatchError(f"{folder} is an archive, and --files-from names files that lie in folders")
    if len(archives) > 1 or archives[:1] not in {(), (folder,)}:
        _check_archives(archives)
        return
    try:
        mode = os.stat(folder).st_mode
    except OSError as error:
        meant = path_alike(folder)
        hint = "give the folder of photos first" if meant is None else f"did you mean {meant}?"
        if set("*?[") & set(folder.name):
            hint = f"give the folder, and which of its files by --include: {folder.parent} --include '{folder.name}'"
        raise DataError(f"{folder}: {error.strerror}", hint=hint) from None
    if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
        raise DataError(f"{folder}: neither a folder nor a file")
    if source.files_from is None and stat.S_ISREG(mode) and folder.suffix.lower() in _LIST_ENDINGS:
        _refuse_list(folder)


def _check_address(url: Url, source: SourceOptions) -> None:
    archives = archives_in(url)
    if url.is_web and not archives:
        raise DataError(
            f"{url}: the web has no folders that could be listed",
            hint="write the addresses of photos into a list for --files-from",
        )
    if source.files_from is not None:
        raise FashionBatchError("--files-from takes its paths from a folder on this machine, not from a store")
    require_store(url)


def _check_archives(archives: Sequence[Path]) -> None:
    """See that all of several archives are there, before the first of them is read."""
    missing = [archive for archive in archives if not archive.is_file()]
    if missing:
        what = "is not there" if len(missing) == 1 else f"and {len(missing) - 1:,} more are not there"
        raise DataError(f"{missing[0]}: {what}", hint=f"of {len(archives):,} archives that the braces name")


def _refuse_list(file: Path) -> None:
    with contextlib.suppress(OSError), file.open("rb") as opened:
        # A photo keeps being one, whatever it is called.
        if sniff(opened.read(HEAD_BYTES)) is None:
            raise DataError(
                f"{file}: is a list, not a photo or a folder of photos",
                hint=f"--files-from {shlex.quote(str(file))} labels the files that it names",
            )


def check_name(paths: JobPaths) -> None:
    """See that the output's name leaves room for what is added to it, such as `.meta.json`.

    Raises:
        OutputError: the name is too long for the file system.
    """
    length = len(os.fsencode(paths.output.name))
    excess = max(len(os.fsencode(name)) for name in paths.own_names) - _longest_name(paths.output.parent)
    if excess > 0:
        raise OutputError(
            f"{paths.output.name}: {length} bytes are too long for a table's name here: "
            f"with what is added to it for its sidecars, {excess} bytes too long",
            hint=f"give -o/--output a name of at most {length - excess} bytes",
        )


def _longest_name(folder: Path) -> int:
    try:
        return os.pathconf(folder, "PC_NAME_MAX")
    except (OSError, ValueError):
        return _USUAL_NAME_MAX


def check_embeddings(path: Path, paths: JobPaths) -> None:
    """Look at the place for the embeddings.

    Raises:
        OutputError: they cannot be made there.
        FashionBatchError: the ending is that of no format, or what the format needs is not installed.
    """
    format_of(path)
    if not path.parent.is_dir():
        raise OutputError(f"cannot write {path}: there is no folder {path.parent}", hint=f"mkdir -p {path.parent}")
    if os.path.realpath(path) == os.path.realpath(paths.output):
        raise OutputError(f"{path}: -o/--output and --embeddings name the same file")
    if os.path.lexists(path) and not stat.S_ISREG(os.lstat(path).st_mode):
        raise OutputError(f"{path} is no plain file; --embeddings names the file for the features")


def _check_use_of_embeddings(options: LabelOptions) -> None:
    if len(options.bundles) > 1:
        raise FashionBatchError(
            "--embeddings takes the features of one bundle", hint="run classify once for each bundle"
        )
    if options.reuse.previous is not None:
        raise FashionBatchError(
            "--embeddings does not go together with --previous or --retry-errors: an earlier table holds no features",
            hint="leave them out to label all files",
        )


def refuse_existing_output(output: OutputOptions) -> None:
    """Insist on --overwrite where there is an output.

    Raises:
        OutputError: the output exists.
    """
    if not (output.partitioned and _may_be_filled(JobPaths(output.table.absolute()))):
        when = "when the run begins" if output.partitioned else "when the new one is complete"
        refuse_existing(output.table, overwrite=output.overwrite, when=when)
    if output.embeddings is not None:
        refuse_existing(output.embeddings, overwrite=output.overwrite)


def _may_be_filled(paths: JobPaths) -> bool:
    """Whether the folder that the table is to be is empty, or belongs to a job that is under way."""
    # What is wrong with a damaged job is told by whoever goes on with it; `--restart` does not.
    with contextlib.suppress(OutputError):
        job = read_job(paths)
        if job is not None:
            return job.options.partitioned is not None
    return paths.output.is_dir() and not own_parts(paths.output)


def refuse_existing(path: Path, *, overwrite: bool, when: str = "when the new one is complete") -> None:
    """Insist on --overwrite where there is a file.

    Args:
        path: of the file.
        overwrite: whether it was given.
        when: it is replaced.

    Raises:
        OutputError: the file exists, and it was not asked for replacing it.
    """
    if os.path.lexists(path) and not overwrite:
        raise OutputError(f"{path} exists", hint=f"`--overwrite` replaces it {when}")


def are_files(source: SourceOptions) -> bool:
    """Whether all that is labeled are files of this machine, which can be linked to and moved.

    Of a list that is text, its addresses are none, and are left alone where files are placed.
    """
    if source.files_from is None:
        return isinstance(source.folder, Path) and not archives_of(source.folder)
    if not is_parquet_list(source.files_from):
        return True
    from fashionbatch.labeling.source.parquet_list import count_images

    return count_images(ListOptions(text_of_list(source.files_from), source.path_column, source.keep)) is None


def check_root(options: LabelOptions, into: Path, way: Way) -> None:
    """Refuse what could not be done after hours of labeling.

    Raises:
        FashionBatchError: several bundles, or a root that is not apart from the folder.
        OutputError: the root is not a directory.
    """
    if len(options.bundles) > 1:
        raise FashionBatchError("--sort-into needs one bundle: a file has one place")
    if options.rows.spreadsheet_safe:
        raise FashionBatchError("--sort-into and --spreadsheet-safe do not go together: labels name the folders")
    if way != "copy" and not are_files(options.source):
        raise FashionBatchError(
            f"--sort-into cannot {way} what is no file of this machine, such as a member of an archive",
            hint="--copy puts copies there",
        )
    root = Path(os.path.realpath(into))
    where = options.source.folder
    folder = None if isinstance(where, Url) else Path(os.path.realpath(where))
    if folder and folder.is_dir() and (root == folder or root.is_relative_to(folder) or folder.is_relative_to(root)):
        raise FashionBatchError(
            f"--sort-into {into} and {options.source.folder} lie in one another",
            hint="give a folder beside it, so that the next run does not label the sorted files",
        )
    if into.exists() and not into.is_dir():
        raise OutputError(f"--sort-into {into}: is no folder")
    if way == "move" and any(read_manifest(bundle).manifest.rule.has_many for bundle in options.bundles):
        raise FashionBatchError("--move needs one label a file; this bundle gives several", hint="--link or --copy")
