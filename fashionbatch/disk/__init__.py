"""Files and directories that are there whole or not at all, whatever is killed when.

Everything that FashionBatch leaves on a disk goes through here: it is written under a temporary name, fsynced and
renamed, and its directory is fsynced, so that a name that can be seen stands for data that a power failure cannot take
back. No other module renames, fsyncs, locks or opens a file for writing; `make lint` sees to it.

- `write_file`, `writing`, `StagedFile`: a whole file; `write_new` for one in a directory that nobody sees yet.
- `new_directory`: a whole directory, which takes the place of an earlier one in one step.
- `give_second_name`: a finished file, in a second place, too.
- `append_line`: one more line of a file that only grows.
- `copy_into`, `move_into`, `put_into`: files into a directory in which nothing is ever replaced.
- `open_regular`, `read_regular`: a file that somebody names, and never a pipe or a device.
- `scratch_folder`: a folder for temporary files, which is gone after them.
- `Lock`: keeps other processes away.
- `Contents`, `OwnDirectory`: what of a directory is FashionBatch's; only that is removed, and never through a link.
- `remove_leftovers`, `remove_leftovers_in`: what killed processes left.

Temporary names are random, and are opened so that a link, a pipe or a file that somebody has put there is never
followed. `steps.step` is called before each change of the disk: there the tests kill the process or let it fail.
"""

from fashionbatch.disk.appending import append_line
from fashionbatch.disk.contents import Contents, OwnDirectory
from fashionbatch.disk.copies import (
    copy_into,
    finish_moving,
    link_into,
    move_into,
    move_link_into,
    open_inside,
    put_into,
    remove_staged,
)
from fashionbatch.disk.directories import new_directory
from fashionbatch.disk.errors import BEGIN_AGAIN, output_errors
from fashionbatch.disk.files import (
    StagedFile,
    copy_new,
    give_second_name,
    link_or_copy,
    make_directory,
    remove,
    remove_tree,
    rename,
    require_writable,
    sync_directory,
    write_file,
    write_new,
    writing,
)
from fashionbatch.disk.locks import Lock, LockedError, is_locked
from fashionbatch.disk.names import (
    is_temporary_name_of,
    leftovers,
    remove_leftovers,
    remove_leftovers_in,
    temporary_name,
)
from fashionbatch.disk.reading import UnreadableError, open_regular, read_regular, why_unreadable
from fashionbatch.disk.scratch import scratch_error, scratch_errors, scratch_folder

__all__ = [
    "BEGIN_AGAIN",
    "Contents",
    "Lock",
    "LockedError",
    "OwnDirectory",
    "StagedFile",
    "UnreadableError",
    "append_line",
    "copy_into",
    "copy_new",
    "finish_moving",
    "give_second_name",
    "is_locked",
    "is_temporary_name_of",
    "leftovers",
    "link_into",
    "link_or_copy",
    "make_directory",
    "move_into",
    "move_link_into",
    "new_directory",
    "open_inside",
    "open_regular",
    "output_errors",
    "put_into",
    "read_regular",
    "remove",
    "remove_leftovers",
    "remove_leftovers_in",
    "remove_staged",
    "remove_tree",
    "rename",
    "require_writable",
    "scratch_error",
    "scratch_errors",
    "scratch_folder",
    "sync_directory",
    "temporary_name",
    "why_unreadable",
    "write_file",
    "write_new",
    "writing",
]
