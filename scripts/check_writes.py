"""Finds what writes, renames, syncs or locks files outside of `fashionbatch.disk`; `make lint` runs it.

    python scripts/check_writes.py fashionbatch plugins/fashionbatch_plugins

A write that goes another way is one that the tests cannot kill in the middle. What needs no such care is excused by a
comment on its lines that says why: `# disk: a pipe`.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

DISK = Path("fashionbatch/disk")
# What the contract suites write lies in temporary folders.
NOT_LOOKED_AT = (DISK, Path("fashionbatch/testing"))
EXCUSE = "# disk: "

# Functions by their module; a name that is imported from it counts as well.
_FUNCTIONS = {
    "os": {
        "copy_file_range",
        "fdatasync",
        "fsync",
        "ftruncate",
        "link",
        "rename",
        "renames",
        "replace",
        "sendfile",
        "symlink",
        "sync",
        "truncate",
    },
    "fcntl": {"flock", "lockf"},
    "shutil": {"copy", "copy2", "copyfile", "copytree", "move"},
}
# Scratch files in the system's folder for them are nobody's output; in a folder that is chosen they are.
_SCRATCH = {"mkdtemp", "mkstemp", "NamedTemporaryFile"}
# Methods that only paths have.
_PATH_METHODS = {"hardlink_to", "symlink_to", "touch", "write_bytes", "write_text"}
# Methods that others have too: those of a path take one argument, strings' and dates' take two or none without a name.
_RENAMES = {"rename", "replace"}
# Functions of libraries that take a path or an open file; the argument that it is. An open file has one of these names.
_SAVERS = {
    "plot_model": 1,
    "save": 0,
    "save_model": 1,
    "save_weights": 0,
    "savefig": 0,
    "savetxt": 0,
    "savez": 0,
    "savez_compressed": 0,
    "to_csv": 0,
    "to_json": 0,
    "to_parquet": 0,
}
_OPEN_FILES = {"buffer", "content", "file", "stream"}
_WRITING_FLAGS = {"O_APPEND", "O_CREAT", "O_RDWR", "O_TRUNC", "O_WRONLY"}


class Finding(NamedTuple):
    """A place that writes by itself.

    Attributes:
        path: the module.
        line: the line in it.
        what: the function.
    """

    path: Path
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what} outside of {DISK}: call what is there, or add it there"


def findings(root: Path, folders: list[Path]) -> Iterator[Finding]:
    """Every place below some folders that writes by itself.

    Args:
        root: of the repository.
        folders: relative to the root.
    """
    for folder in folders:
        for path in sorted((root / folder).rglob("*.py")):
            relative = path.relative_to(root)
            if not any(relative.is_relative_to(folder) for folder in NOT_LOOKED_AT):
                yield from _findings_in(relative, path.read_text(encoding="utf-8"))


def _findings_in(path: Path, text: str) -> Iterator[Finding]:
    lines = text.splitlines()
    tree = ast.parse(text, str(path))
    imported = {
        alias.asname or alias.name: (node.module or "", alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        what = _what_writes(node, imported)
        excused = any(EXCUSE in line for line in lines[node.lineno - 1 : node.end_lineno])
        if what is not None and not excused:
            yield Finding(path, node.lineno, what)


def _what_writes(call: ast.Call, imported: dict[str, tuple[str, str]]) -> str | None:
    """The name of the function, where the call writes."""
    module, name = _called(call.func, imported)
    if name in _FUNCTIONS.get(module, ()):
        return f"{module}.{name}"
    if module == "tempfile":
        return f"{module}.{name} with dir" if name in _SCRATCH and _keyword(call, "dir") is not None else None
    if (module, name) == ("os", "open"):
        return "os.open" if _opens_for_writing(call) else None
    if (module, name) in {("builtins", "open"), ("io", "open")}:
        return _open_in_mode(call, position=1)
    return _method(call, name) if not module else None


def _method(call: ast.Call, name: str) -> str | None:
    if name == "open":
        return _open_in_mode(call, position=0)
    if name in _PATH_METHODS or (name in _RENAMES and _has_one_argument(call, "target")):
        return f".{name}"
    return _saver(call, name)


def _saver(call: ast.Call, name: str) -> str | None:
    position = _SAVERS.get(name)
    if position is None or len(call.args) <= position or (name == "save" and not _is_of_numpy(call.func)):
        return None
    target = call.args[position]
    is_open = isinstance(target, ast.Name) and target.id in _OPEN_FILES
    return None if is_open else f"{name} to a path"


def _is_of_numpy(function: ast.expr) -> bool:
    # Much else is saved, not all of it to files.
    return isinstance(function, ast.Attribute) and ast.unparse(function.value) in {"np", "numpy"}


def _has_one_argument(call: ast.Call, name: str) -> bool:
    if call.keywords:
        return not call.args and [keyword.arg for keyword in call.keywords] == [name]
    return len(call.args) == 1


def _called(function: ast.expr, imported: dict[str, tuple[str, str]]) -> tuple[str, str]:
    """The module, where it can be told, and the name of a function."""
    if isinstance(function, ast.Name):
        return imported.get(function.id, ("builtins", function.id))
    if not isinstance(function, ast.Attribute):
        return "", ""
    if isinstance(function.value, ast.Name):
        module = function.value.id
        if module in {*_FUNCTIONS, "io", "tempfile"}:
            return module, function.attr
    return "", function.attr


def _opens_for_writing(call: ast.Call) -> bool:
    names = {node.attr for argument in call.args for node in ast.walk(argument) if isinstance(node, ast.Attribute)}
    return bool(names & _WRITING_FLAGS) and "devnull" not in names


def _open_in_mode(call: ast.Call, *, position: int) -> str | None:
    given = call.args[position] if len(call.args) > position else _keyword(call, "mode")
    if not isinstance(given, ast.Constant) or not isinstance(given.value, str):
        return None
    return f"open in mode {given.value!r}" if set(given.value) & set("wax+") else None


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


def main() -> int:
    """Print every finding; 1 where there is one."""
    found = list(findings(Path.cwd(), [Path(folder) for folder in sys.argv[1:]]))
    for finding in found:
        print(finding)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
