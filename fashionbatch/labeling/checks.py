"""Mistakes that can be told before anything is loaded or made."""

from __future__ import annotations

import os
import stat

from fashionbatch.errors import DataError, FashionBatchError, OutputError
from fashionbatch.labeling.job import JobPaths
from fashionbatch.labeling.options import LabelOptions


def check_options(options: LabelOptions, paths: JobPaths) -> None:
    """Look at the folder, at the place for the output, and at what goes together.

    Raises:
        DataError: the folder is not there.
        OutputError: the output cannot be made there, or it exists and no job of it is under way.
        FashionBatchError: options that do not go together.
    """
    if not options.bundles:
        raise FashionBatchError("no bundle was given", hint="-b/--bundle names the directory that training made")
    if options.files_from is None and (options.path_column or options.keep or options.null):
        raise FashionBatchError("--path-column, --keep and --null belong to --files-from")
    if options.files_from is not None and (options.include or options.exclude or options.previous):
        raise FashionBatchError("--files-from does not go together with --include, --exclude or --previous")
    if options.part is not None and options.restart:
        raise FashionBatchError("--restart would discard what other parts have done", hint="remove the job directory")
    try:
        mode = os.stat(options.folder).st_mode
    except OSError as error:
        raise DataError(f"{options.folder}: {error.strerror}", hint="give the folder of photos first") from None
    if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
        raise DataError(f"{options.folder}: neither a folder nor a file")
    parent = paths.output.parent
    if not parent.is_dir():
        raise OutputError(f"cannot write {options.output}: there is no folder {parent}", hint=f"mkdir -p {parent}")
    if os.path.lexists(paths.output) and not stat.S_ISREG(os.lstat(paths.output).st_mode):
        what = "a folder" if paths.output.is_dir() else "no plain file"
        raise OutputError(f"{options.output} is {what}; -o/--output names the table")
    if not paths.directory.exists():
        refuse_existing_output(options, paths)


def refuse_existing_output(options: LabelOptions, paths: JobPaths) -> None:
    """Insist on --overwrite where there is an output.

    Raises:
        OutputError: there is one.
    """
    if os.path.lexists(paths.output) and not options.overwrite:
        raise OutputError(f"{options.output} exists", hint="`--overwrite` replaces it when the new table is complete")
